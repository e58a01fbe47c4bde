"""The panel of ``pulse watch`` on a terminal, drawn by rich."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Self

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from pulse.liveness import state
from pulse.watch.words import Glyphs, Row, aged, facts, headline, message, position, ranked, safe, summary

__all__ = ["Panel", "panel"]

STYLES = {
    "done": "green",
    "idle": "",
    "running": "bold green",
    "stalled": "bold magenta",
    "error": "bold red",
    "unreadable": "bold red",
}
"""The sixteen colours of the terminal, as its user likes them. Yellow and blue are left out: one is hard to read on
white, the other on black. The words say the same as the colours."""

INDENT = "  "


class Panel:
    """A screen of its own while the watch lasts; the last view stays on the terminal.

    rich draws it twice a second, so that ages tick between two polls and a new size of the terminal is seen.
    """

    quiet = True

    def __init__(
        self, glyphs: Glyphs, clock: Callable[[], float] = time.monotonic, console: Console | None = None
    ) -> None:
        """Start with no rows; ``console`` is stdout unless told otherwise."""
        self._glyphs, self._clock = glyphs, clock
        self._console = console or Console(markup=False, highlight=False, emoji=False)
        self._live = self._new_live()
        # One value, because rich draws in a thread of its own.
        self._latest: tuple[Sequence[Row], float] = (), clock()
        self._note = ""

    def _new_live(self) -> Live:
        return Live(self, console=self._console, screen=True, refresh_per_second=2)

    def __enter__(self) -> Self:
        """Take the terminal."""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Give it back, with the last view on it."""
        self._live.stop()
        self._console.print(self._drawn(self._console.width, 0))

    def leave(self) -> None:
        """Give the terminal back for a while."""
        self._live.stop()

    def come_back(self) -> None:
        """Take it again, in the size that it has now."""
        self._live = self._new_live()
        self._live.start(refresh=True)

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows from now on."""
        self._latest = rows, self._clock()
        self._live.refresh()

    def note(self, text: str) -> None:
        """Show a remark in the last line."""
        self._note = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The rows, with their ages as of now."""
        yield self._drawn(options.max_width, options.size.height)

    def _drawn(self, width: int, height: int) -> Text:
        rows, updated = self._latest
        seconds = self._clock() - updated
        rows = [replace(row, polled=aged(row.polled, seconds)) for row in rows]
        return Text("\n").join(panel(rows, self._note, self._glyphs, width, height))


def panel(rows: Sequence[Row], note: str, glyphs: Glyphs, width: int, height: int) -> list[Text]:
    """The lines of the panel.

    Args:
        rows: the runs, in any order.
        note: a remark for the last line; empty for none.
        glyphs: what to draw with.
        width: columns of the terminal.
        height: its lines; 0 for as many as there are. Where they do not suffice, each run gets one line.
    """
    head = [Text(_cropped(f"pulse watch{glyphs.separator}{summary(rows)}", width, glyphs), "dim"), Text()]
    foot = [Text(), Text(_cropped(safe(note, glyphs), width, glyphs), "dim")] if note else []
    room = height - len(head) - len(foot)
    order = ranked(rows)
    body = [line for row in order for line in (*_block(row, glyphs, width), Text())][:-1]
    if height and len(body) > room:
        body = [_compact(row, glyphs, width) for row in order]
    if height and len(body) > room:
        shown = body[: max(room - 1, 0)]
        rest = f"{INDENT}and {len(body) - len(shown)} more: make the window taller"
        body = [*shown, Text(_cropped(rest, width, glyphs), "dim")]
    return [*head, *body, *foot]


def _block(row: Row, glyphs: Glyphs, width: int) -> list[Text]:
    """All that is known of one run, on three to six lines."""
    known = "dim" if row.polled.unreadable_seconds is not None else ""  # it is what was so before
    return [
        *_title(row, glyphs, width),
        *_bar(row, glyphs, width, known),
        *(Text(INDENT + text, known) for text in _joined(facts(row, glyphs), glyphs, width - len(INDENT))),
        *_message(row, glyphs, width),
    ]


def _title(row: Row, glyphs: Glyphs, width: int) -> list[Text]:
    """Symbol, name and state; on two lines where they do not fit on one."""
    word = state(row.polled)
    name = _cropped(safe(row.name, glyphs), width - 2, glyphs)
    title = Text(f"{glyphs.symbols[word]} ", STYLES[word]).append(name, "not dim bold default")
    words = headline(row.polled)
    if cell_len(title.plain) + 2 + cell_len(words) <= width:
        return [title.append("  ").append(words, STYLES[word])]
    return [title, *(Text(INDENT + text, STYLES[word]) for text in _wrapped(words, width - len(INDENT)))]


def _bar(row: Row, glyphs: Glyphs, width: int, style: str) -> list[Text]:
    """The bar, with percent and epochs beside or, on a narrow terminal, below it; only the words without a total."""
    parts = position(row.polled)
    if len(parts) < 2:
        return [Text(INDENT + part, style) for part in parts]
    room = min(width - len(INDENT) - sum(2 + len(part) for part in parts), 50)
    below = [] if room >= 10 else [parts.pop()]
    room = room if room >= 10 else max(width - len(INDENT) - 2 - len(parts[0]), 1)
    full = int(row.polled.progress / 100.0 * room)
    colour = style or STYLES[state(row.polled)]
    bar = Text(INDENT).append(glyphs.full * full, colour).append(glyphs.empty * (room - full), "dim")
    return [bar.append("  " + "  ".join(parts), style), *(Text(INDENT + part, style) for part in below)]


def _message(row: Row, glyphs: Glyphs, width: int) -> list[Text]:
    """The message, on one line; three for one that says why something is wrong."""
    text = safe(message(row.polled), glyphs)
    if not text:
        return []
    limit = 3 if state(row.polled) in ("error", "unreadable") else 1
    lines = _wrapped(text, width - len(INDENT))
    if len(lines) > limit:
        lines = [*lines[: limit - 1], _cropped(" ".join(lines[limit - 1 :]), width - len(INDENT), glyphs)]
    return [Text(INDENT + line) for line in lines]


def _compact(row: Row, glyphs: Glyphs, width: int) -> Text:
    """One run on one line."""
    word = state(row.polled)
    percent = position(row.polled)[0] if row.polled.status and row.polled.status["total_epochs"] else ""
    text = f"{glyphs.symbols[word]} {percent:>7}  {safe(row.name, glyphs)}  {headline(row.polled)}"
    return Text(_cropped(text, width, glyphs), STYLES[word])


def _joined(parts: Sequence[str], glyphs: Glyphs, width: int) -> list[str]:
    """The parts side by side, on as many lines as they need."""
    lines: list[str] = []
    for part in parts:
        if lines and cell_len(lines[-1] + glyphs.separator + part) <= width:
            lines[-1] += glyphs.separator + part
        else:
            lines.append(_cropped(part, width, glyphs))
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    """The text on lines of at most ``width`` cells."""
    console = Console(width=max(width, 1), file=None, markup=False)
    return [line.plain.rstrip() for line in Text(text).wrap(console, max(width, 1))]


def _cropped(text: str, width: int, glyphs: Glyphs) -> str:
    """The text on one line of at most ``width`` cells."""
    if cell_len(text) <= width:
        return text
    mark = glyphs.ellipsis[: max(width, 0)]
    return set_cell_size(text, max(width - len(mark), 0)).rstrip() + mark
