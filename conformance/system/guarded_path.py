"""Paths in a folder that a judged program may change at any moment: whatever it puts there, opening never waits for it.

A program may put a FIFO, a device, a link to another file or one of 10 GB in the place of any file. The kit then reads
and writes nothing: it sees what is there, and goes on.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import IO, Any

from conformance.system.file_kinds import NotAFile, kind_at, kind_of
from conformance.system.share_modes import read_shared

if sys.platform == "win32":
    from pathlib import WindowsPath as _Path
else:
    from pathlib import PosixPath as _Path

__all__ = ["GuardedPath"]

_NEVER_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_WRITING = os.O_WRONLY | os.O_RDWR


class GuardedPath(_Path):
    """A path, and with it every path below, that opens regular files only and never waits for anything else.

    No link is followed to write. What reads or writes raises NotAFile for anything else than a regular file, and what
    reads all of a file (`read_bytes`) for more than `conformance.system.file_kinds.LARGEST` bytes.
    """

    def open(  # type: ignore[override]  # typeshed has an overload for each mode
        self,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> IO[Any]:
        """As pathlib.Path.open."""
        return open(self, mode, buffering, encoding, errors, newline, opener=_opened)

    def read_bytes(self) -> bytes:
        """All bytes of the file."""
        return read_shared(self)


def _opened(name: str, flags: int) -> int:
    """The opener of open(): a descriptor of a regular file. Raises NotAFile and OSError."""
    flags |= _NEVER_WAIT | (_NO_LINK if flags & _WRITING else 0)
    try:
        descriptor = os.open(name, flags, 0o666)
    except OSError as error:
        kind = "a symbolic link" if error.errno == errno.ELOOP and flags & _WRITING else kind_at(name)
        if kind is None or error.errno == errno.EEXIST:
            raise
        raise NotAFile(kind) from error
    if (kind := kind_of(os.fstat(descriptor).st_mode)) is not None:
        os.close(descriptor)
        raise NotAFile(kind)
    return descriptor
