"""What a process prints on standard error: in a file while it runs, which is cut when it grows too long."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
import weakref
from pathlib import Path

__all__ = ["LONGEST", "STDERR_LIMIT", "StandardError"]

STDERR_LIMIT = 4000
"""Bytes that are kept as evidence."""
LONGEST = 16 << 20
"""Bytes that the file may have; what a process prints between two looks comes on top of that."""
_SECONDS_BETWEEN_LOOKS = 0.2
_open: weakref.WeakSet[StandardError] = weakref.WeakSet()
_opening = threading.Lock()
_watching: list[int] = []  # the process whose thread looks at them, as a fork has no such thread


class StandardError:
    """The file that receives the standard error of a process; it has no name (but on Windows), as no name is needed.

    ``given`` is the descriptor for the process; its parent closes that one. Of more than `LONGEST` bytes only
    the last ones are kept; not on Windows, where a cut would leave a file as long as before.
    """

    def __init__(self, folder: Path) -> None:
        """Make it in ``folder``, or where temporary files go when an implementation has done away with that."""
        self.given, path = tempfile.mkstemp(suffix=".stderr", dir=folder if folder.is_dir() else None)
        self._file = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
        self._close = weakref.finalize(self, os.close, self._file)
        self._last: str | None = None
        self._cut, self._before = 0, b""  # how many bytes were given up, and the last of them
        self._lock = threading.Lock()  # several threads may look while one of them ends the process
        if sys.platform != "win32":
            import fcntl

            os.unlink(path)
            # So that what comes after a cut is at the beginning of the file.
            fcntl.fcntl(self.given, fcntl.F_SETFL, fcntl.fcntl(self.given, fcntl.F_GETFL) | os.O_APPEND)
            _watch(self)

    def last(self) -> str:
        """Its last bytes, as text."""
        with self._lock:
            return self._read_last() if self._last is None else self._last

    def _read_last(self) -> str:
        text = (self._before + self._tail())[-STDERR_LIMIT:].decode("utf-8", "backslashreplace")
        return f"… ({self._cut:,} bytes were cut)\n{text}" if self._cut else text

    def _tail(self) -> bytes:
        os.lseek(self._file, max(0, os.lseek(self._file, 0, os.SEEK_END) - STDERR_LIMIT), os.SEEK_SET)
        return os.read(self._file, STDERR_LIMIT)

    def cut(self, longest: int = LONGEST) -> None:
        """Give up what was printed so far, but for its last bytes, when there is more than ``longest``."""
        with self._lock:
            if self._last is None and (size := os.fstat(self._file).st_size) > longest:
                self._before = (self._before + self._tail())[-STDERR_LIMIT:]
                os.ftruncate(self._file, 0)
                self._cut += size

    def close(self) -> None:
        """Keep what there is now, and nothing later."""
        with self._lock:
            if self._last is None:
                self._last = self._read_last()
                self._close()


def _watch(one: StandardError) -> None:
    """Have a thread of this process look at a file now and then."""
    with _opening:
        _open.add(one)
        if _watching != [os.getpid()]:
            _watching[:] = [os.getpid()]
            threading.Thread(target=_cut_all, daemon=True).start()


def _cut_all() -> None:
    while True:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        with _opening:
            files = list(_open)
        for each in files:
            each.cut()
        del files
