"""The kit's own reader: opens, reads and closes as fast as it can, and verifies every document that it has not seen.

An unchanged document costs one comparison of bytes; only a changed one is parsed. Of consecutive reads of the same
document the first and the last are kept, so that memory grows with documents and not with reads.
"""

from __future__ import annotations

import errno
import os
import time
from array import array
from collections.abc import Callable
from contextlib import suppress

from conformance.contract.errors import Violation
from conformance.system.file_kinds import NotAFile, kind_at
from conformance.system.share_modes import HELD, open_shared, read_rest
from conformance.system.share_modes import Sharing as ShareMode
from stress.record import clock
from stress.record.reports import NO_DOCUMENT, ReadSpan, Seen
from stress.record.scenario import Sharing
from stress.record.violations import ObservedViolation, ViolationKind, evidence_of, verify

__all__ = ["FileReader", "read_unchanged"]

_NEVER_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)  # a FIFO may be at the target
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | _NEVER_WAIT
_CHUNK = 1 << 20


class FileReader:
    """Reads the files ``names`` of the current folder in turn; what it sees goes into ``seen``.

    The names are relative, because the system then walks no path, and every process of a run is in the folder already.
    ``sharing`` is what other processes may do with an open target, on Windows; None is the system's default.
    """

    def __init__(self, names: tuple[str, ...], sharing: Sharing | None = None) -> None:
        self.seen = Seen()
        self._targets = [_Target(number, name, sharing) for number, name in enumerate(names)]

    def read(self, count: int) -> None:
        """Read each target ``count`` times."""
        for target in self._targets:
            left = count
            while left > 0:
                left -= self._read(target, left)

    def take(self) -> Seen:
        """Hand over what was seen, and start a new report, with a new row even for the document that is there now."""
        for target in self._targets:
            target.finish(self.seen.rows)
        taken, self.seen = self.seen, Seen()
        return taken

    def _read(self, target: _Target, count: int) -> int:
        """Read until anything but the last document comes, at most ``count`` times. Returns how many times."""
        seen = self.seen
        done, begin, end, data = _read_while_unchanged(target, count)
        if isinstance(data, OSError) and is_held(data) and kind_at(target.name) is None:
            seen.reads += done - 1  # a read that was refused for a moment has read nothing
            seen.refused(name_of_error(data))
            return done
        seen.reads += done
        # While nothing changes, the clock is read once for two reads.
        seen.latencies.append((end - begin) // 2 if data is None else end - begin)
        if data is None:
            return done
        if isinstance(data, OSError):
            self._failed(data, end, target.name)
            target.finish(seen.rows)
            return done
        try:
            identity = verify(data)
        except Violation as violation:
            kind: ViolationKind = "torn" if str(violation).startswith("torn") else "mixed"
            seen.note(ObservedViolation(kind, end, str(violation), evidence_of(violation)))
            identity = NO_DOCUMENT
        if identity != target.span.identity or identity == NO_DOCUMENT:
            seen.changes += 1
            target.span.finish(seen.rows)
        target.span.extend(identity, begin, end)
        target.document = None if identity == NO_DOCUMENT else data
        return done

    def _failed(self, error: OSError, time: int, name: bytes) -> None:
        if isinstance(error, FileNotFoundError):
            self.seen.note(ObservedViolation("missing", time, "missing: a reader found no file at the target"))
        elif kind := error.kind if isinstance(error, NotAFile) else kind_at(name):
            self.seen.note(ObservedViolation("missing", time, f"missing: {NotAFile(kind).strerror}"))
        else:
            self.seen.refused(name_of_error(error))
            self.seen.note(ObservedViolation("missing", time, f"missing: a reader could not open the target: {error}"))


def is_held(error: OSError) -> bool:
    """Whether Windows refused for a moment, because of a rename in progress: nothing was seen, and nothing is wrong."""
    return getattr(error, "winerror", None) in HELD


def name_of_error(error: OSError) -> str:
    """``ENOENT``, or ``WinError 5``."""
    code = getattr(error, "winerror", None)
    return f"WinError {code}" if code else errno.errorcode.get(error.errno or 0, f"errno {error.errno}")


class _Target:
    """One target: its name, its current span of reads, and the bytes that were read last."""

    def __init__(self, number: int, name: str, sharing: Sharing | None) -> None:
        self.name = os.fsencode(name)  # encoded once, not for each read
        self.sharing = sharing
        self.span = ReadSpan(number)
        self.document: bytes | None = None  # None: not known, so that the next read is a change

    def finish(self, rows: array[int]) -> None:
        self.span.finish(rows)
        self.document = None


def _read_while_unchanged(target: _Target, count: int) -> tuple[int, int, int, bytes | OSError | None]:
    """The innermost loop. Returns (reads done, begin and end of the last one, what was new in it, or None).

    The clock is read once for two reads, and the end of one pair is when the next starts. That makes intervals longer,
    never shorter, so that it cannot cause a false alarm.
    """
    expected, name = target.document, target.name
    size = _CHUNK if expected is None else len(expected) + 1  # one more byte would show a longer document
    open_file, read, close, now, flags = _opener(target.sharing), os.read, os.close, clock.nanoseconds, _FLAGS
    first = target.span.times[:2]
    descriptor, done = -1, 0
    begin = before = 0
    end = now()
    try:
        for done in range(1, count + 1, 2):
            before = begin
            begin = end
            descriptor = open_file(name, flags)
            data = read(descriptor, size)
            if data != expected:
                break
            close(descriptor)
            done += 1
            descriptor = open_file(name, flags)
            data = read(descriptor, size)
            if data != expected:
                break
            close(descriptor)
            end = now()
        else:
            target.span.times = (*first, begin, end)
            return done, begin, end, None
        new: bytes | OSError = read_rest(descriptor, data)
        close(descriptor)
    except OSError as error:
        new = error
        if descriptor >= 0 and error.filename is None:  # it was open
            with suppress(OSError):
                close(descriptor)
    if before:  # the pair before this one saw the unchanged document
        target.span.times = (*first, before, begin)
    return done, begin, now(), new


def _opener(sharing: Sharing | None) -> Callable[[bytes, int], int]:
    """The function that opens a file: the system's, or one with this share mode."""
    if sharing is None:
        return os.open
    mode: ShareMode = "read-write-delete" if sharing == "delete" else "read-write"
    return lambda name, flags: open_shared(os.fsdecode(name), mode)


def read_unchanged(name: str, count: int, now: Callable[[], float] = time.perf_counter) -> float:
    """Read an unchanged document ``count`` times, as the harness does, for the benchmark. Returns seconds."""
    reader = FileReader((name,))
    reader.read(1)
    begin = now()
    reader.read(count)
    return now() - begin
