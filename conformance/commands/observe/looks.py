"""One look at a watched file after the other: it is opened, read and closed as any reader would, and never written."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

from conformance.system.file_kinds import LARGEST, NotAFile, kind_of
from conformance.system.share_modes import HELD, open_shared, read_rest

__all__ = ["Look", "Looker"]

State = Literal["read", "missing", "refused", "busy", "other"]


@dataclass(frozen=True)
class Look:
    """What one look at a path found, at ``moment`` (seconds of the monotonic clock).

    ``same`` says that it is the very file of the look before it, and not a new one with the same number. ``data`` is
    None for a file of more than 16 MiB, whose bytes are not read. ``modified`` and ``clock`` are nanoseconds: the
    file's time, and by how much the clock of the day is ahead of the monotonic one. ``why`` says what is in place of a
    file that could be read.
    """

    moment: float
    state: State
    same: bool = False
    size: int = 0
    modified: int = 0
    clock: int = 0
    mode: int = 0
    owner: tuple[int, int] = (0, 0)
    link: bool = False
    data: bytes | None = None
    why: str = ""


class Looker:
    """A context manager that looks at one path again and again.

    Between two looks it keeps the file open (but on Windows, where that could stand in a writer's way, and where
    numbers are not used again): a number that is in use is not given to a new file, so that a file with the same number
    is the same file.
    """

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._kept = -1
        self._identity: tuple[int, int] | None = None
        self._link = False

    def __enter__(self) -> Looker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._keep(-1)

    def look(self) -> Look:
        """Look once. It raises nothing that the state of the file causes."""
        moment = time.monotonic()
        try:
            found = os.stat(self._path)
            if (kind := kind_of(found.st_mode)) is not None:  # opening a FIFO would wake its writer
                return Look(moment, "other", why=kind)
            descriptor = open_shared(self._path)
        except OSError as error:
            return _failed(moment, error)
        try:
            look = self._read(moment, descriptor)
        except NotAFile as error:
            look = Look(moment, "other", why=error.kind)
        except OSError as error:
            look = _failed(moment, error)
        if look.state == "read" and sys.platform != "win32":
            self._keep(descriptor)
        else:
            os.close(descriptor)
        return look

    def _read(self, moment: float, descriptor: int) -> Look:
        found = os.fstat(descriptor)
        if (kind := kind_of(found.st_mode)) is not None:  # put there since the look at its kind
            raise NotAFile(kind)
        data = None
        if found.st_size <= LARGEST:
            with contextlib.suppress(NotAFile):  # it outgrew the limit while it was read
                data = read_rest(descriptor)
        identity = (found.st_dev, found.st_ino)
        same = identity == self._identity
        if not same:
            self._identity = identity
            self._link = os.path.islink(self._path)
        return Look(
            moment,
            "read",
            same,
            size=found.st_size if data is None else len(data),
            modified=found.st_mtime_ns,
            clock=time.time_ns() - time.monotonic_ns(),
            mode=stat.S_IMODE(found.st_mode),
            owner=(found.st_uid, found.st_gid),
            link=self._link,
            data=data,
        )

    def _keep(self, descriptor: int) -> None:
        if self._kept >= 0:
            os.close(self._kept)
        self._kept = descriptor


def _failed(moment: float, error: OSError) -> Look:
    if error.errno in (errno.ENOENT, errno.ENOTDIR) or getattr(error, "winerror", None) in (2, 3):
        return Look(moment, "missing")
    # On Windows while a file is replaced; on NFS when another machine has replaced it. The next look sees the new one.
    if getattr(error, "winerror", None) in HELD or error.errno == getattr(errno, "ESTALE", -1):
        return Look(moment, "busy")
    if isinstance(error, PermissionError):
        return Look(moment, "refused", why=error.strerror or str(error))
    return Look(moment, "other", why=error.strerror or str(error))
