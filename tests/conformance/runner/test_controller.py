"""The controlling process of a run, apart from what the whole command shows of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.contract.clauses import load_clauses
from conformance.contract.manifest import load_manifest
from conformance.reporting.results import EVERY_WRITE, Result, read_results, results_file
from conformance.runner.carried_results import attach
from conformance.runner.controller import Controller
from conformance.runner.run import Run
from conformance.runner.selection import Selection


@pytest.fixture
def controller(misbehaving: Callable[..., Path], tmp_path: Path) -> Iterator[Callable[..., Controller]]:
    """The controller of a run of a writer of mode ``serve``."""
    manifest = load_manifest(misbehaving(), frozenset(load_clauses()), source="x")

    def make(clauses: tuple[str, ...] = (), cases: tuple[str, ...] = (), report: Path | None = None) -> Controller:
        run, selection = Run(manifest, tmp_path, seed=3), Selection(clauses, cases)
        return Controller(run, selection, strict=False, file=files.enter_context(results_file(report)))

    with contextlib.ExitStack() as files:
        yield make


def test_what_needs_no_case_is_recorded_at_once(controller: Callable[..., Controller]) -> None:
    found = {result.clause: result.outcome for result in controller().results}
    assert {found[clause] for clause in load_clauses() if clause.startswith("RDR")} == {"n/a"}
    assert found["PWR-03"] == "unmeasured"
    assert not {"DOC-01", "KIL-01"} & found.keys()


def test_only_for_the_selected_clauses(controller: Callable[..., Controller]) -> None:
    found = controller(("RDR-01", "DOC-01"))
    assert [(result.clause, result.case) for result in found.results] == [("RDR-01", "*")]


def test_not_when_cases_are_selected(controller: Callable[..., Controller]) -> None:
    assert controller((), ("status:*",)).results == []


def test_the_header_is_in_the_file_before_the_first_case(controller: Callable[..., Controller], tmp_path: Path) -> None:
    """So that a run that is cut off still says what it was."""
    made = controller(("RDR-01",), report=tmp_path / "a" / "report")
    header, results, footer = read_results(tmp_path / "a" / "report" / "results.jsonl")
    assert (header["seed"], header["selection"]) == (3, {"clause": ["RDR-01"], "case": [], "point": ["*"]})
    assert [result["clause"] for result in results] == ["RDR-01"]
    assert footer is None
    assert made.verdict is None
    made.pytest_sessionfinish(session=None, exitstatus=pytest.ExitCode.INTERNAL_ERROR)  # type: ignore[arg-type]  # unused
    assert read_results(tmp_path / "a" / "report" / "results.jsonl")[2] is None


def test_a_run_has_one_failure_of_what_each_worker_looks_at_beside_each_write(
    controller: Callable[..., Controller],
) -> None:
    made = controller(("RDR-01",))
    for case in ("MET-03 [owner]", "CON-01 [processes]"):
        said = [Result(clause, EVERY_WRITE, "fail", f"written to, in {case}") for clause in ("VIS-01", "VIS-03")]
        other = Result("VIS-02", "temp_lies_beside_the_target", "fail", case)  # of a case that is run several times
        report = pytest.TestReport("x", ("x", 0, "x"), {}, "failed", None, "call")
        attach(report.user_properties, [other, *said])
        made.pytest_runtest_logreport(report)
    assert [(result.clause, result.message) for result in made.results if result.case == EVERY_WRITE] == [
        ("VIS-01", "written to, in MET-03 [owner]"),
        ("VIS-03", "written to, in MET-03 [owner]"),
    ]
    assert [result.clause for result in made.results].count("VIS-02") == 2
