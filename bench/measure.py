"""What was measured: interleaved runs, medians of their ratios, the spread, and whether a target was reached."""

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
        other: the figure beside it, such as that of the C loop.
        ratio: how well we do against the other; above 1 we are the better one. None: unmeasured, or there is none.
        spread: first and third quartile of the ratio over the rounds.
        runs: how many rounds were compared; 0 when unmeasured.
        note: what a reader must know, or why it is unmeasured.
        target: the least ratio that is asked for.
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
    """A table: its title, a text for the reader, its rows, what its columns ``ours`` and ``other`` are, its plots."""

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
    """Run every contender once a round, so that a drift of the machine meets all of them alike.

    Args:
        contenders: name → a function that works for a moment and returns the seconds of one operation.
        rounds: how often; each has an order of its own, because a contender may leave work behind for the next one.
        progress: told the number of rounds done.

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
        raise ValueError(f"{what}: give two series of the same length, at least 2 (got {len(ours)} and {len(other)})")
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
        limit: how long it may take, in seconds; None when nothing was asked for.
        note: for the reader, such as the clause that caught the mutant.
    """
    if limit is None:
        return Row(what, per_operation(seconds), "", runs=1, note=note)
    return Row(what, per_operation(seconds), f"at most {per_operation(limit)}", limit / seconds, None, 1, note, 1.0)
