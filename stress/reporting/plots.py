"""The plots of the report: SVG that is the same for the same numbers and readable on light and dark pages.

Each function returns the text of an ``<svg>`` element, or None when there is nothing to draw. Elements drawn in
``_INK`` take the text colour of the page.
"""

from __future__ import annotations

import contextlib
import html
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from stress.record.folder_record import Finding, Sample, Shown
from stress.record.histogram import EDGES, Histogram, describe_duration

__all__ = ["errors", "lanes", "latency", "sizes", "staleness", "throughput", "timeline"]

_INK = "#010203"  # replaced by currentColor
_BLUE, _TEAL, _VIOLET, _RED, _GREY = "#3987e5", "#1f9e86", "#8f7ae5", "#e5484d", "#8b8b88"
_WIDTH, _WIDE = 6.4, 10.0  # inches of 72 points: of half the page, of all of it
_MOST_POINTS = 300  # of a line over time
_MOST_BARS = 12
_FADE = 16  # steps in which an open-ended bar vanishes

_STYLE = {
    "svg.hashsalt": "pulse",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _GREY,
    "axes.labelcolor": _INK,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "figure.constrained_layout.use": True,
    "grid.color": _GREY,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "xtick.color": _GREY,
    "ytick.color": _GREY,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
}


def throughput(samples: Sequence[Sample]) -> str | None:
    """Writes and reads a second over the run, in two panels."""
    kept = _thinned(samples)
    if len(kept) < 2:
        return None
    edges = np.array([sample.seconds for sample in kept])
    with _style():
        figure = Figure(figsize=(_WIDTH, 2.9))
        panels = figure.subplots(2, 1, sharex=True)
        lines = (("writes", _BLUE, [s.writes for s in kept]), ("reads", _TEAL, [s.reads for s in kept]))
        for axes, (name, colour, totals) in zip(panels, lines, strict=True):
            axes.stairs(np.diff(totals) / np.diff(edges), edges, baseline=None, color=colour, linewidth=1.5)
            axes.set_ylabel(f"{name} a second")
            axes.set_ylim(bottom=0)
            axes.grid(axis="y")
            axes.yaxis.set_major_locator(MaxNLocator(4))
            axes.yaxis.set_major_formatter(_counts())
        panels[-1].set_xlabel("seconds since the load started")
        panels[-1].set_xlim(edges[0], edges[-1])
        return _svg(figure, "writes and reads a second over time")


def latency(write: Histogram, read: Histogram) -> str | None:
    """How long writes and reads took, in one panel each, with the same scale of time."""
    filled = [
        (name, colour, histogram)
        for name, colour, histogram in (("writes", _BLUE, write), ("reads", _TEAL, read))
        if histogram.total
    ]
    return _histograms(filled, "latency", "latency of writes and reads")


def staleness(delays: Histogram) -> str | None:
    """How long after the start of a write a reader first saw it."""
    filled = [("documents seen", _VIOLET, delays)] if delays.total else []
    return _histograms(filled, "from the start of a write to the first read that saw it", "staleness")


def errors(counts: Mapping[str, int]) -> str | None:
    """Errors of writes and of reads by name, the most frequent first."""
    ordered = sorted(((name, count) for name, count in counts.items() if count), key=lambda one: (-one[1], one[0]))
    if not ordered:
        return None
    shown = ordered if len(ordered) <= _MOST_BARS else ordered[: _MOST_BARS - 1]
    others = sum(count for _, count in ordered[len(shown) :])
    bars = [*shown, *([("others", others)] if others else [])]
    return _bars(bars, _RED, "how many times", "errors by name")


def sizes(counts: Mapping[int, int]) -> str | None:
    """Writes by the size of their document; many different sizes are grouped by powers of two."""
    written = {size: count for size, count in sorted(counts.items()) if count}
    if not written:
        return None
    if len(written) <= _MOST_BARS:
        bars = [(_bytes(size), count) for size, count in written.items()]
    else:
        grouped: dict[int, int] = {}
        for size, count in written.items():
            power = 1 << (size - 1).bit_length() if size > 1 else 1
            grouped[power] = grouped.get(power, 0) + count
        bars = [(f"up to {_bytes(power)}", count) for power, count in sorted(grouped.items())]
    return _bars(bars, _BLUE, "writes of this size", "sizes of the documents")


