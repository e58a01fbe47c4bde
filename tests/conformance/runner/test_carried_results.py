"""Results that the reports of pytest carry."""

from __future__ import annotations

from typing import Literal

import pytest

from conformance.reporting.results import Result
from conformance.runner.carried_results import attach, carried_by

CALL = Result("DOC-01", "members", "fail", "wrong", {"bytes": "b'['", "path": [1, None]}, "again", counts={"faults": 2})
TEARDOWN = Result("DOC-01", "members", "error", "the folder cannot be removed", blame="kit")


def report(when: Literal["setup", "call", "teardown"], properties: list[tuple[str, object]]) -> pytest.TestReport:
    return pytest.TestReport("id", ("file", 1, "test"), {}, "passed", None, when, user_properties=properties)


def test_results_arrive_as_they_were_attached() -> None:
    properties: list[tuple[str, object]] = [("other", "{}")]
    attach(properties, [CALL])
    attach(properties, [TEARDOWN])
    assert carried_by(report("call", properties)) == [CALL, TEARDOWN]


def test_a_later_phase_that_repeats_the_properties_of_an_earlier_one_carries_its_own_only() -> None:
    properties: list[tuple[str, object]] = []
    attach(properties, [CALL])
    assert carried_by(report("setup", properties)) == carried_by(report("teardown", properties)) == []
    attach(properties, [TEARDOWN], "teardown")
    assert carried_by(report("teardown", properties)) == [TEARDOWN]
    assert carried_by(report("call", properties)) == [CALL]
