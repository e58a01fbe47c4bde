"""Paths in a folder that a judged program may change at any moment: whatever it puts there, opening never waits for it.

A program may put a FIFO, a device, a link to another file or one of 10 GB in the place of any file. The kit then reads
and writes nothing: it sees what is there, and goes on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from conformance.system.file_kinds import NotAFile, kind_at, kind_of
from conformance.system.share_modes import read_shared

if sys.platform == "win32":
    from pathlib import WindowsPath as _Path
else:
    from pathlib import PosixPath as _Path

__all__ = ["GuardedPath", "very_file"]

_NEVER_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_WRITING = os.O_WRONLY | os.O_RDWR


class GuardedPath(_Path):
    """A path, and with it every path below, that opens regular files only and never waits for anything else.

    No link is followed to write, and no file is written that has another name elsewhere. What reads or writes raises
    NotAFile for anything else than a regular file, and what reads all of a file (`read_bytes`) for more than
    `conformance.system.file_kinds.LARGEST` bytes.
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

    def chmod(self, mode: int, *, follow_symlinks: bool = True) -> None:
        """Change the mode of a file or folder, as pathlib.Path.chmod; no link is followed, see `very_file`."""
        with very_file(self) as path:
            os.chmod(path, mode)

    def read_bytes(self) -> bytes:
        """All bytes of the file."""
        return read_shared(self)


@contextlib.contextmanager
def very_file(path: Path) -> Iterator[str]:
    """A path of the regular file or the folder at ``path`` itself, for a call that would follow a link, or would change
    a file that has another name elsewhere. On Linux no exchange meanwhile leads elsewhere.

    Raises NotAFile for anything else, and OSError.
    """
    if sys.platform != "linux":
        _require_own(os.lstat(path), str(path))
        yield str(path)
        return
    descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _require_own(os.fstat(descriptor), str(path))
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _require_own(found: os.stat_result, name: str) -> None:
    """Raises NotAFile for what is neither a folder nor a regular file whose names are all in its folder."""
    if stat.S_ISDIR(found.st_mode):
        return
    if (kind := kind_of(found.st_mode)) is not None:
        raise NotAFile(kind)
    if found.st_nlink > 1 and _names_beside(name, found) < found.st_nlink:
        raise NotAFile("a file with another name elsewhere")


def _opened(name: str, flags: int) -> int:
    """The opener of open(): a descriptor of a regular file. Raises NotAFile and OSError."""
    flags |= _NEVER_WAIT | (_NO_LINK if flags & _WRITING else 0)
    try:
        descriptor = os.open(name, flags & ~os.O_TRUNC, 0o666)
    except OSError as error:
        kind = "a symbolic link" if error.errno == errno.ELOOP and flags & _WRITING else kind_at(name)
        if kind is None or error.errno == errno.EEXIST:
            raise
        raise NotAFile(kind) from error
    try:
        found = os.fstat(descriptor)
        if (kind := kind_of(found.st_mode)) is not None:
            raise NotAFile(kind)
        if flags & _WRITING:
            _require_own(found, name)
        if flags & os.O_TRUNC:
            os.ftruncate(descriptor, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _names_beside(name: str, found: os.stat_result) -> int:
    """How many names a file has in its folder: a writer may keep the old file by a second one."""
    names = 0
    with os.scandir(os.path.dirname(name) or ".") as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                about = os.lstat(entry.path)
                names += (about.st_dev, about.st_ino) == (found.st_dev, found.st_ino)
    return names