def timeline(finding: Finding) -> str | None:
    """The operations around a violation: a row for each process, a bar for each operation, contradicting ones in red.

    The bar of a write that was never answered fades out.
    """
    if not finding.timeline:
        return None
    times = [time for shown in finding.timeline for time in (shown.begin, shown.end) if time is not None]
    start, stop = min(times), max(times)
    span = (stop - start) or 1e-6
    unit, name = (1.0, "s") if span >= 2 else (1e-3, "ms") if span >= 2e-3 else (1e-6, "µs")
    # The contradiction exists from the start of the last contradicting operation.
    origin = max((shown.begin for shown in finding.timeline if shown.guilty), default=start)
    left, right = (start - 0.03 * span - origin) / unit, (stop + 0.12 * span - origin) / unit
    rows = lanes(finding.timeline)
    height = sum(len(of_process) for of_process in rows.values())
    with _style():
        figure = Figure(figsize=(_WIDE, 0.9 + 0.36 * height + 0.1 * len(rows)))
        axes = figure.subplots()
        ticks = []
        bottom = 0.0
        for of_process in rows.values():
            ticks.append(bottom + (len(of_process) - 1) / 2)
            for lane in of_process:
                _draw_lane(axes, bottom, [_Bar(shown, origin, unit) for shown in lane], left, right)
                bottom += 1
            bottom += 0.3
        axes.set_yticks(ticks, [_ascii(process) for process in rows])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_ylim(bottom - 0.5, -0.75)
        axes.set_xlim(left, right)
        axes.grid(axis="x")
        axes.set_xlabel(f"{name}, where 0 is {origin:,.6f} s after the load started")
        return _svg(figure, "operations around the violation")


def lanes(timeline: Sequence[Shown]) -> dict[str, list[list[Shown]]]:
    """The operations of each process, in lanes in which no two overlap; writers first, then by name and number."""
    rows: dict[str, list[list[Shown]]] = {}
    for process in sorted({shown.process for shown in timeline}, key=_natural):
        of_process: list[list[Shown]] = []
        for shown in sorted((one for one in timeline if one.process == process), key=lambda one: one.begin):
            for lane in of_process:
                last = lane[-1].end
                if last is not None and last <= shown.begin:
                    lane.append(shown)
                    break
            else:
                of_process.append([shown])
        rows[process] = of_process
    return rows


class _Bar:
    """An operation on the axis of time: ``begin`` and ``end`` in units since the origin."""

    def __init__(self, shown: Shown, origin: float, unit: float) -> None:
        self.shown = shown
        self.begin = (shown.begin - origin) / unit
        self.end = None if shown.end is None else (shown.end - origin) / unit


def _draw_lane(axes: Axes, row: float, bars: Sequence[_Bar], left: float, right: float) -> None:
    span = right - left
    low = -np.inf  # where the last label above the bars ends
    for bar in bars:
        shown = bar.shown
        colour = _RED if shown.guilty else _BLUE if shown.what == "write" else _TEAL
        alpha = 1.0 if shown.guilty else 0.55
        order = 3 if shown.guilty else 2  # a guilty one is not hidden by its neighbours
        if bar.end is None:
            steps = np.linspace(bar.begin, right, _FADE + 1)
            for step, (begin, end) in enumerate(pairwise(steps)):
                faded = alpha * (1 - step / _FADE)
                axes.barh(row, end - begin, left=begin, height=0.4, color=colour, alpha=faded, zorder=order)
        else:
            # Wide enough to be seen, however short it was.
            width = max(bar.end - bar.begin, span * 0.003)
            axes.barh(row, width, left=bar.begin, height=0.4, color=colour, alpha=alpha, zorder=order)
        if shown.guilty:
            label = f"{shown.what} w{shown.value[0]} s{shown.value[1]}"
            width = span * 0.0085 * len(label)
            begin = min(max(bar.begin, left), right - width)
            above = begin > low
            place, side = (row - 0.26, "bottom") if above else (row + 0.26, "top")
            axes.text(begin, place, label, va=side, color=_RED, size=8)
            low = begin + width if above else low


