"""What a write does to names and to data, and what its syncs promise: the vocabulary of the power-loss model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Literal

from conformance.syscalls.powerloss.content import Content, Piece, kept_size, overwritten, resized

__all__ = [
    "Before",
    "DataChange",
    "Effects",
    "Fate",
    "File",
    "NameChange",
    "Promise",
    "changed",
    "file_names_after",
]

Fate = Literal["persisted", "half", "zeros", "lost"]


@dataclass(frozen=True)
class Before:
    """The folder before the write: everything in it is complete and durable.

    ``old_length`` is the target's length in bytes, None when there is no target; ``new_length`` that of the document
    being written. ``others`` are the other files with their lengths; names of folders end in ``/``.
    """

    target: str
    old_length: int | None
    new_length: int
    others: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class File:
    """A file, or a folder or symbolic link (which have no content here), by its first name."""

    first_name: str
    content: Content = ()
    regular: bool = True


@dataclass(frozen=True)
class DataChange:
    """A change of a file's bytes or size. It took effect between ``begun`` and ``ended`` (None: not known to have)."""

    number: int  # of the operation
    file: int
    kind: Literal["write", "zeros", "truncate", "allocate"]
    offset: int
    length: int
    begun: int
    ended: int | None
    mapped: bool = False
    durable_by_itself: bool = False


@dataclass(frozen=True)
class NameChange:
    """A change of names: atomic, as POSIX requires of rename(2). First the removals, then what the names lead to."""

    number: int  # of the operation
    removes: tuple[str, ...]
    sets: tuple[tuple[str, int], ...]
    files: frozenset[int]
    begun: int
    ended: int | None

    @property
    def names(self) -> frozenset[str]:
        """All names that it touches."""
        return frozenset((*self.removes, *(name for name, _ in self.sets)))

    @property
    def folders(self) -> frozenset[str]:
        """The folders whose sync makes it durable: those of the new names, or of the removed ones if there are none."""
        return frozenset(_folder_of(name) for name in ([name for name, _ in self.sets] or self.removes))


@dataclass(frozen=True)
class Promise:
    """What is durable once an operation has ended; only what had ended before it started counts.

    ``data``: the data of file ``of``. ``mapping``: its size, and its mapped data in ``part``, from one offset up to
    another (None: all). ``size``: its size. ``names``: those in folder ``of``. ``everything``.
    """

    number: int  # of the operation
    scope: Literal["data", "mapping", "size", "names", "everything"]
    of: int | str
    begun: int
    ended: int
    part: tuple[int, int] | None = None

    def covers_data(self, change: DataChange) -> bool:
        """Whether a change of data is durable after it."""
        if change.ended is None or change.ended > self.begun:
            return False
        if self.scope == "everything":
            return True
        # Data can only be read back with the size that it was written under: POSIX calls this data integrity.
        of_size = self.scope in ("mapping", "size") and change.kind in ("truncate", "allocate")
        first, end = self.part or (change.offset, change.offset + change.length)
        within = first <= change.offset and change.offset + change.length <= end
        fits = self.scope == "data" or of_size or (self.scope == "mapping" and change.mapped and within)
        return fits and self.of == change.file

    def covers_name(self, change: NameChange, folder: str) -> bool:
        """Whether the part of a change of names that lies in a folder is durable after it."""
        ended_before = change.ended is not None and change.ended < self.begun
        return ended_before and (self.scope == "everything" or (self.scope == "names" and self.of == folder))


@dataclass(frozen=True)
class Effects:
    """Everything that a trace changed and promised, in the order in which the operations started."""

    files: tuple[File, ...]
    names_before: Mapping[str, int]
    data: tuple[DataChange, ...]
    names: tuple[NameChange, ...]
    promises: tuple[Promise, ...]


def changed(content: Content, change: DataChange, fate: Fate = "persisted") -> Content:
    """A content after a change of which all, the first half, only the size, or nothing reached the disk."""
    if fate == "lost":
        return content
    end = change.offset + change.length
    if change.kind == "truncate":
        return resized(content, change.length)
    if change.kind == "allocate" or fate == "zeros":
        return kept_size(content, end)
    length = change.length // 2 if fate == "half" else change.length
    if not length:
        return content
    if change.kind == "zeros":
        return overwritten(content, change.offset, Piece("zero", length))
    return overwritten(content, change.offset, Piece("written", length, change.number, change.offset))


def file_names_after(names: Mapping[str, int], changes: Iterable[NameChange]) -> dict[str, int]:
    """The numbers of the files by name after changes of names."""
    found = dict(names)
    for change in changes:
        for name in change.removes:
            found.pop(name, None)
        found.update(change.sets)
    return found


def _folder_of(name: str) -> str:
    return str(PurePosixPath(name).parent)
