"""What is at a path in place of a regular file of a bounded size. To look must never block, as opening a FIFO does."""

from __future__ import annotations

import errno
import os
import stat
from typing import Literal

__all__ = ["LARGEST", "Kind", "NotAFile", "kind_at", "kind_of", "require_regular"]

Kind = Literal[
    "a folder",
    "a FIFO",
    "a socket",
    "a device",
    "a symbolic link",
    "a loop of symbolic links",
    "a file of more than 16 MiB",
    "a file with another name elsewhere",
]
"""Reads as the subject of a sentence: *a folder* is at the target."""

LARGEST = 16 << 20
"""Bytes of a file that the kit reads. A document has at most 1 MiB (SPEC.md, "Format"); a sparse file may have any."""

_KINDS: dict[int, Kind] = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a symbolic link",
}

_INSTEAD: dict[Kind, str] = {
    "a file of more than 16 MiB": "no document",
    "a file with another name elsewhere": "no file of its own",
}


class NotAFile(OSError):
    """Something else than a regular file of at most `LARGEST` bytes is at a path; ``kind`` says what."""

    def __init__(self, kind: Kind) -> None:
        instead = _INSTEAD.get(kind, "no file")
        super().__init__(errno.EINVAL, f"{kind} is at the target, and {instead}")
        self.kind = kind


def kind_of(mode: int) -> Kind | None:
    """What a file of this mode (``st_mode``) is; None for a regular one."""
    return _KINDS.get(stat.S_IFMT(mode))


def kind_at(path: str | bytes | os.PathLike[str]) -> Kind | None:
    """What is at a path, or behind the symbolic link there; None for a regular file, for nothing, and where the system
    does not say.
    """
    try:
        return kind_of(os.stat(path).st_mode)
    except OSError as error:
        return "a loop of symbolic links" if error.errno == errno.ELOOP else None


def require_regular(descriptor: int) -> int:
    """The size in bytes of the open regular file. Raises NotAFile for anything else, and for more than `LARGEST`."""
    found = os.fstat(descriptor)
    if (kind := kind_of(found.st_mode)) is not None:
        raise NotAFile(kind)
    if found.st_size > LARGEST:
        raise NotAFile("a file of more than 16 MiB")
    return found.st_size
