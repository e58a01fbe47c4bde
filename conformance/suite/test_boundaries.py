"""VIS by the syscall engine: the order of a write's operations, and readers at each boundary in slow motion (Linux)."""

from __future__ import annotations

import pytest

from conformance.contract.errors import Violation
from conformance.runner.case import Case
from conformance.syscalls.findings import slow_motion
from conformance.syscalls.laboratory import Laboratory
from conformance.syscalls.order import faults_of_order
from conformance.syscalls.points import Scenario
from conformance.syscalls.recording import annotated

pytestmark = pytest.mark.timeout(1800)

SCENARIOS: tuple[Scenario, ...] = ("replace", "first")


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize(
    "clause",
    [
        pytest.param(name, marks=pytest.mark.clause(name), id=name)
        for name in ("VIS-01", "VIS-02", "VIS-03", "VIS-04", "VIS-08")
    ],
)
def test_order_of_operations(case: Case, laboratory: Laboratory, clause: str, scenario: Scenario) -> None:
    recording = laboratory.record(scenario)
    case.counts["operations"] = len(recording.operations)
    existed = recording.place.before.exists
    for fault in faults_of_order(recording.operations, recording.place.target.name, existed=existed):
        if fault.clause == clause:
            raise Violation(fault.text, trace=list(annotated(recording.operations, fault.operation)))


@pytest.mark.clause("VIS-05")
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("size", [8192, 1 << 18])
def test_slow_motion(case: Case, laboratory: Laboratory, scenario: Scenario, size: int) -> None:
    slow = slow_motion(laboratory, scenario, size)
    case.counts.update(boundaries=slow.boundaries, reads=slow.reads)
    if slow.wrong:
        raise Violation(f"{slow.wrong} ({slow.boundaries} boundaries, {slow.reads} reads)", trace=list(slow.trace))
