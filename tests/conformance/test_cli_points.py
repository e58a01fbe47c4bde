"""``--point``: what a glob that matches nothing means. The writes are not traced here, so that this runs everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.cli import _unmatched_point
from conformance.contract.clauses import load_clauses
from conformance.reporting.results import Exit, Result
from conformance.runner.controller import Controller
from conformance.runner.resolve import resolve
from conformance.runner.run import Run
from conformance.runner.selection import Selection

PASSED = [Result("FLT-04", "case", "pass")]
UNMEASURED = [Result("FLT-04", "case", "unmeasured", "needs Linux")]
NAMES = ["replace:4:sync:EIO", "replace:4:sync:ENOSPC", "replace:6:rename:EIO"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with ``--point replace:*:sync:EI``."""
    manifest = resolve("reference", frozenset(load_clauses()))
    return Run(manifest, tmp_path, seed=1, point="replace:*:sync:EI")


def visited(run: Run, names: list[str]) -> None:
    run.notes.write("points-faults-replace", names)


def test_a_point_that_exists_is_no_mistake(run: Run) -> None:
    visited(run, [*NAMES, "replace:4:sync:EI"])
    assert _unmatched_point(run, PASSED) == ""


def test_a_point_that_no_write_has_is_named_with_those_that_are_like_it(run: Run) -> None:
    visited(run, NAMES)
    text = _unmatched_point(run, UNMEASURED)
    assert text.startswith("--point replace:*:sync:EI: the writes of the selected cases have no such point; they have ")
    assert text.endswith(f"{', '.join(NAMES)}, … (3 in all); did you mean replace:4:sync:EIO or replace:4:sync:ENOSPC?")


def test_cases_that_visit_no_points_do_not_pass_for_some(run: Run) -> None:
    assert (
        _unmatched_point(run, PASSED) == "--point replace:*:sync:EI: the selected cases visit no points; see --clause"
    )
    assert _unmatched_point(run, UNMEASURED) == ""  # nothing was measured: the run is inconclusive by that


def test_the_controller_lets_no_such_run_pass(run: Run) -> None:
    selection = Selection(point=run.point)
    controller = Controller(run, selection, strict=False, file=None, unmatched=lambda results: "matches nothing")
    controller.results[:] = PASSED

    class Session:
        shouldfail = False
        exitstatus = 0

    controller.pytest_sessionfinish(Session(), pytest.ExitCode.OK)  # type: ignore[arg-type]  # all that it uses
    assert controller.verdict is not None
    assert (controller.verdict.exit, controller.unmatched) == (Exit.INCONCLUSIVE, "matches nothing")
    assert "matches nothing" in controller.verdict.reasons
