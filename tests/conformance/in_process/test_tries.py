"""A call is found again where threads, or the writer itself, made other calls before it."""

import pytest

from conformance.in_process.filecalls import Call
from conformance.in_process.tries import Aim, until_fired
from conformance.oracle.faults import Kill

WRITE, READING, CLOSE = Call("write", (), True), Call("close", (), False), Call("close", (), True)


@pytest.mark.parametrize(
    ("wanted", "nth", "calls", "hit"),
    [
        (WRITE, 0, [WRITE], 0),
        (WRITE, 1, [WRITE, CLOSE, WRITE, WRITE], 2),
        (CLOSE, 0, [READING, CLOSE], 1),
        (WRITE, 2, [WRITE, WRITE, CLOSE], None),
    ],
)
def test_a_call_is_known_by_its_kind_and_how_many_came_before(
    wanted: Call, nth: int, calls: list[Call], hit: int | None
) -> None:
    aim = Aim(wanted, nth)
    hits = [number for number, call in enumerate(calls) if aim.hit_by(call)]
    assert hits == ([] if hit is None else [hit])


@pytest.mark.parametrize(
    ("fired", "nth", "tries"),
    [
        ([True], 5, [(0.0, 5)]),
        ([False, True], 5, [(0.0, 5), (0.3, 5)]),
        ([False] * 6, 5, [(0.0, 5), (0.3, 5), (0.0, 5), (0.0, 2), (0.0, 1), (0.0, 0)]),
        ([False] * 3, 0, [(0.0, 0), (0.3, 0), (0.0, 0)]),
    ],
)
def test_a_call_that_did_not_come_is_tried_again_later_and_then_an_earlier_one_of_its_kind(
    fired: list[bool], nth: int, tries: list[tuple[float, int]]
) -> None:
    answers, seen = iter(fired), []

    def attempt(seconds: float, aimed: int) -> Kill:
        seen.append((seconds, aimed))
        return Kill("before", "rename", 2, next(answers), "old", "ok")

    assert until_fired(attempt, nth).fired is fired[-1]
    assert seen == tries
