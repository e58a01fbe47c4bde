"""The reader: it never raises for what it finds on disk, never blocks, and keeps no handle (clauses RDR)."""

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pulse._platform import system
from pulse.status import SIZE_LIMIT, InvalidStatus, Status, decode_object, parse

__all__ = ["Polled", "ReadOutcome", "Reading", "StatusReader", "read_status", "safe_read_json"]

StrPath = str | os.PathLike[str]


class ReadOutcome(Enum):
    """How one read ended."""

    OK = "ok"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    INVALID = "invalid"


@dataclass(frozen=True)
class Reading:
    """One read of a status file."""

    outcome: ReadOutcome
    status: Status | None
    """The status, when the outcome is ``OK``; else ``None``."""
    detail: str
    """Why there is no status, for a person to read; empty when there is one."""


@dataclass(frozen=True)
class Polled:
    """What a :class:`StatusReader` knows after one more read."""

    status: Status | None
    """The last valid status; ``None`` when there never was one."""
    fresh: bool
    """Whether ``status`` is what the file holds now."""
    outcome: ReadOutcome
    """How this read ended."""
    detail: str
    """Why this read gave no status; empty when it did."""


def safe_read_json(path: StrPath) -> dict[str, Any] | None:
    """Read any JSON object, the counterpart of :func:`pulse.writer.atomic_write_json`.

    Returns:
        The object, or ``None`` for anything else at ``path``: no file, not a regular file, more than 1 MiB,
        no access, broken JSON, duplicate members, NaN.
    """
    try:
        return decode_object(_read(os.fspath(path)))
    except (OSError, ValueError):
        return None


def read_status(path: StrPath) -> Reading:
    """Read a status strictly: exactly the six fields (clauses RDR-01…08).

    A dangling link is ``MISSING``; a folder, FIFO or device, a file over 1 MiB, and a path that
    cannot exist are ``UNREADABLE``; any document that is not a valid pulse v1 status is ``INVALID``.
    """
    try:
        return Reading(ReadOutcome.OK, parse(_read(os.fspath(path))), "")
    except FileNotFoundError as error:
        return Reading(ReadOutcome.MISSING, None, str(error))
    except InvalidStatus as error:
        return Reading(ReadOutcome.INVALID, None, str(error))
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL, or one that cannot be encoded
        return Reading(ReadOutcome.UNREADABLE, None, str(error))


class StatusReader:
    """Polls one status file and keeps the last valid status (clauses RDR-09, RDR-10).

    It holds no handle between two polls. Share it between threads only under a lock.
    """

    def __init__(self, path: StrPath) -> None:
        """Args: path: the file to poll; it need not exist. A relative one is taken from the present working folder."""
        self.path = os.fsdecode(path)
        with suppress(OSError):  # the working folder is gone: then the reads say so
            self.path = os.path.join(os.getcwd(), self.path)
        self._last: Status | None = None

    def poll(self) -> Polled:
        """Read once; it never raises. When the file cannot be used: the last valid status, not fresh."""
        reading = read_status(self.path)
        if reading.status is not None:
            self._last = reading.status
        # A copy, so that a caller that changes its result does not change what is remembered.
        status = None if self._last is None else self._last.copy()
        return Polled(status, reading.status is not None, reading.outcome, reading.detail)


def _read(path: str) -> bytes:
    """All bytes of the regular file at ``path``.

    Raises:
        OSError: there is none, or it cannot be read, or it is too large.
        ValueError: no file can have this path.
    """
    return system.open_for_reading(path, _read_all)


def _read_all(descriptor: int) -> bytes:
    """All bytes of an open regular file of at most :data:`SIZE_LIMIT` bytes."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise OSError("not a regular file")
    if status.st_size > SIZE_LIMIT:
        raise OSError(f"more than {SIZE_LIMIT} bytes")
    chunks: list[bytes] = []
    size = 0
    while chunk := os.read(descriptor, max(status.st_size, 4096) + 1):
        chunks.append(chunk)
        size += len(chunk)
        if size > SIZE_LIMIT:  # it grew while it was read
            raise OSError(f"more than {SIZE_LIMIT} bytes")
    return b"".join(chunks)
