"""Which files the panel shows: files, folders and globs from the command line, looked through anew at each interval."""

import glob
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import chain, islice
from typing import Final

from pulse._patience import Patience

__all__ = ["SCAN_LIMIT", "Candidate", "Kind", "Scan", "Scanner", "Source", "source_of"]

SCAN_LIMIT: Final = 20_000
"""As many names of a folder, or matches of a glob, are looked at: a wrong folder must not stop the panel."""

_ANY_FOLDERS: Final = f"{os.sep}**{os.sep}"
"""The part of a pattern that stands for any folders, or none."""

Signature = tuple[int, int, int]
"""Inode, size and modification time (ns) of a file: what changes when it is replaced."""


class Kind(Enum):
    """What an argument on the command line stands for."""

    FILE = "file"
    """One file, which need not exist yet; a folder once there is one of that name."""
    FOLDER = "folder"
    """The ``*.json`` files of a folder that are status files."""
    GLOB = "glob"
    """The files that match a pattern, unless a file has that very name."""


@dataclass(frozen=True)
class Source:
    """One argument of the command line."""

    kind: Kind
    path: str
    """An absolute path or pattern."""


@dataclass(frozen=True)
class Candidate:
    """A file that may be shown."""

    path: str
    kind: Kind
    signature: Signature | None
    """``None`` where the file was not looked at, or is not there."""


@dataclass(frozen=True)
class Scan:
    """What all the sources held at one moment."""

    candidates: tuple[Candidate, ...]
    """Each path once: first the named files as they were named, then the others by path."""
    notes: tuple[str, ...]
    """What a viewer should know: a folder that cannot be read, a limit that was reached, a folder of folders."""
    complete: bool
    """Whether every source could be looked through: only then is a file that was not found gone."""
    silent: tuple[str, ...] = ()
    """Sources and files on which the file system gave no answer in time."""


def source_of(argument: str) -> Source:
    """What ``argument`` looks like; no file is looked at. :class:`Scanner` finds out what it is, at each scan."""
    path = os.path.abspath(argument)
    if argument.endswith(("/", os.sep)):
        return Source(Kind.FOLDER, path)
    return Source(Kind.GLOB if glob.has_magic(argument) else Kind.FILE, path)


@dataclass
class _Listing:
    """What one source holds, as far as it was looked through."""

    kind: Kind
    paths: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    def candidates(self) -> Iterator[Candidate]:
        """The files, none of which was looked at yet."""
        return (Candidate(path, self.kind, None) for path in self.paths)


class Scanner:
    """Looks through sources again and again. Those that hang hold no other up: what they held is not forgotten."""

    def __init__(self, sources: Sequence[Source], patience: float, limit: int = SCAN_LIMIT) -> None:
        """Look at nothing yet.

        Args:
            sources: what was named on the command line.
            patience: how long to wait for a file system that gives no answer, in seconds.
            limit: how many names of a folder, or matches of a glob, are looked at.
        """
        self._sources, self._limit = tuple(dict.fromkeys(sources)), limit
        self._listings = Patience(self._look_through, patience)
        self._signatures = Patience(_signature, patience)
        self._last: dict[Source, _Listing] = {}
        self._begun: dict[Source, _Listing] = {}

    def scan(self) -> Scan:
        """Look through all sources. It opens no file, and does not raise for what it finds."""
        answers = self._listings.ask(self._sources)
        self._last |= answers
        listings = [self._last[source] for source in self._sources if source in self._last]
        hung = [source for source in self._sources if source not in answers]
        listings += [self._begun[source] for source in hung if source in self._begun]
        unknown = [one for one in hung if one.kind is Kind.FILE and one not in self._last and one not in self._begun]
        listings += [_Listing(Kind.FILE, [source.path]) for source in unknown]
        found = list(chain.from_iterable(listing.candidates() for listing in listings))
        named = [candidate for candidate in found if candidate.kind is Kind.FILE]
        others = [candidate for candidate in found if candidate.kind is not Kind.FILE]
        files = (*_unique(named), *_unique(others, {one.path for one in named}))
        signatures = self._signatures.ask(one.path for one in files if one.kind is not Kind.FILE)
        notes = [note for listing in answers.values() for note in listing.notes]
        hints = [hint for listing in answers.values() for hint in listing.hints]
        return Scan(
            tuple(replace(one, signature=signatures.get(one.path)) for one in files),
            (*notes, *hints),
            complete=not notes and not hung,
            silent=(
                *(source.path for source in hung),
                *(one.path for one in files if one.kind is not Kind.FILE and one.path not in signatures),
            ),
        )

    def _look_through(self, source: Source) -> _Listing:
        """What a source holds now; where it hangs, what was found until then is in ``_begun``."""
        kind = self._last[source].kind if source in self._last else source.kind
        if source.kind is Kind.FOLDER or os.path.isdir(source.path):
            kind = Kind.FOLDER
        elif os.path.lexists(source.path):
            kind = Kind.FILE  # perhaps with [, * or ? in its name
        found = self._begun[source] = _Listing(kind)
        if kind is Kind.FILE:
            found.paths.append(source.path)
            return found
        try:
            for path in islice(_found_in(kind, source.path, self._limit), self._limit + 1):
                found.paths.append(path)  # what was found before an error is kept
            if kind is Kind.FOLDER and not found.paths and _has_folders(source.path):
                pattern = os.path.join(source.path, "*", "status.json")
                hint = f"{source.path}: no *.json file in it; for those in its folders name a glob: '{pattern}'"
                found.hints.append(hint)
        except OSError as error:
            found.notes.append(f"{source.path}: {error.strerror or error}")
        if len(found.paths) > self._limit:
            found.notes.append(f"{source.path}: only {self._limit:,} of its files are looked at")
            del found.paths[self._limit :]
        return found


