"""The result lines of a case that was not finished: what had failed by then still has. No I/O here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from conformance.reporting.results import Outcome, Result
from stress.powercut.verdict import CLAUSES

__all__ = ["ended_by_error", "not_finished", "same_for_all"]


def same_for_all(case: str, repro: str, **members: Any) -> list[Result]:
    """The same result for each clause."""
    return [Result(clause, case, repro=repro, **members) for clause in CLAUSES]


def not_finished(found: Sequence[Result], case: str, repro: str, message: str, *, inconclusive: bool) -> list[Result]:
    """Each failure among the results ``found`` by then, an error of the kit included, and no verdict on the other
    clauses, as ``message`` says.
    """
    failed = _failed(found, message, "fail", "error")
    others = same_for_all(case, repro, outcome="unmeasured", message=message, inconclusive=inconclusive)
    return [failed.get(other.clause, other) for other in others]


def ended_by_error(
    found: Sequence[Result],
    case: str,
    repro: str,
    message: str,
    blame: Literal["implementation", "kit"],
    evidence: Mapping[str, Any],
) -> list[Result]:
    """Each failure among the results ``found`` by then, and one error: because of it the other clauses of the case were
    not fully measured. It is that of PWR-03, or of another clause where PWR-03 has failed; with all of them failed, the
    evidence of PWR-03 has it.
    """
    failed = _failed(found, message, "fail")
    named = next((clause for clause in ("PWR-03", *CLAUSES) if clause not in failed), None)
    error = Result(named or "PWR-03", case, "error", message, evidence, repro, blame=blame)
    text = f"ended by the error that {error.clause} reports"
    results = [
        error if other.clause == named else failed.get(other.clause, other)
        for other in same_for_all(case, repro, outcome="unmeasured", message=text)
    ]
    if named:
        return results
    return [
        replace(result, evidence={**result.evidence, "ended by": {"error": message, **evidence}})
        if result.clause == error.clause
        else result
        for result in results
    ]


def _failed(found: Sequence[Result], message: str, *outcomes: Outcome) -> dict[str, Result]:
    return {
        result.clause: replace(result, message=f"{result.message}; not finished: {message}")
        for result in found
        if result.outcome in outcomes
    }
