"""Whether a history of millions of operations is linearizable: the check itself, on NumPy arrays.

Gibbons and Korach, "Testing Shared Memories", SIAM J. Comput. 26(4), 1997, section 3. All operations of one value form
a cluster: in every order that explains the history they stand together, the write first. Of a cluster only two times
matter, its earliest end and its latest start. Cluster A must come before cluster B when the earliest end of A lies
before the latest start of B; the history is linearizable iff no read ends before its write starts and no two clusters
must come before each other. The span between the two times is the *zone*: *forward* when the earliest end comes
first. Two clusters contradict each other iff both zones are forward and overlap, or one is forward and the other, a
backward one, lies inside it. O(n log n) by sorting the forward zones.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["BEFORE", "INDETERMINATE", "UNWRITTEN", "Finding", "Operation", "Reads", "Writes", "check"]

Times = npt.NDArray[np.int64]
Indexes = npt.NDArray[np.int64]

BEFORE = -(2**63)
"""Start and end of the write of a document that was there before everything else."""

INDETERMINATE = 2**63 - 1
"""End of a write that failed or was killed: it may or may not have happened, and counts only if its value was read."""

UNWRITTEN = -1
"""The value of a read that returned something that was never written."""


@dataclass(frozen=True, eq=False)
class Writes:
    """Writes as arrays of one length: ``begin`` and ``end`` in nanoseconds of one monotonic clock, int64.

    The write at index i is the only one of value i. The order is free.
    """

    begin: Times
    end: Times


@dataclass(frozen=True, eq=False)
class Reads:
    """Reads as arrays of one length: ``value`` is the index of the write whose value was read, or `UNWRITTEN`.

    Times as in `Writes`. The order is free; reads that lie one after the other in time are checked fastest.
    """

    value: Indexes
    begin: Times
    end: Times

    def __getitem__(self, which: slice | npt.NDArray[np.intp]) -> Reads:
        return Reads(self.value[which], self.begin[which], self.end[which])


@dataclass(frozen=True)
class Operation:
    """One operation of a history: its kind, and its index into the arrays of the writes or of the reads."""

    kind: Literal["write", "read"]
    index: int


@dataclass(frozen=True)
class Finding:
    """Why a history is not linearizable.

    ``kind`` and ``operations``, which contradict each other even when all others except the writes of their values
    are left out:

    - ``unknown``: a read of a value that was never written.
    - ``future``: a read, and the write of its value, which began only after that read had ended.
    - ``stale``: an operation of A; one of B that began after it had ended; a read of A that began after that one had
      ended. Or with two operations of B between: the first ended before the last operation began, the second began
      after the first operation had ended.

    ``values`` are the indexes of the writes of A, or of A and B. ``involved`` counts the values that take part in any
    contradiction of the history (all unwritten ones count as one). One stale read may involve many.
    """

    kind: Literal["stale", "future", "unknown"]
    values: tuple[int, ...]
    operations: tuple[Operation, ...]
    involved: int


def check(writes: Writes, reads: Reads) -> Finding | None:
    """Return the contradiction that became certain first (one of them), or None when the history is linearizable.

    Equal times count as concurrent: a clock tick never makes a contradiction. A contradiction becomes certain with the
    end of a read: the history until then cannot be explained, whatever comes after it. Raises ValueError for arrays
    that are no history.
    """
    _require_history(writes, reads)
    involved = _involved(writes, reads)
    if not involved.any():
        return None
    # Operations that contradict each other in part of the history do so in all of it: the others can be left out.
    kept_writes, kept_reads = np.flatnonzero(involved[:-1]), np.flatnonzero(involved[reads.value])
    kept_reads = kept_reads[np.argsort(reads.end[kept_reads], kind="stable")]
    number = np.full(len(involved), UNWRITTEN, dtype=np.int64)
    number[kept_writes] = np.arange(len(kept_writes))
    fewer_writes = Writes(writes.begin[kept_writes], writes.end[kept_writes])
    fewer_reads = Reads(number[reads.value[kept_reads]], reads.begin[kept_reads], reads.end[kept_reads])
    kind, values, operations = _explain(fewer_writes, _until_certain(fewer_writes, fewer_reads))
    original = {"write": kept_writes, "read": kept_reads}
    return Finding(
        kind,
        tuple(UNWRITTEN if value == UNWRITTEN else int(kept_writes[value]) for value in values),
        tuple(Operation(operation.kind, int(original[operation.kind][operation.index])) for operation in operations),
        int(involved.sum()),
    )


def _require_history(writes: Writes, reads: Reads) -> None:
    for name, arrays in (("writes", (writes.begin, writes.end)), ("reads", (reads.value, reads.begin, reads.end))):
        if any(array.dtype != np.int64 or array.shape != (len(arrays[0]),) for array in arrays):
            raise ValueError(f"the arrays of the {name} must be int64, of one dimension and of one length")
        if (arrays[-1] < arrays[-2]).any():
            raise ValueError(f"{name} end before they begin: take all times from one monotonic clock")
    if len(reads.value) and not UNWRITTEN <= reads.value.min() <= reads.value.max() < len(writes.begin):
        raise ValueError("the value of a read must be the index of a write, or UNWRITTEN")


def _involved(writes: Writes, reads: Reads) -> npt.NDArray[np.bool_]:
    """Which values take part in a contradiction; the last element stands for all that were never written."""
    # A read of the index -1 counts for the last element: a write that never begins, so that each read comes too early.
    earliest_end = np.append(writes.end, INDETERMINATE)
    latest_start = np.append(writes.begin, INDETERMINATE)
    np.minimum.at(earliest_end, reads.value, reads.end)
    involved = earliest_end < latest_start
    np.maximum.at(latest_start, reads.value, reads.begin)
    earliest_end, latest_start = earliest_end[:-1], latest_start[:-1]

    is_forward = earliest_end < latest_start
    forward, backward = np.flatnonzero(is_forward), np.flatnonzero(~is_forward)
    forward = forward[np.argsort(earliest_end[forward], kind="stable")]  # stable: it profits from sorted runs
    start, stop = earliest_end[forward], latest_start[forward]
    reach = np.maximum.accumulate(np.append(BEFORE, stop))  # where the zones before each one stop at the latest
    crossed = start < reach[:-1]
    crossed[:-1] |= start[1:] < stop[:-1]

    first, last = latest_start[backward], earliest_end[backward]
    inside = last < reach[np.searchsorted(start, first)]
    if inside.any():
        # One that begins in a forward zone and does not lie inside it lies inside another one, which overlaps this one.
        begins = np.sort(first[inside])
        crossed |= np.searchsorted(begins, start) < np.searchsorted(begins, stop)
        involved[backward[inside]] = True
    involved[forward[crossed]] = True
    return involved


def _until_certain(writes: Writes, reads: Reads) -> Reads:
    """The reads, sorted by their ends, up to the moment from which the history cannot be explained.

    Writes need not be cut off: one that ends after that moment, or begins after it, contradicts no read before it.
    """
    moments = np.searchsorted(reads.end, np.unique(reads.end), side="right")
    position = bisect.bisect_left(moments, True, key=lambda count: bool(_involved(writes, reads[:count]).any()))
    return reads[: moments[position]]


_Explanation = tuple[Literal["stale", "future", "unknown"], tuple[int, ...], tuple[Operation, ...]]


def _explain(writes: Writes, reads: Reads) -> _Explanation:
    """Explain a history that could be explained without the reads that end last."""
    moment = reads.end[-1]
    last = [int(index) for index in np.flatnonzero(reads.end == moment)]
    for index in last:
        if reads.value[index] == UNWRITTEN:
            return "unknown", (UNWRITTEN,), (Operation("read", index),)
    for index in last:
        value = int(reads.value[index])
        if moment < writes.begin[value]:
            return "future", (value,), (Operation("read", index), Operation("write", value))
    return _explain_stale(writes, reads, last)


def _explain_stale(writes: Writes, reads: Reads, last: list[int]) -> _Explanation:
    earliest_end, latest_start = writes.end.copy(), writes.begin.copy()
    np.minimum.at(earliest_end, reads.value, reads.end)
    np.maximum.at(latest_start, reads.value, reads.begin)

    def came_between(index: int) -> npt.NDArray[np.intp]:
        """The values that must come after the one that this read returned, and before it."""
        old = reads.value[index]
        after = earliest_end[old] < latest_start
        after[old] = False
        return np.flatnonzero(after & (earliest_end < reads.begin[index]))

    def pick(value: int, fits: Callable[[Times, Times], npt.NDArray[np.bool_]]) -> list[Operation]:
        """The write of a value, or else its first read, whose start and end fit, if there is one."""
        if fits(writes.begin[value : value + 1], writes.end[value : value + 1]).any():
            return [Operation("write", value)]
        of_value = np.flatnonzero(reads.value == value)
        fitting = of_value[fits(reads.begin[of_value], reads.end[of_value])]
        return [Operation("read", int(index)) for index in fitting[:1]]

    stale = next(index for index in last if len(came_between(index)))
    candidates = came_between(stale)
    old, new = int(reads.value[stale]), int(candidates[np.argmin(earliest_end[candidates])])
    first = pick(old, lambda begin, end: end == earliest_end[old])
    between = pick(new, lambda begin, end: (earliest_end[old] < begin) & (end < reads.begin[stale])) or [
        *pick(new, lambda begin, end: end == earliest_end[new]),
        *pick(new, lambda begin, end: begin == latest_start[new]),
    ]
    return "stale", (old, new), (*first, *between, Operation("read", stale))
