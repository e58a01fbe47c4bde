"""What the panel knows: one reader for each file, polled once per interval whatever the number of viewers."""

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pulse._patience import Patience
from pulse.liveness import STALLED_AFTER, Liveness, as_json, escaped, later, names
from pulse.panel.details import served_detail
from pulse.panel.samples import Samples, add
from pulse.panel.sources import Candidate, Kind, Scan, Scanner, Signature, Source
from pulse.panel.states import Row, State
from pulse.reader import Polled, ReadOutcome, StatusReader

__all__ = ["Board"]

FORGET_SECONDS: Final = 600.0
"""A file that was found in a folder or by a glob, and is gone, leaves the panel after this time."""

LOOK_AGAIN: Final = 30
"""A file of a folder that holds no status is read again when it changes, and once in so many polls in any case."""

MOST_MESSAGE: Final = 4000
"""A longer message is cut, in characters: it goes to every viewer."""

PATIENCE_SECONDS: Final = 1.0
"""How long to wait for a file system that gives no answer, before the others are shown without it."""

SILENT_SECONDS: Final = 10.0
"""What gives no answer for so long is named to the viewers: a large folder on a slow disk is only slow."""

FEWEST_READS: Final = 32
"""Files of unknown content are read so many at a time, at least."""

UNANSWERED: Final = Polled(
    status=None,
    fresh=False,
    outcome=ReadOutcome.UNREADABLE,
    detail="no answer from its file system yet",
    liveness=Liveness.UNREADABLE,
    unchanged_seconds=None,
    evidence=None,
    unreadable_seconds=0.0,
    progress=0.0,
    rate=None,
    eta_seconds=None,
)
"""What is known of a file whose first read hangs."""


