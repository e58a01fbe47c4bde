"""What the panel knows: one reader for each file, polled once per interval whatever the number of viewers."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pulse.liveness import STALLED_AFTER, as_json, escaped, names
from pulse.panel.samples import Point, Samples, add
from pulse.panel.sources import Candidate, Kind, Scan, Signature, Source, scan
from pulse.reader import Polled, StatusReader

__all__ = ["Board", "Row", "State", "changes", "document"]

FORGET_SECONDS: Final = 600.0
"""A file that was found in a folder or by a glob, and is gone, leaves the panel after this time."""

LOOK_AGAIN: Final = 30
"""A file of a folder that holds no status is read again when it changes, and once in so many polls in any case."""

MOST_MESSAGE: Final = 4000
"""A longer message is cut, in characters: it goes to every viewer."""

TICKING: Final = ("unchanged_seconds", "unreadable_seconds", "rate", "eta_seconds")
"""Members that change without news: a viewer's clock goes on by itself."""


@dataclass(frozen=True)
class Row:
    """One file."""

    order: int
    """When it came to the panel: files never change their order."""
    file: dict[str, Any]
    """:func:`pulse.liveness.as_json`, with a long message cut."""
    samples: tuple[Point, ...]


@dataclass(frozen=True)
class State:
    """Everything, after one poll."""

    clock: float
    """Seconds since the panel started, by a monotonic clock, at the end of the poll."""
    polls: int
    """How many polls there were."""
    seconds: float
    """How long this one took."""
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


@dataclass
class _Followed:
    """A file that is shown, and what is remembered of it."""

    reader: StatusReader
    polled: Polled
    samples: Samples = field(default_factory=Samples)
    order: int = -1


class Board:
    """Polls the files. One thread calls :meth:`poll`; the states that it returns never change."""

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        limit: int = 500,
        stalled_after: float = STALLED_AFTER,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Start with nothing seen; no file is read yet.

        Args:
            sources: what to show.
            limit: how many files to show at most; of those in folders and globs the most recently modified.
            stalled_after: the silence of a running job, in seconds, above which it counts as stalled.
            clock: a monotonic clock, in seconds.
            wall_clock: seconds since 1970.
        """
        self._sources, self._limit, self._stalled_after = tuple(sources), limit, stalled_after
        self._clock, self._wall_clock = clock, wall_clock
        self._started = clock()
        self._polls = 0
        self._orders = itertools.count()
        self._followed: dict[str, _Followed] = {}
        self._not_status: dict[str, Signature | None] = {}
        self._names: dict[str, str] = {}

    def poll(self) -> State:
        """Look through the sources and read every file that is shown once. It does not raise for what it finds."""
        begun = self._clock()
        if self._polls % LOOK_AGAIN == 0:
            self._not_status.clear()
        self._polls += 1
        found = scan(self._sources)
        left_out = self._read(found)
        notes = tuple(map(escaped, found.notes))
        if left_out:
            notes += (f"{left_out:,} more files are not shown: the limit is {self._limit:,} (--limit)",)
        ended = self._clock()
        return State(ended - self._started, self._polls, ended - begun, tuple(self._rows()), notes)

    def _read(self, found: Scan) -> int:
        """Read the files to show, each once. Returns how many others there may be."""
        shown: dict[str, _Followed] = {}
        left_out = 0
        for candidate in sorted(found.candidates, key=_most_recent_first):
            if self._is_no_status(candidate):
                continue
            if len(shown) >= self._limit:
                left_out += 1
            elif followed := self._follow(candidate):
                shown[candidate.path] = followed
        present = {candidate.path for candidate in found.candidates}
        for path in self._followed.keys() - present:
            gone = self._poll_again(self._followed[path])
            if not found.complete or (gone.polled.unreadable_seconds or 0.0) <= FORGET_SECONDS:
                shown[path] = gone
        for path in (*(candidate.path for candidate in found.candidates), *shown):
            if path in shown and shown[path].order < 0:
                shown[path].order = next(self._orders)
        self._not_status = {path: mark for path, mark in self._not_status.items() if path in present}
        if shown.keys() != self._followed.keys():
            paths = sorted(shown)
            self._names = dict(zip(paths, names(paths), strict=True))
        self._followed = shown
        return left_out

    def _is_no_status(self, candidate: Candidate) -> bool:
        """Whether a file of a folder held no status when it was last read, and has not changed."""
        unknown = candidate.path not in self._followed and candidate.path in self._not_status
        return unknown and self._not_status[candidate.path] == candidate.signature

    def _follow(self, candidate: Candidate) -> _Followed | None:
        """The file after one more read; ``None`` for a file of a folder that is no status file."""
        if followed := self._followed.get(candidate.path):
            return self._poll_again(followed)
        reader = StatusReader(
            candidate.path, stalled_after=self._stalled_after, clock=self._clock, wall_clock=self._wall_clock
        )
        polled = reader.poll()
        if polled.status is not None:
            samples = add(Samples(), self._clock() - self._started, None, polled.status)
            return _Followed(reader, polled, samples)
        if candidate.kind is Kind.FOLDER:
            self._not_status[candidate.path] = candidate.signature
            return None
        return _Followed(reader, polled)

    def _poll_again(self, followed: _Followed) -> _Followed:
        before, polled = followed.polled.status, followed.reader.poll()
        samples = followed.samples
        if polled.status is not None and polled.status != before:
            samples = add(samples, self._clock() - self._started, before, polled.status)
        return replace(followed, polled=polled, samples=samples)

    def _rows(self) -> Iterator[Row]:
        for path, followed in sorted(self._followed.items(), key=lambda item: item[1].order):
            file = as_json(path, followed.polled, self._names[path])
            status = file["status"]
            if status is not None and len(status["message"]) > MOST_MESSAGE:
                file["status"] = {**status, "message": status["message"][:MOST_MESSAGE] + "…"}
            yield Row(followed.order, file, followed.samples.points)


def document(state: State, **more: Any) -> dict[str, Any]:
    """A state as /api/status serves it; ``more`` are members that are the same at each poll."""
    files = [{**row.file, "order": row.order, "samples": row.samples} for row in state.rows]
    return {"clock": round(state.clock, 3), **more, "files": files, "notes": state.notes}


def changes(before: State, after: State) -> dict[str, Any]:
    """What a viewer that has ``before`` needs to have ``after``: the files that changed, with their newest sample."""
    known = {row.order: row for row in before.rows}
    files = []
    for row in after.rows:
        old = known.get(row.order)
        if old is None:
            files.append({**row.file, "order": row.order, "samples": row.samples})
        elif _lasting(old) != _lasting(row):
            goes_on = row.samples[:1] == old.samples[:1]  # else it is the next run in the same file
            curve = {"sample": row.samples[-1] if row.samples else None} if goes_on else {"samples": row.samples}
            files.append({**row.file, "order": row.order, **curve})
    present = {row.order for row in after.rows}
    gone = [row.file["path"] for row in before.rows if row.order not in present]
    return {"clock": round(after.clock, 3), "files": files, "gone": gone, "notes": after.notes}


def _lasting(row: Row) -> dict[str, Any]:
    """What is news when it changes."""
    kept = {name: value for name, value in row.file.items() if name not in TICKING}
    # Whether they are shown at all is news.
    return kept | {name: row.file[name] is None for name in TICKING}


def _most_recent_first(candidate: Candidate) -> tuple[bool, int]:
    """The order in which files are shown while there is room: those that were named, then the newest."""
    modified = candidate.signature[2] if candidate.signature else 0
    return candidate.kind is not Kind.FILE, -modified