def _unique(candidates: Iterable[Candidate], known: Iterable[str] = ()) -> Iterator[Candidate]:
    """Each path once; those from folders and globs by path, the globs first: they show files of any content."""
    seen = set(known)
    for candidate in sorted(candidates, key=_rank):
        if candidate.path not in seen:
            seen.add(candidate.path)
            yield candidate


def _rank(candidate: Candidate) -> tuple[str, bool]:
    """The order of candidates; those that were named keep theirs, for ``sorted`` is stable."""
    return ("", False) if candidate.kind is Kind.FILE else (candidate.path, candidate.kind is Kind.FOLDER)


def _found_in(kind: Kind, path: str, limit: int) -> Iterator[str]:
    """The files of a folder or a glob. Raises ``OSError`` where the folder cannot be read."""
    if kind is Kind.GLOB:
        yield from _matches(path, limit)
        return
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.endswith(".json") and not entry.name.startswith("."):
                yield entry.path


def _matches(pattern: str, limit: int) -> Iterator[str]:
    """What matches a pattern, in which ``**`` stands for any folders: for that, ``glob`` follows links without an end.

    Raises ``OSError`` where there are more than ``limit`` of these folders.
    """
    top, found, rest = f"{pattern}{os.sep}".partition(_ANY_FOLDERS)
    if not found:
        yield from glob.iglob(pattern)
        return
    for folder in glob.iglob(top + os.sep):
        for number, below in enumerate(_folders(folder)):
            if number == limit:
                raise OSError(f"only {limit:,} of the folders in {folder} are looked through")
            yield from _matches(os.path.join(glob.escape(below), rest.removesuffix(os.sep) or "*"), limit)


def _folders(top: str) -> Iterator[str]:
    """A folder and all below it, hidden ones left out. A link is followed, unless it leads back to a folder above."""
    waiting: list[tuple[str, frozenset[tuple[int, int]]]] = [(top, frozenset())]
    while waiting:
        folder, above = waiting.pop()
        try:
            found = os.stat(folder)
            identity = (found.st_dev, found.st_ino)
            if identity in above:
                continue
            with os.scandir(folder) as entries:
                below = [one.path for one in entries if not one.name.startswith(".") and one.is_dir()]
        except OSError:  # gone since, or closed to this user
            continue
        yield folder
        waiting += [(path, above | {identity}) for path in sorted(below, reverse=True)]


def _has_folders(path: str) -> bool:
    with os.scandir(path) as entries:
        return any(entry.is_dir() for entry in entries)


def _signature(path: str) -> Signature | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None
