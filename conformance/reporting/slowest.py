"""Which cases of a run took the time. Decisions only, no I/O."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.reporting.results import Result

__all__ = ["slowest"]

_WORTH_SAYING = 30.0  # seconds of all cases
_SHOWN = 5


def slowest(results: Sequence[Result]) -> list[str]:
    """A heading and the cases that took longest, a line each; nothing for a run whose cases took less than 30 s.

    Several cases may judge the same visits of a write: the first of them takes the time of all.
    """
    total = sum(result.seconds for result in results)
    if total < _WORTH_SAYING:
        return []
    cases = sorted(results, key=lambda result: -result.seconds)[:_SHOWN]
    lines = (f"{result.seconds:7.1f} s  {result.clause} {result.case}" for result in cases if result.seconds)
    return [f"slowest of {len(results):,} cases, which took {total:,.0f} s:", *lines]
