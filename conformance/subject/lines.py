"""The pipes of a serving implementation, each with a thread of its own: lines that it prints, requests that it gets."""

from __future__ import annotations

import contextlib
import io
import queue
import threading

from conformance.subject.children import Child
from conformance.subject.protocol import LONGEST_ANSWER

__all__ = ["WAITING_LIMIT", "Lines", "pump_lines", "pump_requests"]

_OVERHEAD = 64  # bytes of memory that a line takes beside its own
WAITING_LIMIT = 2 * LONGEST_ANSWER
"""Bytes of lines that no request has taken yet."""


class Lines:
    """The lines that a process has printed and that no one has taken yet; `too_much` says, in words, if there were more
    than are kept.
    """

    def __init__(self) -> None:
        self.too_much = ""
        self._queue: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._bytes = 0
        self._lock = threading.Lock()

    def put(self, line: bytes) -> bool:
        """Keep one more line. Returns False when there were too many."""
        with self._lock:
            self._bytes += len(line) + _OVERHEAD
            if self._bytes > WAITING_LIMIT:
                self.too_much = f"{WAITING_LIMIT >> 20} MiB that no request had asked for"
                return False
        self._queue.put(line)
        return True

    def end(self, rest: bytes) -> None:
        """The end of the output, after ``rest``, which has no line feed."""
        if len(rest) >= LONGEST_ANSWER:
            self.too_much = f"a line of more than {LONGEST_ANSWER >> 20} MiB"
        self._queue.put(rest)

    def get(self, seconds: float) -> bytes:
        """The next line, or the rest. Raises queue.Empty when there is none in time."""
        line = self._queue.get(timeout=seconds)
        with self._lock:
            self._bytes -= len(line) + _OVERHEAD
        return line


def pump_lines(child: Child, lines: Lines) -> None:
    """Take what a process prints, line by line, to the end of its output or of what is kept of it."""
    line = b""
    with contextlib.suppress(OSError, ValueError), io.BufferedReader(child.stdout) as stream:
        while (line := stream.readline(LONGEST_ANSWER)).endswith(b"\n") and lines.put(line):
            pass
    lines.end(line.removesuffix(b"\n"))


def pump_requests(child: Child, requests: queue.SimpleQueue[bytes | None]) -> None:
    """Give a process its requests, up to None; a full pipe blocks no one else."""
    # An error means that the process has ended, which the thread that reads its answers notices.
    with contextlib.suppress(OSError), child.stdin as stream:
        while (line := requests.get()) is not None:
            rest = memoryview(line)
            while rest:
                rest = rest[stream.write(rest) :]