@dataclass
class _Followed:
    """A file that is shown, and what is remembered of it."""

    polled: Polled
    looked: float
    """When it was read last, by the board's clock."""
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
        patience: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Start with nothing seen; no file is read yet.

        Args:
            sources: what to show.
            limit: how many files to show at most; of those in folders and globs the most recently modified.
            stalled_after: the silence of a running job, in seconds, above which it counts as stalled.
            patience: how long to wait for a file system that gives no answer, in seconds.
            clock: a monotonic clock, in seconds.
            wall_clock: seconds since 1970.
        """
        self._limit, self._stalled_after = limit, stalled_after
        self._clock, self._wall_clock = clock, wall_clock
        self._started = clock()
        self._polls = 0
        self._orders = itertools.count()
        self._scanner = Scanner(sources, patience)
        self._reads = Patience(self._read, patience)
        self._readers: dict[str, StatusReader] = {}
        self._followed: dict[str, _Followed] = {}
        self._not_status: dict[str, Signature | None] = {}
        self._names: dict[str, str] = {}
        self._silent_since: dict[str, float] = {}

    def poll(self) -> State:
        """Look through the sources and read every file that is shown once. It does not raise for what it finds."""
        begun = self._clock()
        if self._polls % LOOK_AGAIN == 0:
            self._not_status.clear()
        self._polls += 1
        found = self._scanner.scan()
        silent = list(found.silent)
        left_out = self._look_at(found, silent)
        notes = (*found.notes, *self._notes(silent, left_out))
        ended = self._clock()
        return State(
            ended - self._started,
            self._polls,
            ended - begun,
            tuple(self._rows(ended)),
            tuple(map(escaped, notes)),
            self._stalled_after,
        )

    def _notes(self, silent: list[str], left_out: int) -> Iterator[str]:
        """What a viewer should know of files that are not shown, or not as they are now."""
        now = self._clock()
        self._silent_since = {path: self._silent_since.get(path, now) for path in silent}
        named = [path for path, since in self._silent_since.items() if now - since >= SILENT_SECONDS]
        if named:
            others = f" and {len(named) - 1:,} more" if len(named) > 1 else ""
            yield f"{named[0]}{others}: no answer from the file system; what is shown may be old"
        if left_out:
            yield f"{left_out:,} more files are not shown: the limit is {self._limit:,} (--limit)"
        if self._not_status:
            yield f"{len(self._not_status):,} *.json files are not shown: they hold no status, or cannot be read"

    def _look_at(self, found: Scan, silent: list[str]) -> int:
        """Read the files to show, each once; ``silent`` gets those that hang. Returns how many others there may be."""
        hung = set(silent)
        shown: dict[str, _Followed] = {}
        left_out = 0
        candidates = sorted(found.candidates, key=self._rank)
        waiting = deque(one for one in candidates if not self._is_no_status(one, hung))
        while waiting and len(shown) < self._limit:
            count = min(max(self._limit - len(shown), FEWEST_READS), len(waiting))
            batch = [waiting.popleft() for _ in range(count)]
            for path, followed in self._follow(batch, hung, silent):
                if len(shown) < self._limit:
                    shown[path] = followed
                else:
                    left_out += 1
        left_out += len(waiting)
        present = {candidate.path for candidate in found.candidates}
        shown |= self._gone(present, self._limit - len(shown), silent, forget=found.complete)
        for path in (*(candidate.path for candidate in found.candidates), *shown):
            if path in shown and shown[path].order < 0:
                shown[path].order = next(self._orders)
        self._not_status = {path: mark for path, mark in self._not_status.items() if path in present}
        if shown.keys() != self._followed.keys():
            paths = sorted(shown)
            self._names = dict(zip(paths, names(paths), strict=True))
        self._followed = shown
        self._readers = {path: self._readers[path] for path in shown if path in self._readers}
        return left_out

    def _rank(self, candidate: Candidate) -> tuple[bool, bool, int]:
        """The order in which files are shown while there is room: those named, those seen to live, then the newest."""
        followed = self._followed.get(candidate.path)
        modified = candidate.signature[2] if candidate.signature else 0
        return candidate.kind is not Kind.FILE, followed is None or not _lives(followed.polled), -modified

    def _is_no_status(self, candidate: Candidate, hung: set[str]) -> bool:
        """Whether a file of a folder held no status when it was last read, and has not changed, as far as is known."""
        if candidate.path in self._followed or candidate.kind is not Kind.FOLDER:
            return False
        if candidate.path in hung:
            return True
        unknown = candidate.path in self._not_status
        return unknown and self._not_status[candidate.path] == candidate.signature

    def _follow(
        self, candidates: Sequence[Candidate], hung: set[str], silent: list[str]
    ) -> Iterator[tuple[str, _Followed]]:
        """The files after one more read, without those of folders that are no status files."""
        answers = self._reads.ask(one.path for one in candidates if one.path not in hung)
        silent += (one.path for one in candidates if one.path not in hung and one.path not in answers)
        for candidate in candidates:
            path, followed = candidate.path, self._followed.get(candidate.path)
            if path in answers:
                followed = self._after(followed, *answers[path])
                if followed.polled.status is None and followed.order < 0 and candidate.kind is Kind.FOLDER:
                    self._not_status[path] = candidate.signature
                    continue
                self._not_status.pop(path, None)
            elif followed is None:
                if candidate.kind is Kind.FOLDER:
                    continue
                followed = _Followed(UNANSWERED, self._clock())
            yield path, followed

    def _gone(self, present: set[str], room: int, silent: list[str], *, forget: bool) -> dict[str, _Followed]:
        """The files that are gone and stay for a while where there is room, the last that went first."""
        paths = self._followed.keys() - present
        answers = self._reads.ask(paths)
        silent += sorted(paths - answers.keys())
        gone: list[tuple[float, str, _Followed]] = []
        for path in paths:
            followed = self._followed[path]
            if path in answers:
                followed = self._after(followed, *answers[path])
            seconds = self._now(followed, self._clock()).unreadable_seconds or 0.0
            if not forget or (seconds <= FORGET_SECONDS and followed.polled.status is not None):
                gone.append((seconds, path, followed))
        return {path: followed for _, path, followed in sorted(gone, key=lambda one: one[:2])[: max(room, 0)]}

    def _read(self, path: str) -> tuple[Polled, float]:
        """The result of one more poll of a file, and when it was made."""
        reader = self._readers.get(path)
        if reader is None:
            reader = self._readers[path] = StatusReader(
                path, stalled_after=self._stalled_after, clock=self._clock, wall_clock=self._wall_clock
            )
        return reader.poll(), self._clock()

    def _after(self, followed: _Followed | None, polled: Polled, looked: float) -> _Followed:
        """What is remembered of a file after a poll of it."""
        before = None if followed is None else followed.polled.status
        known = _Followed(polled, looked) if followed is None else replace(followed, polled=polled, looked=looked)
        if polled.status is not None and polled.status != before:
            known.samples = add(known.samples, looked - self._started, before, polled.status)
        return known

    def _now(self, followed: _Followed, now: float) -> Polled:
        return later(followed.polled, now - followed.looked, self._stalled_after)

    def _rows(self, now: float) -> Iterator[Row]:
        for path, followed in sorted(self._followed.items(), key=lambda item: item[1].order):
            polled = self._now(followed, now)
            file = as_json(path, replace(polled, detail=served_detail(polled)), self._names[path])
            file["last_look_age_seconds"] = now - followed.looked
            status = file["status"]
            if status is not None and len(status["message"]) > MOST_MESSAGE:
                file["status"] = {**status, "message": status["message"][:MOST_MESSAGE] + "…"}
            yield Row(followed.order, file, followed.samples.points, polled)


def _lives(polled: Polled) -> bool:
    """Whether a run is under way: it keeps its place on the panel, its curve and what is known of its speed."""
    return polled.liveness is Liveness.FRESH and polled.status is not None and polled.status["status"] == "running"
