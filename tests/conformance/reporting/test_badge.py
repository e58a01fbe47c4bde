"""badge.json, which every --report leaves."""

import json
from pathlib import Path

import pytest

from conformance.contract.clauses import load_clauses
from conformance.reporting.badge import badge
from conformance.reporting.results import Header, Result, results_file
from conformance.reporting.verdict import decide

HEADER = Header("1.0", {"name": "demo"}, {"system": "linux"}, "ext4", "3.13.0", 7, {})


@pytest.mark.parametrize(
    ("exit", "everything", "colour"),
    [(0, True, "brightgreen"), (0, False, "green"), (1, True, "red"), (4, False, "yellow")],
)
def test_the_colour_is_that_of_the_verdict(exit: int, everything: bool, colour: str) -> None:
    found = badge(exit, "a sentence", everything=everything)
    assert found == {"schemaVersion": 1, "label": "pulse contract", "message": "a sentence", "color": colour}


def test_a_run_that_finished_leaves_its_badge(tmp_path: Path) -> None:
    results = [Result(clause, "*", "pass") for clause in load_clauses()][1:]
    verdict = decide(results, load_clauses(), (), "linux", strict=False, complete=True)
    with results_file(tmp_path) as file:
        assert file is not None
        file.header(HEADER)
        file.footer(verdict)
    found = json.loads((tmp_path / "badge.json").read_text("utf-8"))
    every = len(load_clauses())
    assert found["message"] == f"inconclusive, measured {every - 1} of {every} clauses"
    assert found["color"] == "yellow"


def test_a_run_that_did_not_finish_leaves_none_and_takes_that_of_an_older_one(tmp_path: Path) -> None:
    (tmp_path / "badge.json").write_text("{}", encoding="utf-8")
    with results_file(tmp_path) as file:
        assert file is not None
        file.header(HEADER)
    assert not (tmp_path / "badge.json").exists()
