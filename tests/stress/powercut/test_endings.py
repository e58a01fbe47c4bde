"""A case that was not finished: a failure that was seen stays one, and the rest has no verdict."""

from __future__ import annotations

import pytest

from conformance.reporting.results import Outcome, Result
from stress.powercut.endings import ended_by_error, not_finished
from stress.powercut.verdict import CLAUSES

CASE = "cut_at_every_block:ext4"


def found(**outcomes: Outcome) -> list[Result]:
    """The results by then, pass where none is given, with the clause's number for its name."""
    of_clauses = {clause: outcomes.get(clause.replace("-", ""), "pass") for clause in CLAUSES}
    return [
        Result(clause, CASE, outcome, "2 torn", {"examples": [1]}, "pulse … --only 7")
        for clause, outcome in of_clauses.items()
    ]


def outcomes(results: list[Result]) -> dict[str, str]:
    """The outcome of each clause."""
    return {result.clause: result.outcome for result in results}


@pytest.mark.parametrize("inconclusive", [True, False])
def test_what_passed_until_then_has_no_verdict(inconclusive: bool) -> None:
    results = not_finished(found(), CASE, "pulse …", "no disk", inconclusive=inconclusive)
    assert {(result.outcome, result.message, result.inconclusive) for result in results} == {
        ("unmeasured", "no disk", inconclusive)
    }
    assert [result.clause for result in results] == list(CLAUSES)


def test_what_failed_until_then_has_failed_and_can_be_repeated() -> None:
    results = not_finished(found(PWR03="fail"), CASE, "pulse …", "no disk", inconclusive=True)
    assert outcomes(results) == {"PWR-02": "unmeasured", "PWR-03": "fail", "PWR-04": "unmeasured"}
    assert (results[1].message, results[1].repro) == ("2 torn; not finished: no disk", "pulse … --only 7")
    assert not results[1].inconclusive


def test_what_the_model_calls_impossible_is_an_error_all_the_same() -> None:
    results = not_finished(found(PWR03="error"), CASE, "pulse …", "no disk", inconclusive=True)
    assert outcomes(results)["PWR-03"] == "error"


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        ((), ("unmeasured", "error", "unmeasured")),
        (("PWR02",), ("fail", "error", "unmeasured")),
        (("PWR03",), ("error", "fail", "unmeasured")),
        (("PWR02", "PWR03"), ("fail", "fail", "error")),
    ],
)
def test_an_error_stands_beside_what_failed(failed: tuple[str, ...], expected: tuple[str, ...]) -> None:
    outcome: Outcome = "fail"
    by_then = found(**dict.fromkeys(failed, outcome))
    results = ended_by_error(by_then, CASE, "pulse …", "no answer", "implementation", {"stderr": "?"})
    assert tuple(outcomes(results).values()) == expected
    [error] = [result for result in results if result.outcome == "error"]
    assert (error.message, error.blame, error.evidence) == ("no answer", "implementation", {"stderr": "?"})
    for result in results:
        if result.outcome == "unmeasured":
            assert result.message == f"ended by the error that {error.clause} reports"


def test_where_each_clause_has_failed_the_error_is_evidence() -> None:
    by_then = found(PWR02="fail", PWR03="fail", PWR04="fail")
    results = ended_by_error(by_then, CASE, "pulse …", "no answer", "implementation", {"stderr": "?"})
    assert set(outcomes(results).values()) == {"fail"}
    assert results[1].evidence == {"examples": [1], "ended by": {"error": "no answer", "stderr": "?"}}
