"""What a process is given and what it prints until it ends, in bounded memory and within a time limit."""

from __future__ import annotations

import math
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.subject.children import Process  # which builds on this module

__all__ = ["PrintedTooMuch", "exchange", "kept"]

_PIECE = 1 << 16


class PrintedTooMuch(ValueError):
    """A process has printed more than it may, and is still running. The message says how much that is."""


def kept(limit: int, *, last: bool) -> tuple[bytearray, Callable[[bytes], None]]:
    """Where output is kept, and what to call with each piece of it.

    Of a longer output the ``last`` ``limit`` bytes are kept; without that, a longer one raises PrintedTooMuch.
    """
    printed = bytearray()

    def take(piece: bytes) -> None:
        printed.extend(piece)
        if len(printed) > limit:
            if not last:
                raise PrintedTooMuch(f"printed more than {limit:,} bytes")
            del printed[:-limit]

    return printed, take


def exchange(process: Process, given: bytes, seconds: float | None, take: Callable[[bytes], None]) -> None:
    """Send a process all of its input, hand over what it prints, and wait until it ends.

    Raises subprocess.TimeoutExpired when it, or another process that holds its output, does not end within ``seconds``
    (None: however long), and what ``take`` raises.
    """
    ending = math.inf if seconds is None else time.monotonic() + seconds

    def left() -> float | None:
        return None if seconds is None else max(ending - time.monotonic(), 0)

    def too_late() -> subprocess.TimeoutExpired:
        return subprocess.TimeoutExpired(str(process.pid), seconds or 0)

    if sys.platform == "win32":
        _with_threads(process, given, left, take, too_late)
    else:
        _with_selectors(process, given, left, take, too_late)
    process.wait(left())


def _with_selectors(
    process: Process,
    given: bytes,
    left: Callable[[], float | None],
    take: Callable[[bytes], None],
    too_late: Callable[[], subprocess.TimeoutExpired],
) -> None:
    rest = memoryview(given)
    giving, printing = process.stdin.fileno(), process.stdout.fileno()
    if sys.platform != "win32":  # for mypy: there it is called nowhere
        os.set_blocking(giving, False)
    with selectors.DefaultSelector() as selector:
        selector.register(giving, selectors.EVENT_WRITE)
        selector.register(printing, selectors.EVENT_READ)
        while selector.get_map():
            seconds = left()
            ready = selector.select(seconds)
            if not ready or seconds == 0:  # one that prints without end is always ready
                raise too_late()
            for key, _ in ready:
                if key.fd == printing:
                    if piece := os.read(printing, _PIECE):
                        take(piece)
                    else:
                        selector.unregister(printing)
                    continue
                try:
                    rest = rest[os.write(giving, rest[:_PIECE]) :]
                except BrokenPipeError:
                    rest = rest[:0]
                if not rest:
                    selector.unregister(giving)
                    process.stdin.close()


def _with_threads(
    process: Process,
    given: bytes,
    left: Callable[[], float | None],
    take: Callable[[bytes], None],
    too_late: Callable[[], subprocess.TimeoutExpired],
) -> None:
    failures: list[BaseException] = []

    def read() -> None:
        try:
            while piece := process.stdout.read(_PIECE):
                take(piece)
        except (OSError, ValueError) as error:  # closed, after a time-out; or too much
            failures.append(error)

    threads = [threading.Thread(target=_give, args=(process.stdin, given), daemon=True)]
    threads.append(threading.Thread(target=read, daemon=True))
    for thread in threads:
        thread.start()
    for thread in reversed(threads):
        thread.join(left())
        if failures:
            raise failures[0]
        if thread.is_alive():
            raise too_late()


def _give(stdin: Any, given: bytes) -> None:
    rest = memoryview(given)
    try:
        while rest:
            rest = rest[stdin.write(rest) :]
        stdin.close()
    except (OSError, ValueError):
        return  # it has ended, or was killed, which the thread that reads notices
