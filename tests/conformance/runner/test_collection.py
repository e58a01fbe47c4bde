"""The cases of a suite, found without running it."""

import sys
from pathlib import Path

import hypothesis
import pytest

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
