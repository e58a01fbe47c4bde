"""Plots of a run as inline SVG, in the colours of the page: cases by outcome, and where the time went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup

from conformance.contract.clauses import GROUP_TITLES
from conformance.reporting.results import OUTCOMES, Result

__all__ = ["outcomes_by_group", "time_by_clause"]

_WIDTH, _ROW, _LABEL = 480, 22, 74  # of the drawing, of one row's height, and of the names before the bars
_MOST_CLAUSES = 12
_LEAST_SECONDS = 1.0  # of all cases: below it, the plot would show noise
_BAR = Markup('<rect class="{kind}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="14"><title>{title}</title></rect>')
_TEXT = Markup('<text x="{x:.1f}" y="{y}">{text}</text>')


def outcomes_by_group(results: Iterable[Result]) -> Markup | None:
    """The shares of the outcomes in the cases of each group; None where there is one group only."""
    groups: dict[str, Counter[str]] = {}
    for result in results:
        groups.setdefault(result.clause.partition("-")[0], Counter())[result.outcome] += 1
    if len(groups) < 2:
        return None
    parts = []
    for row, group in enumerate(name for name in GROUP_TITLES if name in groups):
        counts, x, top = groups[group], float(_LABEL), row * _ROW
        parts.append(_TEXT.format(x=0, y=top + 12, text=group))
        for outcome in OUTCOMES:
            if counts[outcome]:
                width = counts[outcome] / counts.total() * (_WIDTH - _LABEL - 110)
                title = f"{group}: {counts[outcome]:,} {outcome}"
                kind = outcome.replace("/", "")
                parts.append(_BAR.format(kind=kind, x=x, y=top, width=width, title=title))
                x += width
        parts.append(_TEXT.format(x=x + 6, y=top + 12, text=f"{counts.total():,} cases"))
    return _drawing(parts, len(groups), "cases of each group of clauses, by outcome")


def time_by_clause(results: Sequence[Result]) -> Markup | None:
    """The clauses whose cases took longest, in seconds; None where there are few of them or next to no time."""
    seconds: Counter[str] = Counter()
    for result in results:
        seconds[result.clause] += result.seconds  # type: ignore[assignment]  # a Counter adds up floats as well
    longest: Mapping[str, float] = dict(seconds.most_common(_MOST_CLAUSES))
    whole = sum(seconds.values())
    if len(seconds) < 3 or whole < _LEAST_SECONDS:
        return None
    most = max(longest.values())
    parts = []
    for row, (clause, took) in enumerate(longest.items()):
        width = took / most * (_WIDTH - _LABEL - 110)
        parts += [
            _TEXT.format(x=0, y=row * _ROW + 12, text=clause),
            _BAR.format(kind="time", x=_LABEL, y=row * _ROW, width=width, title=f"{clause}: {took:.1f} s"),
            _TEXT.format(x=_LABEL + width + 6, y=row * _ROW + 12, text=f"{took:.1f} s, {took / whole:.0%}"),
        ]
    return _drawing(parts, len(longest), "seconds of the cases of each clause")


def _drawing(parts: Iterable[Markup], rows: int, label: str) -> Markup:
    opening = Markup('<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">')
    return opening.format(width=_WIDTH, height=rows * _ROW, label=label) + Markup("").join(parts) + Markup("</svg>")
