"""The ways to show runs that need no terminal: JSON for programs, lines for logs and for screen readers."""

import json
import sys
import time
from collections.abc import Sequence
from typing import Protocol, Self

from pulse._streams import complain
from pulse.liveness import as_json, state
from pulse.watch.words import Glyphs, Row, line, ranked

__all__ = ["JsonLines", "Lines", "Screen", "print_json", "print_lines"]


class Screen(Protocol):
    """A way to show runs, while a context lasts."""

    quiet: bool
    """Whether what other programs print would spoil it."""

    def show(self, rows: Sequence[Row]) -> None:
        """Show the runs after a poll of all files."""

    def note(self, text: str) -> None:
        """Show a remark for people."""


class JsonLines:
    """One JSON object per file and poll, each on a line, flushed; remarks go to stderr."""

    quiet = False

    def __enter__(self) -> Self:
        """Nothing to prepare."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to restore."""

    def show(self, rows: Sequence[Row]) -> None:
        """Print every row."""
        print_json(rows)

    def note(self, text: str) -> None:
        """Print a remark on stderr."""
        complain(f"pulse watch: {text}")


class Lines:
    """A line for a file whenever its document or its state has changed, with the local time; remarks go to stderr."""

    quiet = False

    def __init__(self, glyphs: Glyphs) -> None:
        """Start with nothing printed."""
        self._glyphs = glyphs
        self._printed: dict[str, object] = {}

    def __enter__(self) -> Self:
        """Nothing to prepare."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to restore."""

    def show(self, rows: Sequence[Row]) -> None:
        """Print what is new."""
        new = [row for row in rows if self._printed.get(row.path) != _news(row)]
        self._printed |= {row.path: _news(row) for row in new}
        print_lines(new, self._glyphs, time.strftime("%Y-%m-%d %H:%M:%S  "))

    def note(self, text: str) -> None:
        """Print a remark on stderr."""
        complain(f"pulse watch: {text}")


def _news(row: Row) -> object:
    """A line is worth printing when this has changed."""
    return state(row.polled), row.polled.status, row.polled.outcome


def print_json(rows: Sequence[Row]) -> None:
    """Print the rows as JSON lines in ASCII, in the order of the command line.

    Raises:
        OSError: stdout cannot be written.
    """
    for row in rows:
        document = json.dumps(as_json(row.path, row.polled, row.name), allow_nan=False)
        sys.stdout.buffer.write(document.encode("ascii") + b"\n")
    sys.stdout.buffer.flush()


def print_lines(rows: Sequence[Row], glyphs: Glyphs, prefix: str = "") -> None:
    """Print a line for each row, the worst first.

    Raises:
        OSError: stdout cannot be written.
    """
    width = max((len(row.name) for row in rows), default=0)
    for row in ranked(rows):
        text = f"{prefix}{line(row, glyphs, width)}"
        print(text.encode(sys.stdout.encoding, "backslashreplace").decode(sys.stdout.encoding))
    sys.stdout.flush()
