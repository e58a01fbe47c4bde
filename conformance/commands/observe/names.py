"""How a file is replaced, from the events of its folder, and which names beside it are temps left behind. No I/O."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from conformance.oracle.inotify import Event

__all__ = ["Beside", "NameLog", "Shape", "left_behind", "shapes_of"]

_MOST_SOURCES = 1_000
_FIXED = 3  # characters that a shape must have for a name that was there before to count
_LOOKS_LIKE_A_TEMP = re.compile(r"(?<![a-z])(tmp|temp|part|partial|new|swp)(?![a-z])|tmp", re.IGNORECASE)
_KEPT_ON_PURPOSE = re.compile(r"(\.lock|\.lck|\.pid|\.bak|\.old|\.orig|~)$", re.IGNORECASE)


@dataclass
class NameLog:
    """What the events of its folder say of one name.

    ``renamed`` counts the files that came by a rename, ``linked`` those by link(2), ``created`` those that were made
    under the name itself; ``written`` how many changes of bytes under the name were seen (at least), ``removed`` and
    ``moved_away`` how often the name was given up, and ``returned`` how often a file took it after that.
    """

    name: str
    renamed: int = 0
    linked: int = 0
    created: int = 0
    written: int = 0
    removed: int = 0
    moved_away: int = 0
    returned: int = 0
    exchanged: int = 0
    sources: set[str] = field(default_factory=set)
    _moving: dict[int, str] = field(default_factory=dict)
    _made: bool = False  # by link or by creation: what follows decides
    _arrived_from: str | None = None  # the source of the rename that was the last event
    _leaving: str | None = None
    _given_up: bool = False

    @property
    def replaced(self) -> int:
        """How many files took the name."""
        return self.renamed + self.linked + self.created

    def take(self, events: Iterable[Event]) -> None:
        """Count more events, in their order."""
        for event in events:
            self._take(event)

    def _take(self, event: Event) -> None:
        leaving, self._leaving = self._leaving, None
        arrived_from, self._arrived_from = self._arrived_from, None
        if leaving is not None:
            # The second half of an exchange gives the old file the temp's name (renameat2, RENAME_EXCHANGE).
            if event.kind == "moved-to" and event.name == leaving:
                self.exchanged += 1
            else:
                self.moved_away += 1
                self._given_up = True
        if event.kind == "moved-from":
            self._moving = {event.cookie: event.name}
        if event.name != self.name:
            return
        if event.kind in ("moved-to", "create"):
            self.returned += self._given_up
            self._given_up = False
        if event.kind == "moved-to":
            self._settle()
            self.renamed += 1
            source = self._moving.get(event.cookie)
            self._arrived_from = source
            if source is not None and len(self.sources) < _MOST_SOURCES:
                self.sources.add(source)
        elif event.kind == "create":
            self._settle()
            self._made = True
        elif event.kind in ("modify", "close-write"):
            if self._made:
                self._made = False
                self.created += 1
            self.written += event.kind == "modify"
        elif event.kind == "delete":
            self._settle()
            self.removed += 1
            self._given_up = True
        elif event.kind == "moved-from":
            self._settle()
            self._leaving = arrived_from or ""

    def _settle(self) -> None:
        """A name that was made, and neither written nor closed after it: a link to a file that was whole."""
        self.linked += self._made
        self._made = False

    def end(self) -> None:
        """No more events come."""
        self._settle()
        self.moved_away += self._leaving is not None
        self._leaving = None


@dataclass(frozen=True)
class Shape:
    """What names of temps have in common: how they start and end, and what is between: how long, and of digits only."""

    start: str
    end: str
    shortest: int
    longest: int
    digits: bool

    def __str__(self) -> str:
        return f"{self.start}*{self.end}" if self.longest else self.start

    def matches(self, name: str) -> bool:
        """Whether a name is of this shape."""
        if not self.longest:
            return name == self.start
        middle = name[len(self.start) : len(name) - len(self.end)]
        whole = len(name) >= len(self.start) + len(self.end)
        if not (whole and name.startswith(self.start) and name.endswith(self.end)):
            return False
        spare = 3 if self.digits else 0  # a number may become longer
        return self.shortest - spare <= len(middle) <= self.longest + spare and bool(
            re.fullmatch(r"\d+" if self.digits else r"[\w-]+", middle, re.ASCII)
        )

    @property
    def telling(self) -> bool:
        """Whether a name of this shape is hardly one by chance."""
        return len(self.start) + len(self.end) >= _FIXED


def shapes_of(sources: Collection[str]) -> tuple[Shape, ...]:
    """The shape of the names of temps; one for each name where they have nothing in common."""
    if not sources:
        return ()
    names = sorted(sources)
    if len(names) == 1:
        return (Shape(names[0], "", 0, 0, digits=False),)
    start = _common_start(names)
    end = _common_start([name[len(start) :][::-1] for name in names])[::-1]
    middles = [name[len(start) : len(name) - len(end)] for name in names]
    if not all(re.fullmatch(r"[\w-]+", middle, re.ASCII) for middle in middles):
        return tuple(Shape(name, "", 0, 0, digits=False) for name in names)
    lengths = [len(middle) for middle in middles]
    return (Shape(start, end, min(lengths), max(lengths), all(middle.isdigit() for middle in middles)),)


def _common_start(names: Sequence[str]) -> str:
    alike = itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return "".join(letters[0] for letters in alike)


@dataclass(frozen=True)
class Beside:
    """A file beside the watched one: its name, whether it was there at the start of the watch, and its age in seconds
    (since its bytes were last changed) at the end.
    """

    name: str
    before: bool
    age: float


def left_behind(target: str, beside: Sequence[Beside], shapes: Sequence[Shape]) -> tuple[Beside, ...]:
    """The files that look like temps of the target, however old they are."""
    return tuple(each for each in beside if each.name != target and _is_temp(target, each, shapes))


def _is_temp(target: str, each: Beside, shapes: Sequence[Shape]) -> bool:
    for shape in shapes:
        if shape.matches(each.name) and (shape.telling or not each.before):
            return True
    rest = each.name.replace(target, "", 1)
    named_after_it = rest != each.name and bool(_LOOKS_LIKE_A_TEMP.search(rest))
    return not each.before and named_after_it and not _KEPT_ON_PURPOSE.search(each.name)
