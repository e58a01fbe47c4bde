"""What a run of the harness shows while it runs: a panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from conformance.contract.errors import OutputError
from stress.record.folder_record import Sample
from stress.record.histogram import Histogram, describe_duration
from stress.record.violations import VIOLATION_KINDS

__all__ = [
    "View",
    "due",
    "logging_to",
    "panel",
    "phase_line",
    "plain_line",
    "rates",
    "share_done",
    "showing",
    "time_left",
]

_ALWAYS = ("torn", "mixed", "missing", "stale", "future")  # kinds that a plain line always shows
_OF_WRITERS = ("refused", "ended", "leak")  # kinds that need no reader
_OF_FEW = ("misread", "blocked")  # kinds that need a reader under test or Windows, which a view does not know
_STEADY = 8  # views over which the rates of the panel are means, so that they are readable
_WIDTH = 80  # characters
_FOLDER_WIDTH = 36
_BEGINNING = Sample(seconds=0.0, reads=0, changes=0, writes=0, refused=0, wrong=0, temps=0)


@dataclass(frozen=True)
class View:
    """The state of one folder's run at one moment, to be shown.

    ``phase`` is ``positive control``, ``load`` or ``closing``. ``now`` has the totals since the load started; the
    rates are those between ``before`` and ``now``, or since the load started without ``before``. ``counts`` are the
    violations by kind; ``now.wrong`` may already include more. ``seconds_left`` is None for a run without a time
    limit; ``goal_share`` (0 to 1) is how much of the goal is reached, None without a goal.
    """

    folder: str
    file_system: str
    phase: str
    now: Sample
    before: Sample | None
    distinct: int
    acknowledged: int
    counts: Mapping[str, int]
    staleness: Histogram
    seconds_left: float | None
    goal_share: float | None
    kills: int


@contextlib.contextmanager
def showing(console: Console, *, every: float = 5.0) -> Iterator[Callable[[View], None]]:
    """Yield a function that shows a view.

    On a terminal, views are a panel that disappears at the end. Elsewhere they are lines: one when a phase begins, and
    at most one every ``every`` seconds of the run. Rates are means since the previous line, or over the last views.
    """
    if console.is_terminal and not console.is_dumb_terminal:
        recent: deque[View] = deque(maxlen=_STEADY)
        with Live(console=console, auto_refresh=False, transient=True) as live:

            def draw(view: View) -> None:
                if recent and _begins(recent[-1], view):
                    recent.clear()
                live.update(panel(replace(view, before=recent[0].now) if recent else view), refresh=True)
                recent.append(view)

            yield draw
        return

    yield _in_lines(lambda line: console.print(line, soft_wrap=True, markup=False, highlight=False), every)


def logging_to(path: Path, *, every: float = 60.0) -> Callable[[View], None]:
    """As `showing` without a terminal, appended to a file that is opened for each line, so that it may be rotated.

    Raises OutputError when the first line cannot be written; later ones are left out while there is no room for them.
    """
    begun = False

    def append(line: str) -> None:
        nonlocal begun
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")
        except OSError as error:
            if not begun:
                raise OutputError(f"--log {path}: cannot be written: {error}") from error
        begun = True

    return _in_lines(append, every)


def _in_lines(write: Callable[[str], None], every: float) -> Callable[[View], None]:
    """A function that writes each view that is due as a line."""
    printed: View | None = None

    def show(view: View) -> None:
        nonlocal printed
        if due(printed, view, every):
            if printed is None or _begins(printed, view):
                write(phase_line(view))
            else:
                write(plain_line(replace(view, before=printed.now)))
            printed = view

    return show


def due(printed: View | None, view: View, every: float) -> bool:
    """Whether a view gets a line, after ``printed`` was the last one that did."""
    return printed is None or _begins(printed, view) or view.now.seconds - printed.now.seconds >= every


def _begins(last: View, view: View) -> bool:
    return (last.folder, last.phase) != (view.folder, view.phase)


def rates(view: View) -> tuple[float, float] | None:
    """Writes and reads a second; None when no time has passed."""
    before = view.before or _BEGINNING
    seconds = view.now.seconds - before.seconds
    if seconds <= 0:
        return None
    return (view.now.writes - before.writes) / seconds, (view.now.reads - before.reads) / seconds


def share_done(view: View) -> float | None:
    """How much of the run is done, 0 to 1: of its goal, or else of its time; None for a run without an end."""
    if view.goal_share is not None:
        return min(max(view.goal_share, 0.0), 1.0)
    if view.seconds_left is None:
        return None
    left = max(view.seconds_left, 0.0)
    return view.now.seconds / (view.now.seconds + left) if left else 1.0


def time_left(view: View) -> str:
    """The time left, such as ``48 s left``, ``12 min 05 s left`` or ``3 h 07 min left``; empty without a time limit."""
    if view.seconds_left is None:
        return ""
    minutes, seconds = divmod(round(max(view.seconds_left, 0.0)), 60)
    hours, minutes_of_hour = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_of_hour:02} min left"
    return f"{minutes} min {seconds:02} s left" if minutes else f"{seconds} s left"


def phase_line(view: View) -> str:
    """The line for the start of a phase."""
    return f"{view.file_system} {view.folder}: {view.phase}"


def plain_line(view: View) -> str:
    """Everything in one line: work done, violations, staleness, time left."""
    now = view.now
    speed = rates(view)
    writes, reads = (f" ({_count(one)}/s)" for one in speed) if speed else ("", "")
    done = f"{_count(now.writes)} writes{writes}, {_count(now.reads)} reads{reads}, {_count(view.distinct)} distinct"
    named = [(kind, view.counts.get(kind, 0)) for kind in VIOLATION_KINDS]
    wrong = [f"{_count(count)} {kind}" for kind, count in named if count or kind in _ALWAYS]
    if _unnamed(view):
        wrong.append(f"{_count(_unnamed(view))} not yet named")
    parts = [
        done,
        ", ".join(wrong),
        f"temps {_count(now.temps)}",
        f"staleness {_staleness(view.staleness)}",
    ]
    if view.kills:
        parts.append(f"kills {_count(view.kills)}")
    if view.goal_share is not None:
        parts.append(_goal(view.goal_share))
    parts.append(time_left(view))
    where = f"{view.file_system} {now.seconds:,.1f} s" + (f" ({view.phase})" if view.phase != "load" else "")
    return f"{where}: {'; '.join(part for part in parts if part)}"


def panel(view: View) -> Panel:
    """The same as a panel of 80 columns, in which every number has a fixed place."""
    title = Text.assemble((view.file_system, "bold"), f" {_shortened(view.folder)} · {view.phase} ")
    title.append(f"{view.now.seconds:,.1f} s", style="bold")
    body = Group(_numbers(view), Text(), _heading(view), _violations(view), Text(), _progress(view))
    return Panel(body, title=title, title_align="left", width=_WIDTH, border_style="red" if _wrong(view) else "dim")


def _numbers(view: View) -> Table:
    now = view.now
    speed = rates(view)
    writes, reads = (f"{_count(one)}/s" for one in speed) if speed else ("·", "·")
    table = Table.grid(padding=(0, 1))
    for width, right in ((12, False), (17, True), (12, True), (3, False), (14, False), (13, True)):
        table.add_column(width=width, justify="right" if right else "left", no_wrap=True)
    p50, p99 = (describe_duration(view.staleness.percentile(share)) for share in (0.5, 0.99))
    rows = (
        ("writes", _count(now.writes), writes, "acknowledged", _count(view.acknowledged)),
        ("reads", _count(now.reads), reads, "distinct seen", _count(view.distinct)),
        ("changes seen", _count(now.changes), "", "staleness p50", p50),
        ("temps now", _count(now.temps), "", "staleness p99", p99),
        ("kills", _count(view.kills), "", "", ""),
    )
    for name, total, speed_text, other, value in rows:
        table.add_row(Text(name, "dim"), Text(total, "bold"), speed_text, "", Text(other, "dim"), Text(value, "bold"))
    return table


def _heading(view: View) -> Text:
    text = Text.assemble(("violations ", "bold"), (f"in {_count(view.now.reads)} reads and ", "dim"))
    text.append(f"{_count(view.now.writes)} writes", "dim")
    if _unnamed(view):
        text.append(f"  {_count(_unnamed(view))} not yet named", "bold red")
    return text


def _violations(view: View) -> Table:
    table = Table.grid(padding=(0, 1))
    columns = 4
    for _ in range(columns):
        table.add_column(width=9, justify="right", no_wrap=True)
        table.add_column(width=8, no_wrap=True)
    cells = []
    for kind in VIOLATION_KINDS:
        count = view.counts.get(kind, 0)
        # No violation in no operation means nothing, so it is not green.
        done = 0 if kind in _OF_FEW else view.now.writes if kind in _OF_WRITERS else view.now.reads
        style = "bold red" if count else "green" if done else "dim"
        cells += [Text(_count(count), style), Text(kind, style if count else "dim")]
    for start in range(0, len(cells), 2 * columns):
        table.add_row(*cells[start : start + 2 * columns])
    return table


def _progress(view: View) -> Table:
    share = share_done(view)
    table = Table.grid(padding=(0, 1))
    for width, right in ((48, False), (7, True), (19, True)):
        table.add_column(width=width, justify="right" if right else "left", no_wrap=True)
    if share is None:
        # Always a row: the panel must not change its height.
        table.add_row(Text("no limit: ends with Ctrl-C" if view.phase == "load" else "", "dim"), "", "")
    else:
        table.add_row(
            ProgressBar(total=1.0, completed=share, complete_style="blue", finished_style="blue"),
            _percent(share),
            time_left(view),
        )
    return table


def _wrong(view: View) -> bool:
    return bool(view.now.wrong) or any(view.counts.values())


def _unnamed(view: View) -> int:
    """Violations that were noticed, but are not among the counts before the history is judged."""
    return max(0, view.now.wrong - sum(view.counts.values()))


def _count(number: float) -> str:
    return f"{number:,.0f}"


def _percent(share: float) -> str:
    # Rounded down: 100 % is shown when it is reached, not before.
    return f"{int(share * 1000) / 10:.1f} %"


def _goal(share: float) -> str:
    return f"{_percent(min(max(share, 0.0), 1.0))} of the goal"


def _staleness(staleness: Histogram) -> str:
    return f"p50 {describe_duration(staleness.percentile(0.5))} p99 {describe_duration(staleness.percentile(0.99))}"


def _shortened(folder: str) -> str:
    return folder if len(folder) <= _FOLDER_WIDTH else f"…{folder[1 - _FOLDER_WIDTH :]}"
