"""The lines of the original specification: each has an answer, and the answer is no better than what was measured."""

import pytest

from conformance.contract.clauses import load_clauses
from conformance.reporting.results import Outcome, Result
from conformance.reporting.specification import SpecifiedLine, answered_specification, load_specification

LINE = SpecifiedLine("part", "asks", ("VIS-01", "VIS-02"))


def outcome_of(*outcomes: Outcome | None, line: SpecifiedLine = LINE) -> str:
    results = [Result(c, "a", word) for c, word in zip(line.clauses, outcomes, strict=False) if word]
    (answer,) = answered_specification(results, [line])
    return answer.outcome


@pytest.mark.parametrize(
    ("outcomes", "word"),
    [
        (("pass", "pass"), "pass"),
        (("pass", "n/a"), "pass"),
        (("pass", "fail"), "fail"),
        (("error", "fail"), "error"),
        (("xfail", "pass"), "xfail"),
        (("pass", "unmeasured"), "in part"),
        (("pass", None), "in part"),
        ((None, "unmeasured"), "unmeasured"),
        ((None, None), "unmeasured"),
        (("n/a", "n/a"), "n/a"),
    ],
)
def test_a_line_is_as_good_as_the_worst_of_its_clauses(outcomes: tuple[Outcome | None, ...], word: str) -> None:
    assert outcome_of(*outcomes) == word


def test_a_line_that_no_clause_answers_is_answered_elsewhere() -> None:
    assert outcome_of(line=SpecifiedLine("part", "asks", elsewhere="in the tests")) == "elsewhere"


def test_the_cases_of_all_clauses_are_the_evidence() -> None:
    results = [Result("VIS-01", "a", "pass"), Result("VIS-01", "b", "pass"), Result("VIS-02", "a", "fail")]
    (answer,) = answered_specification([*results, Result("VIS-03", "a", "fail")], [LINE])
    assert answer.cases == {"pass": 2, "fail": 1}


def test_every_line_names_clauses_that_exist_or_says_what_answers_it() -> None:
    assert len(load_specification()) > 30
    for line in load_specification():
        assert set(line.clauses) <= set(load_clauses())
        assert line.clauses or line.elsewhere
        assert line.asks[0].islower()
