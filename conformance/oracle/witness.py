"""A witness of one write: the file that is at the target before it, whose bytes no write may change (clause VIS-01).

The file is held open, so that its inode stays its own, and its bytes are compared afterwards: whatever a writer does to
the name, and however many other writers replace the file meanwhile, they change only where the file itself was written
to. A hard link would show the same, but a writer may refuse a target that has one.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator

from conformance.oracle.inotify import FolderWatch

__all__ = ["Witness", "witnessing"]

_LARGEST = 4 << 20  # bytes: no target that a writer has made is larger


class Witness:
    """What was seen of one write: ``held`` says whether there was a file to hold, ``changed`` if it was changed, and
    ``replaced`` if another file is at the path now.
    """

    def __init__(self) -> None:
        self.held = False
        self.changed = False
        self.replaced = False


@contextlib.contextmanager
def witnessing(path: str) -> Iterator[Witness]:
    """Hold the file at a path, or behind a link there, during the block.

    Nothing is held on Windows, where a file that is open may not be replaced; where there is no regular file, or none
    that may be read; and while a folder is watched (`FolderWatch`), which would see the witness open the target.
    """
    witness = Witness()
    descriptor = _opened(path)
    if descriptor is None:
        yield witness
        return
    try:
        before = _bytes_of(descriptor)
        witness.held = True
        yield witness
    finally:
        # Also after an error: a writer that dies may have changed the file first.
        witness.changed = witness.held and _bytes_of(descriptor) != before
        witness.replaced = not _is_at(descriptor, path)
        os.close(descriptor)


if sys.platform == "win32":

    def _opened(path: str) -> int | None:
        return None

    def _bytes_of(descriptor: int) -> bytes:
        raise NotImplementedError("nothing is held on Windows")

    def _is_at(descriptor: int, path: str) -> bool:
        raise NotImplementedError("nothing is held on Windows")

else:

    def _opened(path: str) -> int | None:
        if FolderWatch.watching or not os.path.isabs(path):
            return None
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):
                return None
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except (OSError, ValueError):
            return None
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        return None

    def _bytes_of(descriptor: int) -> bytes:
        return os.pread(descriptor, _LARGEST, 0)

    def _is_at(descriptor: int, path: str) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(path))
        except OSError:
            return False
