"""Measurements: interleaved runs, medians of their ratios, the spread, and whether a target was reached."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Row", "Section", "compare", "interleave", "limit_row", "per_operation", "unmeasured"]


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        what: what was measured.
        ours: the project's figure with its unit.
        other: the figure to compare it with, such as that of the C loop.
        ratio: how much better ours is; above 1 ours is the better one. None if unmeasured or not applicable.
        spread: first and third quartile of the ratio over the rounds.
        runs: how many rounds were compared; 0 if unmeasured.
        note: what a reader must know, or why it is unmeasured.
        target: the lowest ratio that meets the requirement.
    """

    what: str
    ours: str
    other: str
    ratio: float | None = None
    spread: tuple[float, float] | None = None
    runs: int = 0
    note: str = ""
    target: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the target was reached; None without a target or a ratio."""
        return None if self.target is None or self.ratio is None else self.ratio >= self.target


@dataclass(frozen=True)
class Section:
    """A table: title, introduction, rows, headings of the columns ``ours`` and ``other``, and plots."""

    title: str
    text: str
    rows: tuple[Row, ...]
    ours: str = "ours"
    other: str = "C loop"
    plots: tuple[str, ...] = ()


def unmeasured(what: str, reason: str, target: float | None = None) -> Row:
    """The row of something that could not be measured here."""
    return Row(what, "", "", note=f"unmeasured: {reason}", target=target)


def per_operation(seconds: float) -> str:
    """Seconds of one operation, readable: ``12.3 µs``."""
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def interleave(
    contenders: Mapping[str, Callable[[], float]], rounds: int, progress: Callable[[int], None] = lambda done: None
) -> dict[str, list[float]]:
    """Run every contender once per round, so that drift of the machine affects all of them alike.

    Args:
        contenders: name → a function that works for a moment and returns the seconds of one operation.
        rounds: how many; each has its own order, because a contender may leave work behind for the next one.
        progress: called with the number of rounds done.

    Returns:
        name → the seconds of one operation in each round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    shuffle = random.Random(0).shuffle
    for done in range(1, rounds + 1):
        shuffle(order)
        for name in order:
            seconds[name].append(contenders[name]())
        progress(done)
    return seconds


def compare(
    what: str, ours: Sequence[float], other: Sequence[float], *, target: float | None = None, note: str = ""
) -> Row:
    """The row of two interleaved series: the ratio is the other's seconds divided by ours, round by round.

    Raises:
        ValueError: the series differ in length or have fewer than two rounds.
    """
    if len(ours) != len(other) or len(ours) < 2:
        raise ValueError(f"{what}: needs two series of equal length, at least 2 (got {len(ours)} and {len(other)})")
    ratios = [theirs / mine for mine, theirs in zip(ours, other, strict=True)]
    first, _, third = statistics.quantiles(ratios, n=4, method="inclusive")
    return Row(
        what,
        per_operation(statistics.median(ours)),
        per_operation(statistics.median(other)),
        statistics.median(ratios),
        (first, third),
        len(ratios),
        note,
        target,
    )


def limit_row(what: str, seconds: float, limit: float | None = None, note: str = "") -> Row:
    """The row of a duration, such as that of the whole suite or the time to detect a mutant.

    Args:
        what: what took the time.
        seconds: how long it took.
        limit: how long it may take, in seconds; None if there is no limit.
        note: for the reader, such as the clause that caught the mutant.
    """
    if limit is None:
        return Row(what, per_operation(seconds), "", runs=1, note=note)
    return Row(what, per_operation(seconds), f"at most {per_operation(limit)}", limit / seconds, None, 1, note, 1.0)
