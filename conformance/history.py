"""What was observed, and whether it is linearizable: a register that only ever holds whole, unique documents.

Gibbons and Korach, "Testing Shared Memories", SIAM J. Comput. 26(4), 1997, section 3: with unique values a history
of a register is linearizable iff no read ends before its write begins, no two forward zones overlap, and no
backward zone lies inside a forward one. O(n log n). Of the reads of one value only the earliest end and the latest
beginning matter, so memory grows with distinct documents and not with reads.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Contradiction", "Read", "Write", "find_contradiction"]


@dataclass(frozen=True)
class Write:
    """One write of a value. Times are of one monotonic clock, in any unit.

    ``end`` is infinite for a write that failed or was killed: it may or may not have happened, and counts only if
    its value was read.
    """

    value: Hashable
    begin: float
    end: float = math.inf


@dataclass(frozen=True)
class Read:
    """One read that returned a value."""

    value: Hashable
    begin: float
    end: float


@dataclass(frozen=True)
class Contradiction:
    """Why a history is not linearizable: ``future``, ``stale`` or ``unknown``, the values, and a sentence."""

    kind: str
    values: tuple[Hashable, ...]
    text: str


@dataclass(frozen=True)
class _Zone:
    value: Hashable
    earliest_end: float
    latest_begin: float


def find_contradiction(writes: Iterable[Write], reads: Iterable[Read]) -> Contradiction | None:
    """Return a contradiction of the history, or None when it is linearizable. Values of writes are unique.

    Equal times count as concurrent: a clock tick never makes a contradiction. Raises ValueError for a value that
    is written twice.
    """
    written: dict[Hashable, Write] = {}
    for write in writes:
        if write.value in written:
            raise ValueError(f"value {write.value!r} is written twice; values of a history must be unique")
        written[write.value] = write
    extremes: dict[Hashable, tuple[float, float]] = {}
    for read in reads:
        end, begin = extremes.get(read.value, (math.inf, -math.inf))
        extremes[read.value] = min(end, read.end), max(begin, read.begin)
    for value, (end, _) in extremes.items():
        if value not in written:
            return Contradiction("unknown", (value,), f"{value!r} was read but never written")
        if end < written[value].begin:
            return Contradiction("future", (value,), f"a read of {value!r} ended before its write began")
    return _zone_contradiction(_zones(written, extremes))


def _zones(written: dict[Hashable, Write], extremes: dict[Hashable, tuple[float, float]]) -> list[_Zone]:
    zones = []
    for value, write in written.items():
        if value not in extremes and write.end == math.inf:
            continue  # never seen and never acknowledged: it constrains nothing
        end, begin = extremes.get(value, (math.inf, -math.inf))
        zones.append(_Zone(value, min(write.end, end), max(write.begin, begin)))
    return zones


def _zone_contradiction(zones: list[_Zone]) -> Contradiction | None:
    forward = sorted(
        (zone for zone in zones if zone.earliest_end < zone.latest_begin), key=lambda zone: zone.earliest_end
    )
    for earlier, later in pairwise(forward):
        if later.earliest_end < earlier.latest_begin:
            return _stale(earlier, later)
    begins = [zone.earliest_end for zone in forward]
    for zone in zones:
        if zone.earliest_end < zone.latest_begin:
            continue
        position = bisect.bisect_left(begins, zone.latest_begin) - 1
        if position >= 0 and zone.earliest_end < forward[position].latest_begin:
            return _stale(forward[position], zone)
    return None


def _stale(outer: _Zone, inner: _Zone) -> Contradiction:
    return Contradiction(
        "stale",
        (outer.value, inner.value),
        f"{outer.value!r} was there before {inner.value!r} was written or read, and was read again after it",
    )
