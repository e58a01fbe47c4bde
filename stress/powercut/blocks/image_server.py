"""``python -m stress.powercut.blocks.image_server PARENT PLACE``: serves the images that a cut may leave.

A choice, pickled, is written to ``PLACE/choose-N`` and synced; then ``PLACE/N`` is the disk in that state. Each has
another name, and so another inode: the kernel must not take what it keeps of one state for another. What is written to
it is kept in memory, until the next state is chosen.
"""

from __future__ import annotations

import errno
import os
import pickle
import stat
import sys
from pathlib import Path
from typing import Any

from stress.powercut.blocks.fuse import serve
from stress.powercut.blocks.image import Base, Choice, Image
from stress.powercut.blocks.log import read_log

__all__ = ["choose"]

_CHOOSE = "choose-"


def choose(place: Path, number: int, choice: Choice) -> Path:
    """Let the server of ``place`` serve a disk. Returns the image's path. Raises OSError. ``number`` is a new one."""
    with (place / f"{_CHOOSE}{number}").open("wb", buffering=0) as file:
        data = memoryview(pickle.dumps(choice))
        while data:
            data = data[file.write(data) :]
        os.fsync(file.fileno())
    return place / str(number)


class ImageServer:
    """What the file system does when it is asked, by the names of libfuse."""

    def __init__(self) -> None:
        self._log = Path()
        self._base: Base | None = None
        self._image: Image | None = None
        self._name, self._size = "", 0
        self._chosen = bytearray()

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        """stat(2)"""
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o700, "st_nlink": 2}
        if path.startswith(f"/{_CHOOSE}"):
            return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": 0}
        if path == self._name:
            return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": self._size}
        raise OSError(errno.ENOENT, path)

    def open(self, path: str, flags: int) -> int:
        """open(2)"""
        if path.startswith(f"/{_CHOOSE}"):
            self._chosen.clear()
        return 0

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        """truncate(2): of a choice, when it is opened."""
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """pread(2)"""
        return self._served(path).read(size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        """pwrite(2)"""
        if path.startswith(f"/{_CHOOSE}"):
            self._chosen += data
        else:
            self._served(path).write(data, offset)
        return len(data)

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        """fsync(2): of a choice, it makes the image."""
        if path.startswith(f"/{_CHOOSE}"):
            choice = pickle.loads(self._chosen)
            assert isinstance(choice, Choice)
            self._image = self._base_of(choice).image_of(choice.state)
            self._name = "/" + path.removeprefix(f"/{_CHOOSE}")
        return 0

    def _served(self, path: str) -> Image:
        if path != self._name or self._image is None:
            raise OSError(errno.ESTALE, path)
        return self._image

    def _base_of(self, choice: Choice) -> Base:
        if self._base is None or self._log != choice.log:
            if self._base is not None:
                self._base.image.close()
                self._base.log.close()
            image, log = choice.image.open("rb", buffering=0), choice.log.open("rb", buffering=0)
            self._base, self._log = Base(image, log, read_log(choice.log)), choice.log
            self._size = choice.image.stat().st_size
        return self._base


if __name__ == "__main__":
    serve(ImageServer(), int(sys.argv[1]), sys.argv[2])
