"""The cases of a suite, found without running it."""

import importlib
import pkgutil
import sys
from pathlib import Path

import hypothesis
import pytest

from conformance import suite
from conformance.contract.clauses import load_clauses
from conformance.runner.case_names import clauses_of
from conformance.runner.collection import cases_in


def test_cases_are_named_as_in_results_in_the_order_of_the_suite(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(
        "import pytest\n"
        "@pytest.mark.clause('DOC-01')\n@pytest.mark.parametrize('name', ['b', 'a'])\n"
        "def test_members(name, a_fixture_that_needs_a_run): ...\n"
        "@pytest.mark.clause('LIF-01')\ndef test_life(): ...\n",
        encoding="utf-8",
    )
    assert cases_in(tmp_path) == [("DOC-01", "members:b"), ("DOC-01", "members:a"), ("LIF-01", "life")]


def test_a_case_that_needs_more_depth_is_there_with_that_depth_only(tmp_path: Path) -> None:
    (tmp_path / "test_deep.py").write_text(
        "import pytest\n"
        "@pytest.mark.clause('KIL-01')\ndef test_kill(): ...\n"
        "@pytest.mark.depth(2)\n@pytest.mark.clause('KIL-01')\ndef test_next(): ...\n",
        encoding="utf-8",
    )
    assert cases_in(tmp_path) == [("KIL-01", "kill")]
    assert cases_in(tmp_path, depth=2) == [("KIL-01", "kill"), ("KIL-01", "next")]


def test_a_module_that_cannot_be_imported_is_an_error_of_the_kit(tmp_path: Path) -> None:
    (tmp_path / "test_broken.py").write_text("import no_such_module\n", encoding="utf-8")
    with pytest.raises(RuntimeError, match=r"(?s)test_broken.py cannot be collected.*no_such_module"):
        cases_in(tmp_path)


def test_what_was_collected_can_be_run_in_the_same_process_with_the_settings_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "test_settings.py").write_text(
        "import hypothesis, pytest\nsettings_at_import = hypothesis.settings()\n"
        "@pytest.mark.clause('LIF-01')\ndef test_life(): ...\n",
        encoding="utf-8",
    )
    before = hypothesis.settings()
    try:
        cases_in(tmp_path)
        module = sys.modules["test_settings"]
        assert (module.settings_at_import.deadline, module.settings_at_import.database) == (None, None)
    finally:
        hypothesis.settings.register_profile("before", before)
        hypothesis.settings.load_profile("before")


def marked(*clauses: str) -> list[object]:
    return [pytest.param(clause, marks=pytest.mark.clause(clause)) for clause in clauses]


class TestClausesOfAFunction:
    """They decide which tests are collected at all: one that is overlooked would be a case that never runs."""

    def test_of_its_own_mark_and_of_its_parameters(self) -> None:
        @pytest.mark.clause("DOC-01")
        @pytest.mark.parametrize("name", ["a", pytest.param("b", marks=[pytest.mark.timeout(1)])])
        @pytest.mark.parametrize("clause", marked("MET-01", "MET-02"))
        def function() -> None: ...

        assert clauses_of(function) == {"DOC-01", "MET-01", "MET-02"}

    def test_nothing_is_known_without_a_mark(self) -> None:
        assert clauses_of(lambda: None) == frozenset()

    def test_parameters_that_can_be_read_only_once_are_left_to_pytest(self) -> None:
        parameters = iter(marked("MET-01"))

        @pytest.mark.clause("DOC-01")
        @pytest.mark.parametrize("clause", parameters)
        def function() -> None: ...

        assert clauses_of(function) == frozenset()
        assert len(list(parameters)) == 1


def test_the_marks_of_every_test_of_the_suite_say_its_clauses() -> None:
    for found in pkgutil.iter_modules(suite.__path__):
        if found.name.startswith("test_"):
            functions = vars(importlib.import_module(f"{suite.__name__}.{found.name}"))
            for name, function in functions.items():
                if name.startswith("test_"):
                    clauses = clauses_of(function)
                    assert clauses, name
                    assert clauses <= load_clauses().keys(), name
