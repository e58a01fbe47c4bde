"""Which files the panel shows: files, folders and globs from the command line, looked through anew at each interval."""

import glob
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Final

__all__ = ["SCAN_LIMIT", "Candidate", "Kind", "Scan", "Source", "scan", "source_of"]

SCAN_LIMIT: Final = 20_000
"""As many names of a folder, or matches of a glob, are looked at: a wrong folder must not stop the panel."""

_ANY_FOLDERS: Final = f"{os.sep}**{os.sep}"
"""The part of a pattern that stands for any folders, or none."""

Signature = tuple[int, int, int]
"""Inode, size and modification time (ns) of a file: what changes when it is replaced."""


class Kind(Enum):
    """What an argument on the command line stands for."""

    FILE = "file"
    """One file, which need not exist yet."""
    FOLDER = "folder"
    """The ``*.json`` files of a folder that are status files."""
    GLOB = "glob"
    """The files that match a pattern."""


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


def source_of(argument: str) -> Source:
    """What ``argument`` stands for at this moment; it is a glob only if no file has that very name."""
    path = os.path.abspath(argument)
    if os.path.isdir(path) or argument.endswith(("/", os.sep)):
        return Source(Kind.FOLDER, path)
    if glob.has_magic(argument) and not os.path.lexists(path):
        return Source(Kind.GLOB, path)
    return Source(Kind.FILE, path)


def scan(sources: Sequence[Source], limit: int = SCAN_LIMIT) -> Scan:
    """Look through all sources. It opens no file, and does not raise for what it finds.

    Args:
        sources: what was named on the command line.
        limit: how many names of a folder, or matches of a glob, are looked at.
    """
    named = [Candidate(source.path, Kind.FILE, None) for source in sources if source.kind is Kind.FILE]
    notes: list[str] = []
    hints: list[str] = []
    found: list[Candidate] = []
    for source in sources:
        if source.kind is Kind.FILE:
            continue
        candidates: list[Candidate] = []
        try:
            for candidate in islice(_found_in(source, limit), limit + 1):
                candidates.append(candidate)  # what was found before an error is kept
            if source.kind is Kind.FOLDER and not candidates and _has_folders(source.path):
                pattern = os.path.join(source.path, "*", "status.json")
                hints.append(f"{source.path}: no *.json file in it; for those in its folders name a glob: '{pattern}'")
        except OSError as error:
            notes.append(f"{source.path}: {error.strerror or error}")
        if len(candidates) > limit:
            notes.append(f"{source.path}: only {limit:,} of its files are looked at")
        found += candidates[:limit]
    files = (*_unique(named), *_unique(found, {one.path for one in named}))
    return Scan(files, (*notes, *hints), complete=not notes)


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


def _found_in(source: Source, limit: int) -> Iterator[Candidate]:
    """The files of a folder or a glob. Raises ``OSError`` where the folder cannot be read."""
    if source.kind is Kind.GLOB:
        for path in _matches(source.path, limit):
            yield Candidate(path, source.kind, _signature(path))
        return
    with os.scandir(source.path) as entries:
        for entry in entries:
            if entry.name.endswith(".json") and not entry.name.startswith("."):
                yield Candidate(entry.path, source.kind, _signature(entry.path))


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
