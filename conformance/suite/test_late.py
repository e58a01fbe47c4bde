"""FLT-01 by the syscall engine: an answer is true even if an operation takes longer than the caller waits (Linux)."""

from __future__ import annotations

import pytest

from conformance.contract.errors import Violation
from conformance.runner.case import Case
from conformance.syscalls.laboratory import Laboratory
from conformance.syscalls.lateness import slow_operation

pytestmark = pytest.mark.timeout(1800)


@pytest.mark.clause("FLT-01")
def test_slow_operation(case: Case, laboratory: Laboratory) -> None:
    """One thread stands still; where another one answers meanwhile, the answer must stay true."""
    late = slow_operation(laboratory)
    case.counts["slow operations"] = 1
    if late.answer == "ok" and late.at_the_answer != "new":
        raise Violation(
            f"answered ok while {late.operation} was still to come: the target is {late.at_the_answer}",
            trace=list(late.trace),
        )
    if late.answer == "io" and late.later != late.at_the_answer:
        raise Violation(
            f"published late: answered io while {late.operation} took its time, and the target, which was "
            f"{late.at_the_answer} at the answer, is {late.later} now",
            trace=list(late.trace),
        )