def _histograms(filled: Sequence[tuple[str, str, Histogram]], label: str, title: str) -> str | None:
    if not filled:
        return None
    used = [bucket for _, _, histogram in filled for bucket, count in enumerate(histogram.counts) if count]
    first, last = min(used), max(used)
    # Bucket 0 starts at 0 and the last has no end: on a logarithmic scale each gets the width of a bucket.
    inner = EDGES.astype(float)
    edges = np.array([inner[1] / 2 ** (1 / 8), *inner[1:], inner[-1] * 2 ** (1 / 8)])
    with _style():
        figure = Figure(figsize=(_WIDTH, 1.0 + 1.15 * len(filled)))
        panels = figure.subplots(len(filled), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (name, colour, histogram) in zip(panels, filled, strict=True):
            counts = np.array(histogram.counts[first : last + 1])
            axes.stairs(counts, edges[first : last + 2], fill=True, color=colour, alpha=0.75)
            axes.set_xscale("log")
            axes.set_xlim(edges[first] / 1.15, edges[last + 1] * 1.15)
            axes.set_ylim(0, counts.max() * 1.25)
            axes.set_ylabel(name)
            axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
            axes.yaxis.set_major_formatter(_counts())
            marks = [
                (text, max(histogram.percentile(share) or 0.0, edges[0]))
                for text, share in (("p50", 0.5), ("p99", 0.99))
            ]
            for text, place in marks:
                axes.axvline(place, color=_INK, linewidth=0.9, linestyle=(0, (3, 2)))
                axes.annotate(
                    text, (place, 0.88), xycoords=("data", "axes fraction"), xytext=(3, 0), textcoords="offset points"
                )
            described = [f"{text} {describe_duration(place)}" for text, place in marks]
            described.append(f"longest {describe_duration(histogram.percentile(1.0))}")
            axes.set_title(f"{histogram.total:,} {name}: {', '.join(described)}")
        axis = panels[-1].xaxis
        decades = np.log10(edges[last + 1] / edges[first])
        axis.set_major_locator(LogLocator(10, subs=(1.0,) if decades > 3 else (1.0, 2.0, 5.0), numticks=20))
        axis.set_major_formatter(FuncFormatter(lambda value, _: describe_duration(value).replace(".0 ", " ")))
        axis.set_minor_formatter(NullFormatter())
        panels[-1].set_xlabel(label)
        return _svg(figure, title)


def _bars(bars: Sequence[tuple[str, int]], colour: str, label: str, title: str) -> str:
    with _style():
        figure = Figure(figsize=(_WIDTH, 0.7 + 0.25 * len(bars)))
        axes = figure.subplots()
        rows = range(len(bars))
        axes.barh(rows, [count for _, count in bars], height=0.6, color=colour, alpha=0.85)
        for row, (_, count) in zip(rows, bars, strict=True):
            axes.annotate(f"{count:,}", (count, row), xytext=(4, 0), textcoords="offset points", va="center")
        axes.set_yticks(rows, [_ascii(name) for name, _ in bars])
        axes.tick_params(axis="y", length=0)
        axes.invert_yaxis()
        axes.set_xlim(0, max(count for _, count in bars) * 1.15)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter(_counts())
        axes.set_xlabel(label)
        return _svg(figure, title)


def _thinned(samples: Sequence[Sample]) -> list[Sample]:
    """Samples at different times, few enough to draw; the rates between the remaining ones are means."""
    later = [one for before, one in pairwise(samples) if one.seconds > before.seconds]
    kept = [*samples[:1], *later]
    if len(kept) <= _MOST_POINTS:
        return kept
    return [kept[index] for index in np.linspace(0, len(kept) - 1, _MOST_POINTS).round().astype(int)]


def _counts() -> FuncFormatter:
    return FuncFormatter(lambda value, _: f"{value:,.0f}" if value == round(value) else f"{value:,.2g}")


def _bytes(size: int) -> str:
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size:,} B"


def _ascii(text: str) -> str:
    """The text with escapes for characters that the font of the plots might not have."""
    return text.encode("ascii", "backslashreplace").decode("ascii")


def _natural(process: str) -> tuple[bool, str, int]:
    word, _, number = process.rpartition(" ")
    return not process.startswith("writer"), word, int(number) if number.isdecimal() else 0


@contextlib.contextmanager
def _style() -> Iterator[None]:
    with matplotlib.rc_context(_STYLE):  # type: ignore[arg-type]  # the stubs know the keys only as literals
        yield


def _svg(figure: Figure, title: str) -> str:
    """The ``<svg>`` element, without metadata that differs between runs and without ids that nothing refers to."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = stream.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r'<g id="\w+_\d+">', "<g>", text).replace(_INK, "currentColor")
    # Verdana has the same widths as the font that the plots were laid out with.
    text = text.replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif")
    return text.replace("<svg ", f'<svg role="img" aria-label="{html.escape(title)}" ', 1)
