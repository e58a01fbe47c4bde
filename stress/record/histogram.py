"""Durations and delays in buckets: constant memory for any number of them, and percentiles to within nine per cent.

Bucket k holds what is at least ``EDGES[k]`` and less than ``EDGES[k + 1]``: eight buckets to each power of two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["EDGES", "Histogram", "describe_duration"]

_FIRST, _LAST = 7, 37  # powers of two, in nanoseconds: 128 ns to 137 s
EDGES: npt.NDArray[np.int64] = np.array(
    [0, *(round(2 ** (step / 8)) for step in range(_FIRST * 8, _LAST * 8 + 1))], dtype=np.int64
)
"""Lower edges of the buckets, in nanoseconds; the last bucket has no upper edge."""


@dataclass(frozen=True)
class Histogram:
    """``counts[k]`` durations lie in bucket k. Made by `of`; added with ``+``."""

    counts: tuple[int, ...] = (0,) * len(EDGES)

    @staticmethod
    def of(nanoseconds: npt.ArrayLike) -> Histogram:
        """Sort durations (nanoseconds, any number of them; below 0 counts as 0) into buckets."""
        values = np.maximum(np.asarray(nanoseconds, dtype=np.int64), 0)
        buckets = np.searchsorted(EDGES, values, side="right") - 1
        return Histogram(tuple(np.bincount(buckets, minlength=len(EDGES)).tolist()))

    def __add__(self, other: Histogram) -> Histogram:
        return Histogram(tuple(one + two for one, two in zip(self.counts, other.counts, strict=True)))

    @property
    def total(self) -> int:
        """How many durations there are."""
        return sum(self.counts)

    def percentile(self, share: float) -> float | None:
        """Nanoseconds: the lower edge of the bucket that ``share`` (0 to 1) of the durations reach; None if empty."""
        total = self.total
        if total == 0:
            return None
        cumulated = np.cumsum(self.counts)
        return float(EDGES[int(np.searchsorted(cumulated, share * total))])


def describe_duration(nanoseconds: float | None) -> str:
    """A duration in words, with two or three digits, such as ``3.1 ms``; a dot for None."""
    if nanoseconds is None:
        return "·"
    units = ((1.0, "ns"), (1e3, "µs"), (1e6, "ms"))
    size, unit = next((one for one in units if nanoseconds < 999.5 * one[0]), (1e9, "s"))
    number = nanoseconds / size
    decimals = 1 if unit != "ns" and number < 9.95 else 0
    return f"{number:,.{decimals}f} {unit}"
