"""What a process prints on standard error: in a file while it runs, which is cut when it grows too long."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
import weakref
from pathlib import Path

__all__ = ["FIRST_BYTES", "LONGEST", "STDERR_LIMIT", "StandardError", "ends_of"]

STDERR_LIMIT = 4000
"""Bytes of its end that are kept as evidence."""
FIRST_BYTES = 1000
"""Bytes of its beginning that are kept, too: Go and Java say there what went wrong, and print their stacks after it."""
LONGEST = 16 << 20
"""Bytes that the file may have; what a process prints between two looks comes on top of that."""
_SECONDS_BETWEEN_LOOKS = 0.2
_open: weakref.WeakSet[StandardError] = weakref.WeakSet()
_opening = threading.Lock()
_watching: list[int] = []  # the process whose thread looks at them, as a fork has no such thread


def ends_of(text: str, first: int = 500, last: int = 1000) -> str:
    """The first and the last characters of what a process printed, and how many lie between them."""
    between = len(text) - first - last
    return text if between <= 0 else f"{text[:first]}\n… ({between:,} characters were left out)\n{text[-last:]}"


class StandardError:
    """The file that receives the standard error of a process; it has no name (but on Windows), as no name is needed.

    ``given`` is the descriptor for the process; its parent closes that one. Of more than `LONGEST` bytes only
    the first and last ones are kept; not on Windows, where a cut would leave a file as long as before.
    """

    def __init__(self, folder: Path) -> None:
        """Make it in ``folder``, or where temporary files go when an implementation has done away with that."""
        self.given, path = tempfile.mkstemp(suffix=".stderr", dir=folder if folder.is_dir() else None)
        self._file = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
        self._close = weakref.finalize(self, os.close, self._file)
        self._kept: str | None = None
        self._cut, self._first, self._before = 0, b"", b""  # how many bytes were given up, the first and the last ones
        self._lock = threading.Lock()  # several threads may look while one of them ends the process
        if sys.platform != "win32":
            import fcntl

            os.unlink(path)
            # So that what comes after a cut is at the beginning of the file.
            fcntl.fcntl(self.given, fcntl.F_SETFL, fcntl.fcntl(self.given, fcntl.F_GETFL) | os.O_APPEND)
            _watch(self)

    def kept(self) -> str:
        """Its first and last bytes, as text; what lies between them is counted."""
        with self._lock:
            return self._read() if self._kept is None else self._kept

    def _read(self) -> str:
        first, last = self._first or self._head(), (self._before + self._tail())[-STDERR_LIMIT:]
        total = self._cut + os.lseek(self._file, 0, os.SEEK_END)
        between = total - len(first) - len(last)
        if between <= 0:
            return (first + last[max(0, len(last) + len(first) - total) :]).decode("utf-8", "backslashreplace")
        shown, rest = (part.decode("utf-8", "backslashreplace") for part in (first, last))
        return f"{shown}\n… ({between:,} bytes were left out)\n{rest}"

    def _head(self) -> bytes:
        os.lseek(self._file, 0, os.SEEK_SET)
        return os.read(self._file, FIRST_BYTES)

    def _tail(self) -> bytes:
        os.lseek(self._file, max(0, os.lseek(self._file, 0, os.SEEK_END) - STDERR_LIMIT), os.SEEK_SET)
        return os.read(self._file, STDERR_LIMIT)

    def cut(self, longest: int = LONGEST) -> None:
        """Give up what was printed so far, but for its first and last bytes, when there is more than ``longest``."""
        with self._lock:
            if self._kept is None and (size := os.fstat(self._file).st_size) > longest:
                self._first = self._first or self._head()
                self._before = (self._before + self._tail())[-STDERR_LIMIT:]
                os.ftruncate(self._file, 0)
                self._cut += size

    def close(self) -> None:
        """Keep what there is now, and nothing later."""
        with self._lock:
            if self._kept is None:
                self._kept = self._read()
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
