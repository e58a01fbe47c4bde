"""What `pulse explain` says of each clause: there is something for every clause, and it has the agreed form."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import conformance
import conformance.contract.explanations
from conformance.contract.clauses import load_clauses
from conformance.contract.explanations import LANGUAGES, load_explanations, load_requirements

FOLDER = Path(conformance.contract.explanations.__file__).parent
CASES = tomllib.loads(Path(__file__).with_name("measured_cases.toml").read_text(encoding="utf-8"))


def functions_of_the_suite() -> dict[str, set[str]]:
    """Clause → the cases of the suite, without their parameters."""
    names = Path(conformance.__file__).with_name("case_names.txt").read_text(encoding="utf-8")
    found: dict[str, set[str]] = {clause: set() for clause in load_clauses()}
    for line in names.splitlines():
        if not line.startswith(("#", "gone ")):
            clause, _, name = line.partition(" ")
            found[clause].add(name.partition(":")[0])
    return found


def test_every_clause_is_explained_and_nothing_else() -> None:
    assert load_clauses().keys() == load_explanations().keys() == load_requirements().keys()


def test_the_entries_are_in_the_order_of_their_ids() -> None:
    for group in {clause.partition("-")[0] for clause in load_explanations()}:
        ids = [clause for clause in load_explanations() if clause.startswith(group)]
        assert ids == sorted(ids)


@pytest.mark.parametrize("clause", load_explanations())
def test_an_entry_says_how_it_is_measured_how_it_is_mended_and_where_the_traps_are(clause: str) -> None:
    explanation = load_explanations()[clause]
    assert explanation.traps
    assert list(explanation.traps) == [language for language in LANGUAGES if language in explanation.traps]
    for text in (explanation.measured, explanation.fix, *explanation.traps.values()):
        assert text.endswith((".", "?", "`", ")"))
        assert text.count("`") % 2 == 0, text
        assert "[" not in re.sub(r"`[^`]*`", "", text), "not Markdown: a terminal shows it as it is"


def test_what_is_measured_mentions_each_case_of_the_suite() -> None:
    assert {clause: set(cases) for clause, cases in CASES.items()} == functions_of_the_suite()
    for clause, cases in CASES.items():
        for case, words in cases.items():
            assert len(words) >= 4, case
            assert words in load_explanations()[clause].measured, (clause, case)


def test_the_reasons_and_the_evidence_are_those_of_the_contract() -> None:
    requirement = load_requirements()["FLT-04"]
    assert requirement.text[0].startswith("When the fsync of the temp fails, the writer MUST NOT replace the target")
    assert requirement.why.startswith("After a failed fsync the kernel may drop the dirty pages")
    assert "Don't retry fsync calls after EIO failure" in requirement.evidence
    assert requirement.reports == {"wiredtiger/wiredtiger#4072": "https://github.com/wiredtiger/wiredtiger/issues/4072"}


def test_brackets_that_are_no_links_stay() -> None:
    evidence = load_requirements()["PWR-02"].evidence
    assert "[Errno 22] Invalid argument" in evidence
    assert "google/renameio#11; google/renameio#42" in evidence
    assert "the algorithm of the original specification" in evidence


def test_a_clause_that_is_like_another_has_its_traps() -> None:
    found = load_explanations()
    assert found["DOC-05"].traps == found["DOC-04"].traps
    assert found["DOC-06"].traps["shell"] == found["DOC-04"].traps["shell"]
    assert found["DOC-06"].traps["Node"] != found["DOC-04"].traps["Node"]


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("doc_clauses.toml", "[DOC-01]\nmeasured = 'a.'\nfix = 'b.'\n[DOC-01.traps]\nCobol = 'c.'", "Cobol"),
        ("doc_clauses.toml", "[DOC-01]\nmeasured = 'a.'\nfix = 'b.'\nwhy = 'd.'\n[DOC-01.traps]\nGo = 'c.'", "why"),
        ("doc_clauses.toml", "[REF-01]\nmeasured = 'a.'\nfix = 'b.'\n[REF-01.traps]\nGo = 'c.'", "wrong file"),
    ],
)
def test_a_file_of_another_form_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, wrong: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(conformance.contract.explanations, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(ValueError, match=wrong):
        load_explanations.__wrapped__()


def test_no_line_of_the_data_is_longer_than_the_limit() -> None:
    lines = [line for path in FOLDER.glob("*.toml") for line in path.read_text(encoding="utf-8").splitlines()]
    assert max(map(len, lines)) <= 120
