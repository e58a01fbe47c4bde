"""What a state means: kept, lost, torn, missing or not to be mounted; for one writer, and for several at once."""

from __future__ import annotations

import pytest

from conformance.oracle.payload import encode
from stress.powercut.blocks.history import History, history_of
from stress.powercut.blocks.log import Event
from stress.powercut.blocks.rounds import Round
from stress.powercut.blocks.verdict import Seen, judge

ROUND = Round(0, 300, exists=True, writers=2, writes=3)


def history(*marks: str, exists: bool = True) -> History:
    """A history of these marks, one after the other."""
    return history_of([Event("mark", text=text) for text in marks], exists=exists)


def found(writer: int, sequence: int) -> Seen:
    """A target that holds a document."""
    return Seen(encode(ROUND.status(writer, sequence)).encode("utf-8"))


def kind_of(seen: Seen, told: History, cut: int) -> tuple[str, int]:
    """The kind of the outcome, and how many acknowledged writes are gone."""
    outcome = judge(seen, cut, told, ROUND.documents(), "replace")
    return outcome.kind, outcome.undone


SERIES = history("begin 0 1", "ack 0 1", "begin 0 2", "ack 0 2", "begin 0 3")


@pytest.mark.parametrize(
    ("sequence", "cut", "expected"),
    [
        (0, 1, ("kept", 0)),  # the first write was requested, and not answered
        (1, 1, ("kept", 0)),
        (2, 1, ("torn", 0)),  # it was not requested yet
        (0, 2, ("lost", 1)),
        (0, 4, ("lost", 2)),
        (1, 4, ("lost", 1)),
        (2, 4, ("kept", 0)),
        (2, 5, ("kept", 0)),
        (3, 5, ("kept", 0)),
    ],
)
def test_a_series(sequence: int, cut: int, expected: tuple[str, int]) -> None:
    assert kind_of(found(0, sequence), SERIES, cut) == expected


TOGETHER = history("begin 0 1", "begin 1 1", "ack 0 1", "ack 1 1", "begin 1 2", "ack 1 2")


@pytest.mark.parametrize(
    ("writer", "sequence", "cut", "expected"),
    [
        (0, 1, 4, ("kept", 0)),  # both at the same time: either may be the last
        (1, 1, 4, ("kept", 0)),
        (0, 0, 4, ("lost", 2)),
        (0, 1, 6, ("lost", 1)),
        (1, 2, 6, ("kept", 0)),
        (1, 2, 5, ("kept", 0)),
    ],
)
def test_writes_at_the_same_time(writer: int, sequence: int, cut: int, expected: tuple[str, int]) -> None:
    assert kind_of(found(writer, sequence), TOGETHER, cut) == expected


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (bytes(4096), "4,096 zeros"),
        (encode(ROUND.status(0, 1)).encode()[:100], "torn"),
        (encode(ROUND.status(0, 1)).encode() + b" ", "does not hold the bytes"),
    ],
)
def test_what_is_not_whole_is_torn(data: bytes, says: str) -> None:
    outcome = judge(Seen(data), 4, SERIES, ROUND.documents(), "replace")
    assert (outcome.kind, outcome.state, outcome.undone) == ("torn", "torn", 2)
    assert says in outcome.text


def test_a_target_that_cannot_be_read_is_torn() -> None:
    assert kind_of(Seen(unreadable="Input/output error"), SERIES, 1) == ("torn", 0)


def test_a_target_that_was_there_must_not_be_missing() -> None:
    assert kind_of(Seen(), SERIES, 1) == ("missing", 0)


def test_a_target_that_was_not_there_may_be_missing_until_a_write_is_acknowledged() -> None:
    told = history("begin 0 1", "ack 0 1", exists=False)
    assert kind_of(Seen(), told, 1) == ("kept", 0)
    assert kind_of(Seen(), told, 2) == ("lost", 1)


def test_a_file_system_that_cannot_be_mounted_is_no_verdict_on_the_writer() -> None:
    assert kind_of(Seen(unmountable="Structure needs cleaning"), SERIES, 4) == ("unmountable", 0)
