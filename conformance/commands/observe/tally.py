"""What a series of looks at one file amounts to: each read is judged, and each change recognised. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from conformance.commands.judge.formats import guessed_kind, validator
from conformance.commands.observe.looks import Look
from conformance.reporting.results import counted

__all__ = ["LATE_SECONDS", "Gap", "OneRead", "Rewrite", "Tally"]

LATE_SECONDS = 2.0
"""A new file whose time is this much older is an older one again. Writers at work at once may overtake each other."""

_MOST_UNJUDGED = 20  # contents that are kept until the format is known
_MOST_BYTES = 1 << 20  # of each of them
_MOST_SIZES = 8  # that are listed of one rewrite
_PAUSE = 1.0  # seconds without a change that end a rewrite
_OWN_JOURNAL = ("sqlite",)


@dataclass(frozen=True)
class OneRead:
    """One read: the number of the read, when (see `Look`), and how many bytes there were."""

    number: int
    moment: float
    size: int


@dataclass(frozen=True)
class Gap:
    """A time without a file between two with one, in seconds of the monotonic clock, and how many looks it saw."""

    start: float
    end: float
    looks: int


@dataclass(frozen=True)
class Rewrite:
    """The first time that the bytes of one file changed under its name: when, and the sizes that were seen."""

    moment: float
    sizes: tuple[int, ...]


@dataclass
class Tally:
    """Counts of one file. ``kind`` is a format's name, or the validating command; without one it is found by content.

    ``valid`` judges the bytes of a read. What was seen first is kept of each kind of finding, the rest is counted.
    """

    name: str
    kind: str = ""
    valid: Callable[[bytes], bool] | None = None
    looks: int = 0
    reads: int = 0
    unread: int = 0  # reads of a file too large for its bytes to be read
    states: Counter[str] = field(default_factory=Counter)
    empty: int = 0
    torn: int = 0
    first_empty: OneRead | None = None
    first_torn: OneRead | None = None
    replaced: int = 0
    rewritten: int = 0
    appended: int = 0
    touched: int = 0
    rewrite: Rewrite | None = None
    gaps: list[Gap] = field(default_factory=list)
    missing_looks: int = 0  # in gaps that have ended
    refused_later: int = 0
    first_refusal: str = ""
    instead: Counter[str] = field(default_factory=Counter)
    older: int = 0
    slightly_older: int = 0
    oldest_by: float = 0.0
    lost: Counter[str] = field(default_factory=Counter)
    changes: list[float] = field(default_factory=list)  # the moments of the first and of the last
    shortest: float = 0.0
    longest: float = 0.0
    _last: Look | None = None
    _whole: bool | None = None  # whether the bytes of the last read were; None: not known
    _missing_since: Look | None = None
    _missing_now: int = 0
    _empty_now: list[OneRead] = field(default_factory=list)  # reads of the present file, empty so far
    _unjudged: dict[bytes, tuple[OneRead, int]] = field(default_factory=dict)  # by content
    _given_up: bool = False
    _rewriting: bool = False

    @property
    def changed(self) -> int:
        """How often it was seen changed."""
        return self.replaced + self.rewritten + self.appended

    @property
    def journaled(self) -> bool:
        """Whether its library restores it from a journal, so that its bytes alone say nothing."""
        return self.kind in _OWN_JOURNAL

    @property
    def gone(self) -> Look | None:
        """The look that found no file any more; None while there is one, and before there was one."""
        return self._missing_since

    def add(self, look: Look) -> None:
        """Judge one more look."""
        self.looks += 1
        self.states[look.state] += 1
        if look.state == "read":
            self._returned(look)
            self.reads += 1
            self._compare(look)
            self._judge(look)
            self._last = look
        elif look.state == "missing" and self._last is not None:
            self._missing_since = self._missing_since or look
            self._missing_now += 1
        elif look.state == "refused" and self._last is not None:
            self.refused_later += 1
            self.first_refusal = self.first_refusal or look.why
        elif look.state == "other":
            self.instead[look.why] += 1

    def _returned(self, look: Look) -> None:
        if self._missing_since is not None:
            if len(self.gaps) < _MOST_UNJUDGED:
                self.gaps.append(Gap(self._missing_since.moment, look.moment, self._missing_now))
            self.missing_looks += self._missing_now
            self._missing_since, self._missing_now = None, 0

    def _compare(self, look: Look) -> None:
        last = self._last
        if last is None:
            return
        if not look.same:
            self._rewriting = False
            self._empty_now = []
            self.replaced += 1
            self._note_change(look)
            self._compare_files(last, look)
        elif look.data is None or last.data is None:
            if (look.size, look.modified) != (last.size, last.modified):
                self._in_place(last, look, grown=look.size > last.size)
        elif look.data != last.data:
            self._in_place(last, look, grown=look.data.startswith(last.data))
        elif look.modified != last.modified:
            self.touched += 1

    def _in_place(self, last: Look, look: Look, *, grown: bool) -> None:
        if self._rewriting and look.moment - self.changes[-1] > _PAUSE:
            self._rewriting = False
        if grown and self._rewriting:  # the bytes that follow a truncation: a part of the same rewrite
            self._note_size(look)
            return
        self._note_change(look)
        if grown and last.size:
            self.appended += 1
            return
        self.rewritten += 1
        if self.rewrite is None:
            self.rewrite = Rewrite(look.moment, (last.size, look.size))
        else:
            self._note_size(look)
        self._rewriting = look.size < last.size

    def _note_size(self, look: Look) -> None:
        if self.rewrite is not None and self.rewritten == 1 and len(self.rewrite.sizes) < _MOST_SIZES:
            self.rewrite = Rewrite(self.rewrite.moment, (*self.rewrite.sizes, look.size))

    def _note_change(self, look: Look) -> None:
        if self.changes:
            since = look.moment - self.changes[-1]
            self.shortest = min(self.shortest, since) if len(self.changes) > 1 else since
            self.longest = max(self.longest, since)
        self.changes = [*self.changes[:1], look.moment]

    def _compare_files(self, last: Look, look: Look) -> None:
        # A clock that was set back makes new files look older by as much.
        set_back = max(last.clock - look.clock, 0)
        older_by = (last.modified - look.modified - set_back) / 1e9
        if older_by >= LATE_SECONDS:
            self.older += 1
            self.oldest_by = max(self.oldest_by, older_by)
        elif older_by > 0:
            self.slightly_older += 1
        if look.mode != last.mode:
            self.lost[f"the mode {last.mode:04o} became {look.mode:04o}"] += 1
        if look.owner != last.owner:
            self.lost[f"the owner {_pair(last.owner)} became {_pair(look.owner)}"] += 1
        if last.link and not look.link:
            self.lost["the symbolic link became a file"] += 1

    def _judge(self, look: Look) -> None:
        read = OneRead(self.reads, look.moment, look.size)
        if look.size and look.same:  # it was the start of this file, and no file that is meant to be empty
            self._count_empty(*self._empty_now)
            self._empty_now = []
        if not look.size:
            self._judge_empty(read)
        elif look.data is None:
            self.unread += 1
        elif self.valid is None:
            self._guess(look.data, read)
        elif not self.journaled:
            unchanged = self._last is not None and look.data == self._last.data and self._whole is not None
            self._whole = self._whole if unchanged else self.valid(look.data)
            if not self._whole:
                self.torn += 1
                self.first_torn = self.first_torn or read

    def _judge_empty(self, read: OneRead) -> None:
        self._whole = None
        # No empty file of a known format is whole. Another one may be meant so, unless the same file had bytes.
        if self._rewriting or (self.valid is not None and not self.journaled and not self.valid(b"")):
            self._count_empty(read)
        else:
            self._empty_now = [*self._empty_now, read]

    def _count_empty(self, *reads: OneRead) -> None:
        self.empty += len(reads)
        self.first_empty = self.first_empty or next(iter(reads), None)

    def _guess(self, data: bytes, read: OneRead) -> None:
        """Find the format by content, and judge what was read before it was known."""
        if self._given_up:
            return
        if data in self._unjudged:
            first, times = self._unjudged[data]
            self._unjudged[data] = (first, times + 1)
            return
        self.kind = guessed_kind(Path(self.name).name, data)
        if not self.kind:
            self._unjudged[data] = (read, 1)
            self._given_up = len(self._unjudged) > _MOST_UNJUDGED or len(data) > _MOST_BYTES
            return
        self.valid = validator(self.kind)
        for earlier, (first, times) in self._unjudged.items():
            if not self.journaled and not self.valid(earlier):
                self.torn += times
                self.first_torn = self.first_torn or first
        self._unjudged.clear()

    def how_often(self, seconds: float) -> str:
        """``1,200 changes in 60.0 s (20.0/s)``."""
        rate = f" ({self.changed / seconds:,.1f}/s)" if self.changed > 1 and seconds > 0 else ""
        return f"{counted(self.changed, 'changes')} seen in {seconds:,.1f} s{rate}"


def _pair(owner: tuple[int, int]) -> str:
    return f"{owner[0]}:{owner[1]}"
