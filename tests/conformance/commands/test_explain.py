"""`pulse explain`."""

from __future__ import annotations

import pytest

from conformance.commands.explain import main
from conformance.contract.clauses import load_clauses
from conformance.contract.explanations import load_explanations, load_requirements


def words_of(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_a_clause_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["FLT-04"]) == 0
    printed = words_of(capsys)
    explanation, requirement = load_explanations()["FLT-04"], load_requirements()["FLT-04"]
    assert printed.startswith(f"FLT-04 {load_clauses()['FLT-04'].title}")
    for part in (*requirement.text, requirement.why, requirement.evidence, *requirement.reports.values()):
        assert part in printed
    assert f"measured {explanation.measured}" in printed
    assert f"fix {explanation.fix}" in printed
    for language, trap in explanation.traps.items():
        assert f"{language} {trap}" in printed


def test_several_clauses_and_globs_each_once_and_in_any_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vis-01", "PWR-0[12]", "PWR-01"]) == 0
    lines = capsys.readouterr().out.splitlines()
    headings = [line for line in lines if line[:3] in ("VIS", "PWR")]
    assert [line.split()[0] for line in headings] == ["VIS-01", "PWR-01", "PWR-02"]
    assert headings[2].endswith("(should)")


def test_one_language(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["VIS-01", "--language", "GO"]) == 0
    printed = words_of(capsys)
    traps = load_explanations()["VIS-01"].traps
    assert traps["Go"] in printed
    assert traps["Python"] not in printed


def test_without_a_clause_they_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == list(load_clauses())


def test_an_unknown_clause_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["FLT-99"]) == 2
    assert "FLT-99: no such clause; pulse explain alone lists them" in capsys.readouterr().err


def test_no_line_is_wider_than_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["*"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 100 and "https://" not in line] == []
