"""The outcome of a clause, from those of its cases."""

from __future__ import annotations

import pytest

from conformance.reporting.results import OUTCOMES, Outcome
from conformance.reporting.verdict import clause_outcome


@pytest.mark.parametrize(
    ("counts", "outcome"),
    [
        ({}, "unmeasured"),
        ({"n/a": 2}, "n/a"),
        ({"n/a": 2, "unmeasured": 1}, "unmeasured"),
        ({"n/a": 2, "unmeasured": 1, "pass": 1}, "pass"),
        ({"pass": 9, "xfail": 1}, "xfail"),
        ({"pass": 9, "xfail": 1, "xpass": 1}, "xpass"),
        ({"pass": 9, "xpass": 1, "fail": 1}, "fail"),
        ({"pass": 9, "fail": 1, "error": 1}, "error"),
        ({"error": 0, "pass": 1}, "pass"),
    ],
    ids=str,
)
def test_the_outcome_of_a_clause_is_the_worst_of_its_cases(counts: dict[str, int], outcome: Outcome) -> None:
    assert clause_outcome(counts) == outcome


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_clause_of_one_case_has_the_outcome_of_that_case(outcome: Outcome) -> None:
    assert clause_outcome({outcome: 1}) == outcome
