"""The names in case_names.txt."""

from __future__ import annotations

from pathlib import Path

from conformance.clauses import load_clauses
from conformance.cli import SUITE
from conformance.runner.collection import cases_in
from conformance.runner.frozen_names import gone_cases, present_cases

TEXT = "# Names\nMET-01 mode_is_kept:0644\ngone MET-01 mode is kept:0600\nCON-02 siblings:a.json a.toml a\n"


def test_a_name_has_spaces_and_may_be_gone(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text(TEXT, encoding="utf-8")
    assert present_cases(path) == {("MET-01", "mode_is_kept:0644"), ("CON-02", "siblings:a.json a.toml a")}
    assert gone_cases(path) == {("MET-01", "mode is kept:0600")}
    assert all(clause in load_clauses() for clause, _ in gone_cases())


def test_they_are_the_cases_of_the_suite() -> None:
    assert present_cases() == set(cases_in(SUITE))
