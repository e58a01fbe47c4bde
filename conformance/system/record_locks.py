"""A file that one process holds: the lock is gone when that process ends, and no child inherits it."""

from __future__ import annotations

import os
import stat
import sys

__all__ = ["Lock"]

_FIRST_OF_OTHERS = 1 << 30  # where the lock is: on Windows no other process can read bytes that are locked


class Lock:
    """A lock on an open file (fcntl(2), "Advisory record locking"; on Windows ``_locking``).

    A process must not open a file again that it has locked: closing that would free the lock.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @staticmethod
    def taken(descriptor: int) -> Lock | None:
        """Lock the open file, or close it and return None, where another process has the lock.

        Raises OSError, also for what is not a regular file of this user's with one name.
        """
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
                raise OSError("is not a regular file with one name")
            if sys.platform != "win32" and found.st_uid != os.geteuid():
                raise PermissionError("belongs to another user")
            if _lock(descriptor):
                return Lock(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    def is_there(self) -> bool:
        """Whether the file still has a name."""
        return os.fstat(self._descriptor).st_nlink > 0

    def read(self, most: int) -> bytes:
        """Its content, at most so many bytes."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        return os.read(self._descriptor, most)

    def write(self, data: bytes) -> None:
        """Replace its content with one that is not shorter. Raises OSError."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, data)

    def close(self) -> None:
        """Free it; once more does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        os.lseek(descriptor, _FIRST_OF_OTHERS, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # EAGAIN or EACCES
            return False
        return True
