"""The names in case_names.txt; tests/scripts/test_case_names.py compares them with the suite."""

from __future__ import annotations

from pathlib import Path

from conformance.contract.clauses import load_clauses
from conformance.runner.frozen_names import gone_cases, present_cases

TEXT = "# Names\nMET-01 mode_is_kept:0644\ngone MET-01 mode is kept:0600\nCON-02 siblings:a.json a.toml a\n"


def test_a_name_has_spaces_and_may_be_gone(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text(TEXT, encoding="utf-8")
    assert present_cases(path) == {("MET-01", "mode_is_kept:0644"), ("CON-02", "siblings:a.json a.toml a")}
    assert gone_cases(path) == {("MET-01", "mode is kept:0600")}
    assert all(clause in load_clauses() for clause, _ in gone_cases())
