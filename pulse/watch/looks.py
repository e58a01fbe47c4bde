"""Looks at all files, again and again; one whose disk hangs does not hold up the others."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from pulse._patience import Patience
from pulse.reader import Polled, StatusReader
from pulse.watch.words import Row, aged, not_looked_at, updated

__all__ = ["LATE", "Looks"]

LATE: Final = 5.0
"""So many seconds after a file should have been looked at again, what was known of it counts no longer; sooner, where a
shorter silence counts as stalled."""


class Looks:
    """The rows of the files, after each look."""

    def __init__(
        self,
        readers: Sequence[StatusReader],
        rows: Sequence[tuple[str, str]],
        patience: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look at nothing yet.

        Args:
            readers: one for each file.
            rows: the path of each, as the user named it, and its name on the screen.
            patience: a look waits no longer when no file has answered for so many seconds.
            clock: a monotonic clock, in seconds.
        """
        self._readers, self._named, self._clock = readers, rows, clock
        self._polls = Patience(self._poll, patience)
        self._rows: list[Row | None] = [None] * len(readers)
        self._looked = [clock()] * len(readers)

    def look(self) -> list[Row]:
        """Read every file once, but for those whose last read has not come back."""
        for number, (polled, seen) in self._polls.ask(range(len(self._readers))).items():
            path, name = self._named[number]
            self._rows[number] = updated(self._rows[number], path, name, polled)
            self._looked[number] = seen
        now = self._clock()
        return [self._as_of(number, now - seen) for number, seen in enumerate(self._looked)]

    def _poll(self, number: int) -> tuple[Polled, float]:
        return self._readers[number].poll(), self._clock()

    def _as_of(self, number: int, seconds: float) -> Row:
        """The row, ``seconds`` after its file was looked at."""
        row = self._rows[number]
        if row is None:
            return Row(*self._named[number], not_looked_at(None, seconds))
        reader = self._readers[number]
        late = seconds > reader.interval + min(LATE, reader.stalled_after)
        return replace(row, polled=not_looked_at(row.polled, seconds) if late else aged(row.polled, seconds))
