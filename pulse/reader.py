"""The reader: it never raises for what it finds on disk, never blocks, and keeps no handle (clauses RDR)."""

import math
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pulse._platform import system
from pulse.liveness import STALLED_AFTER, Evidence, History, Liveness, Sample, assess, observe
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
    modified: float | None = None
    """When the file was last modified, in seconds since 1970; ``None`` when there is no status."""


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
    liveness: Liveness
    """Fresh, stalled, ended or unreadable, as :mod:`pulse.liveness` defines them."""
    unchanged_seconds: float | None
    """How long the document has not changed, which is what "stalled" rests on; ``None`` without a status."""
    evidence: Evidence | None
    """What ``unchanged_seconds`` is measured from; ``None`` without a status."""
    unreadable_seconds: float | None
    """For how long the file has held no valid status; ``None`` while it does."""
    progress: float
    """The progress of ``status``, in percent; 0.0 without one."""
    rate: float | None
    """Epochs per second, from what this reader has seen; ``None`` while that is too little, or the run not fresh."""
    eta_seconds: float | None
    """Seconds to the last epoch at that rate; ``None`` when the rate or ``total_epochs`` is not known."""


def safe_read_json(path: StrPath) -> dict[str, Any] | None:
    """Read any JSON object, the counterpart of :func:`pulse.writer.atomic_write_json`.

    Returns:
        The object, or ``None`` for anything else at ``path``: no file, not a regular file, more than 1 MiB,
        no access, broken JSON, duplicate members, NaN.
    """
    try:
        return decode_object(_read(os.fspath(path))[0])
    except (OSError, ValueError):
        return None


def read_status(path: StrPath) -> Reading:
    """Read a status strictly: exactly the six fields (clauses RDR-01…08).

    A dangling link is ``MISSING``; a folder, FIFO or device, a file over 1 MiB, and a path that
    cannot exist are ``UNREADABLE``; any document that is not a valid pulse v1 status is ``INVALID``.
    """
    try:
        document, modified = _read(os.fspath(path))
        return Reading(ReadOutcome.OK, parse(document), "", modified)
    except FileNotFoundError as error:
        return Reading(ReadOutcome.MISSING, None, str(error))
    except InvalidStatus as error:
        return Reading(ReadOutcome.INVALID, None, str(error))
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL, or one that cannot be encoded
        return Reading(ReadOutcome.UNREADABLE, None, str(error))


class StatusReader:
    """Polls one status file, keeps the last valid status (clauses RDR-09, RDR-10), and says whether the run is alive.

    It holds no handle between two polls. Share it between threads only under a lock.
    """

    def __init__(
        self,
        path: StrPath,
        *,
        interval: float = 2.0,
        stalled_after: float = STALLED_AFTER,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        """Start with nothing seen; no file is read yet.

        Args:
            path: the file to poll; it need not exist. A relative one is taken from the present working folder.
            interval: seconds between two polls of :meth:`follow`.
            stalled_after: the silence of a running job, in seconds, above which it counts as stalled.
            clock: a monotonic clock, in seconds. It should stand still while the machine is suspended, as Python's
                does on Linux and macOS: a run on the same machine could not write then, and it must not look stalled.
            wall_clock: seconds since 1970. It is needed only until the document was seen to change.
            wait: what :meth:`follow` calls between two polls, with the seconds to wait.

        Raises:
            ValueError: ``interval`` or ``stalled_after`` is not above 0, or ``interval`` is infinite.
        """
        if not 0.0 < interval < math.inf:
            raise ValueError(f"interval must be a number of seconds above 0, not {interval}")
        if not stalled_after > 0.0:
            raise ValueError(f"stalled_after must be a number of seconds above 0, not {stalled_after}")
        self.path = os.fsdecode(path)
        with suppress(OSError):  # the working folder is gone: then the reads say so
            self.path = os.path.join(os.getcwd(), self.path)
        self.interval = interval
        self.stalled_after = stalled_after
        self._clock, self._wall_clock, self._wait = clock, wall_clock, wait
        self._history = History()

    def poll(self) -> Polled:
        """Read once; it never raises. When the file cannot be used: the last valid status, not fresh."""
        reading = read_status(self.path)
        now = self._clock()
        self._history = observe(self._history, Sample(now, reading.status, self._wall_clock(), reading.modified))
        last, assessment = self._history.status, assess(self._history, now, self.stalled_after)
        return Polled(
            # A copy, so that a caller that changes its result does not change what is remembered.
            status=None if last is None else last.copy(),
            fresh=reading.status is not None,
            outcome=reading.outcome,
            detail=reading.detail,
            liveness=assessment.liveness,
            unchanged_seconds=assessment.unchanged_seconds,
            evidence=assessment.evidence,
            unreadable_seconds=assessment.unreadable_seconds,
            progress=assessment.progress,
            rate=assessment.rate,
            eta_seconds=assessment.eta_seconds,
        )

    def follow(self) -> Iterator[Polled]:
        """Poll now and then every ``interval`` seconds, without an end: leave the loop when you have seen enough."""
        while True:
            yield self.poll()
            self._wait(self.interval)


def _read(path: str) -> tuple[bytes, float]:
    """All bytes of the regular file at ``path``, and when it was last modified, in seconds since 1970.

    Raises:
        OSError: there is none, or it cannot be read, or it is too large.
        ValueError: no file can have this path.
    """
    return system.open_for_reading(path, _read_all)


def _read_all(descriptor: int) -> tuple[bytes, float]:
    """All bytes of an open regular file of at most :data:`SIZE_LIMIT` bytes, and when it was last modified."""
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
    return b"".join(chunks), status.st_mtime
