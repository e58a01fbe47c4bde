"""``python -m stress.powercut.blocks.recorder PARENT PLACE IMAGE LOG``: serves an image file and records what is done.

``PLACE/disk`` is the image, for a loop device: each write, discard and flush goes to the log. A loop device has no FUA
writes: the kernel sends a flush after each instead. Text written to ``PLACE/mark`` is a mark in the log.
"""

from __future__ import annotations

import errno
import stat
import sys
from pathlib import Path
from typing import Any

from stress.powercut.blocks.fuse import DISK, serve
from stress.powercut.blocks.log import append

__all__ = ["MARK", "mark"]

MARK = "mark"
_PUNCH_HOLE, _ZERO_RANGE = 0x02, 0x10  # fallocate(2)
_PIECE = 1 << 20  # bytes


def mark(place: Path, text: str) -> None:
    """Put a mark into the log of the recorder that serves ``place``. Raises OSError."""
    with (place / MARK).open("wb", buffering=0) as file:
        file.write(text.encode("utf-8"))


class Recorder:
    """What the file system does when it is asked, by the names of libfuse."""

    def __init__(self, image: Path, log: Path) -> None:
        self._size = image.stat().st_size
        self._image = image.open("r+b", buffering=0)  # for as long as the program runs, as the log
        self._log = log.open("wb", buffering=0)

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        """stat(2)"""
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o700, "st_nlink": 2}
        if path in (f"/{DISK}", f"/{MARK}"):
            return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": self._size if path == f"/{DISK}" else 0}
        raise OSError(errno.ENOENT, path)

    def open(self, path: str, flags: int) -> int:
        """open(2)"""
        return 0

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        """truncate(2): of the marks, when they are opened."""
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """pread(2)"""
        self._image.seek(offset)
        return self._image.read(size)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        """pwrite(2)"""
        if path == f"/{MARK}":
            append(self._log, "mark", 0, len(data), data)
        else:
            self._put(data, offset)
            append(self._log, "write", offset, len(data), data)
        return len(data)

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        """fsync(2)"""
        append(self._log, "flush")
        return 0

    def fallocate(self, path: str, mode: int, offset: int, length: int, fh: int) -> int:
        """fallocate(2): what a loop device makes of a discard, and of zeros."""
        if not mode & (_PUNCH_HOLE | _ZERO_RANGE):
            raise OSError(errno.EOPNOTSUPP, path)
        for at in range(0, length, _PIECE):
            self._put(bytes(min(_PIECE, length - at)), offset + at)
        append(self._log, "discard", offset, length)
        return 0

    def _put(self, data: bytes, offset: int) -> None:
        self._image.seek(offset)
        view = memoryview(data)
        while view:
            view = view[self._image.write(view) :]


if __name__ == "__main__":
    serve(Recorder(Path(sys.argv[3]), Path(sys.argv[4])), int(sys.argv[1]), sys.argv[2])
