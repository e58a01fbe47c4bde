"""What was observed, and whether it is linearizable: a register that only ever holds whole, unique documents.

`conformance.oracle.linearizability` does the check, on numbers only; here a history holds documents, and a
contradiction is explained in words.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np

from conformance.oracle.linearizability import UNWRITTEN, Reads, Writes, check

__all__ = ["Contradiction", "Read", "Write", "find_contradiction"]


@dataclass(frozen=True)
class Write:
    """One write of a value. Times are nanoseconds of one monotonic clock.

    ``end`` is infinite for a write that failed or was killed: it may or may not have happened, and counts only if
    its value was read. Both are minus infinity for a value that was there before everything else.
    """

    value: Hashable
    begin: float
    end: float = math.inf


@dataclass(frozen=True)
class Read:
    """One read that returned a value. Times as in `Write`."""

    value: Hashable
    begin: float
    end: float


@dataclass(frozen=True)
class Contradiction:
    """Why a history is not linearizable: ``future``, ``stale`` or ``unknown``, the values, and a sentence.

    ``operations`` are the one to four that contradict each other even when all others except the writes of their values
    are left out (`conformance.oracle.linearizability.Finding`), in the order in which the sentence names them.
    """

    kind: str
    values: tuple[Hashable, ...]
    text: str
    operations: tuple[Write | Read, ...]


def find_contradiction(writes: Iterable[Write], reads: Iterable[Read]) -> Contradiction | None:
    """Return the contradiction that became certain first, or None when the history is linearizable.

    Values of writes are unique. Equal times count as concurrent: a clock tick never makes a contradiction. Raises
    ValueError for a value that is written twice, and for an operation that ends before it begins.
    """
    writes, reads = list(writes), list(reads)
    operations: list[Write | Read] = [*writes, *reads]
    index: dict[Hashable, int] = {}
    for number, write in enumerate(writes):
        if index.setdefault(write.value, number) != number:
            raise ValueError(f"value {write.value!r} is written twice; values of a history must be unique")
    # Only the order of times matters: their ranks are integers, whatever the times are.
    times = {time for operation in operations for time in (operation.begin, operation.end)}
    rank = {time: number for number, time in enumerate(sorted(times))}
    finding = check(
        Writes(_array(rank[write.begin] for write in writes), _array(rank[write.end] for write in writes)),
        Reads(
            _array(index.get(read.value, UNWRITTEN) for read in reads),
            _array(rank[read.begin] for read in reads),
            _array(rank[read.end] for read in reads),
        ),
    )
    if finding is None:
        return None
    contradicting = tuple(
        (writes if operation.kind == "write" else reads)[operation.index] for operation in finding.operations
    )
    values = tuple(dict.fromkeys(operation.value for operation in contradicting))
    text = f"{_claim(finding.kind, values)}: {_story(contradicting)}"
    return Contradiction(finding.kind, values, text, contradicting)


def _array(numbers: Iterable[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.fromiter(numbers, dtype=np.int64)


def _claim(kind: str, values: tuple[Hashable, ...]) -> str:
    if kind == "unknown":
        return f"{values[0]!r} was read but never written"
    if kind == "future":
        return f"a read of {values[0]!r} ended before its write began"
    return f"{values[0]!r} was there before {values[1]!r} was written or read, and was read again after it"


def _story(operations: tuple[Write | Read, ...]) -> str:
    """The operations with their times since the first of them, exact and in one unit."""
    finite = [time for operation in operations for time in (operation.begin, operation.end) if math.isfinite(time)]
    unit, scale, digits = _unit(max(finite) - min(finite))

    def described(operation: Write | Read) -> str:
        begin, end = (f"{(time - min(finite)) / scale:.{digits}f}" for time in (operation.begin, operation.end))
        done = f"{operation.value!r} was {'written' if isinstance(operation, Write) else 'read'}"
        if operation.end == -math.inf:
            return f"{done} before everything else"
        if operation.end == math.inf:
            return f"{done} from {begin} {unit} on, never acknowledged"
        return f"{done} from {begin} to {end} {unit}"

    return "; ".join(described(operation) for operation in operations)


def _unit(span: float) -> tuple[str, int, int]:
    """The name of a unit in which a span (nanoseconds) is easy to read, its nanoseconds, and the digits of one."""
    for unit, scale, digits in (("s", 10**9, 9), ("ms", 10**6, 6), ("µs", 10**3, 3)):
        if span >= scale:
            return unit, scale, digits
    return "ns", 1, 0
