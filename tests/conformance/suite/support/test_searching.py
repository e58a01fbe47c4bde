"""Sequences that fail at one time and not at another."""

from __future__ import annotations

import itertools

import hypothesis
import pytest
from hypothesis.stateful import rule

from conformance.contract.errors import Violation
from conformance.suite.support.searching import Machine, Seen, search

SETTINGS = hypothesis.settings(max_examples=50, stateful_step_count=10, database=None, derandomize=True)
STEPS = itertools.count(1)
MOMENTS = itertools.count(1)


class FailsNowAndThen(Machine):
    """Every 37th step of all sequences together fails, whatever the sequence is."""

    @rule()
    def step(self) -> None:
        if next(STEPS) % 37 == 0:
            raise Violation("the step failed")


class FailsAtItsThirdStep(Machine):
    def __init__(self, seen: Seen) -> None:
        super().__init__(seen)
        self.steps = 0

    @rule()
    def step(self) -> None:
        self.steps += 1
        if self.steps == 3:
            raise Violation("the third step failed")


class Succeeds(Machine):
    @rule()
    def step(self) -> None:
        pass


class HasNoTimeLeft(Machine):
    """The time limit of a case interrupts one step of one sequence."""

    @rule()
    def step(self) -> None:
        if next(MOMENTS) == 37:
            pytest.fail("Timeout (>300.0s) from pytest-timeout.")


@pytest.mark.parametrize(
    ("machine", "message"),
    [(FailsNowAndThen, "the step failed"), (FailsAtItsThirdStep, "the third step failed")],
    ids=["now and then", "always"],
)
def test_what_was_seen_to_fail_is_raised(machine: type[Machine], message: str) -> None:
    with pytest.raises(Violation, match=message):
        search(machine, SETTINGS)


def test_so_is_the_end_of_the_time() -> None:
    with pytest.raises(pytest.fail.Exception, match="Timeout"):
        search(HasNoTimeLeft, SETTINGS)


def test_a_search_that_finds_nothing_raises_nothing() -> None:
    search(Succeeds, SETTINGS)
