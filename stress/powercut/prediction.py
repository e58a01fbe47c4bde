"""What the power-loss model predicts for a real cut: which states of the target it allows. No I/O here.

The model, `conformance.syscalls.powerloss.model`, judges one write. A series is judged write by write: each
starts from what the one before it left, which is complete.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from conformance.syscalls.operations import Operation, operations_of
from conformance.syscalls.powerloss.model import Before, Outcome, allowed_outcomes
from conformance.syscalls.recording import annotated
from conformance.syscalls.tracer.calls import Call

__all__ = [
    "ExpectedOfWrite",
    "Foreseen",
    "State",
    "Write",
    "begun_before",
    "expected_of_write",
    "foreseen_at_any_point",
    "foreseen_at_end",
    "foreseen_of_series",
]

State = int | Literal["missing", "torn"]  # a number is that of the complete document that the target holds


@dataclass(frozen=True)
class Write:
    """One write as recorded, to its end or up to a cut: its operations, and the folder before it."""

    operations: tuple[Operation, ...]
    before: Before


@dataclass(frozen=True)
class ExpectedOfWrite:
    """What one write may leave at the target: ``during`` a cut at any point of it, and after its ``end``."""

    write: Write
    during: frozenset[Outcome]
    end: frozenset[Outcome]


@dataclass(frozen=True)
class Foreseen:
    """The states that the model allows after one cut, and the operations from which that follows, in a line each."""

    states: frozenset[State]
    trace: tuple[str, ...]


def begun_before(calls: Iterable[Call], number: int, folder: str, existing: Collection[str]) -> tuple[Operation, ...]:
    """The operations of a report that had begun when the implementation was held before operation ``number``.

    An operation still in progress then, in another thread, counts as never returned: a file system that was cut off
    answered it. ``folder`` and ``existing`` are those of `operations_of`. Raises TraceError.
    """
    in_order = sorted(calls, key=lambda call: call.begun)  # the tracer records operations only, and counts them so
    held = in_order[number].begun
    begun = (
        call if call.ended is not None and call.ended < held else call._replace(ended=None, result=None, error=0)
        for call in in_order[:number]
    )
    return operations_of(begun, folder, existing)


def expected_of_write(write: Write) -> ExpectedOfWrite:
    """Ask the model about a write that was recorded to its end. Raises TraceError for calls that it cannot follow."""
    return ExpectedOfWrite(write, _during(write), _at_end(write))


def _during(write: Write) -> frozenset[Outcome]:
    return allowed_outcomes(write.operations, write.before, None)


def _at_end(write: Write) -> frozenset[Outcome]:
    ends = {operation.number: operation.call.ended for operation in write.operations}
    ended = {number: end for number, end in ends.items() if end is not None}
    if len(ended) < len(ends):
        return _during(write)  # an operation in progress may have done anything or nothing: this allows too much
    last = max(ended, key=ended.__getitem__, default=-1)
    return allowed_outcomes(write.operations, write.before, last)


def foreseen_at_end(write: Write) -> Foreseen:
    """What may be left of document 1 after a cut when all of these operations had finished. Raises TraceError."""
    return Foreseen(frozenset(_states(_at_end(write), 1)), annotated(write.operations, None))


def foreseen_at_any_point(write: Write) -> Foreseen:
    """What may be left of document 1 after a cut at any moment. Raises TraceError."""
    return Foreseen(frozenset(_states(_during(write), 1)), annotated(write.operations, None))


def foreseen_of_series(first: ExpectedOfWrite, later: ExpectedOfWrite, asked: int, acknowledged: int) -> Foreseen:
    """What may be left of a series of writes of documents 1, 2, …: ``asked`` were requested, ``acknowledged`` answered.

    ``first`` is a write like the first of the series, over document 0 or without a target; ``later`` is one over a
    target. The cut may hit any point of a write that was not acknowledged. Of the acknowledged ones the last document
    is there, or an older one if its write may be lost after its end, and so on.
    """

    def expected(number: int) -> ExpectedOfWrite:
        return first if number == 1 else later

    found: set[State] = set()
    for number in range(acknowledged + 1, asked + 1):
        found.update(_states(expected(number).during, number))
    for number in range(acknowledged, 0, -1):
        found.update(_states(expected(number).end, number))
        if not expected(number).end & {"old", "missing"}:
            break
    if not asked:
        found.add("missing" if first.write.before.old_length is None else 0)
    return Foreseen(frozenset(found), annotated((later if asked > 1 else first).write.operations, None))


def _states(outcomes: Iterable[Outcome], number: int) -> Iterator[State]:
    """The outcomes of the write of the document with this number, as states."""
    for outcome in outcomes:
        if outcome == "new":
            yield number
        elif outcome == "old":
            yield number - 1
        else:
            yield outcome
