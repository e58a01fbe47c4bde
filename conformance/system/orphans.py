"""Processes that outlive the one that started them: on Linux they come to the kit, which can name and end them.

A program that starts another one in a session of its own, or a daemon, is out of reach of what ends a process with its
group. With `adopting` this process is a "child subreaper" (prctl(2)): orphans below it become its children, not those
of process 1. What the kit has started itself, in sessions of their own, it names by `starting` and `own`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType, SimpleNamespace

import psutil

__all__ = ["Left", "adopt_orphans", "adopted", "adopting", "end_adopted", "own", "starting"]

_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37
_END_SECONDS = 10.0  # until what was killed is gone
_LOOK_SECONDS = 0.01

own: set[int] = set()
"""The children of this process that it waits for itself, although they have sessions of their own."""
_starting = threading.Lock()
_later = SimpleNamespace(wanted=False)  # no `threading.Event`: a handler of signals may come in its middle


@dataclass(frozen=True)
class Left:
    """A process that was left running. ``ended`` is false where the kit could not end it."""

    pid: int
    command: str
    ended: bool = True


def _prctl(*arguments: int) -> int:
    result: int = ctypes.CDLL(None).prctl(*arguments, *[0] * (5 - len(arguments)))
    return result


def adopt_orphans(*, adopt: bool = True) -> bool:
    """Make this process the parent of its descendants when their own parents end, or no longer (prctl(2)).

    Returns whether it was that before. Linux only.
    """
    before = ctypes.c_int()
    ctypes.CDLL(None).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0)
    _prctl(_PR_SET_CHILD_SUBREAPER, int(adopt))
    return bool(before.value)


@contextlib.contextmanager
def adopting() -> Iterator[None]:
    """Inside the block, orphans below this process come to it, and those that end are reaped at once: a writer that
    looks for the owner of a temp would take a zombie for alive. Linux, and the main thread, only. Blocks may be nested.
    """
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGCHLD)
    if handler is _reap:
        yield
        return
    before = adopt_orphans()
    others = set(_children()) - own
    own.update(others)
    signal.signal(signal.SIGCHLD, _reap)
    try:
        yield
    finally:
        own.difference_update(others)
        signal.signal(signal.SIGCHLD, handler)
        adopt_orphans(adopt=before)


@contextlib.contextmanager
def starting() -> Iterator[None]:
    """Around the start of a child of this process, until it is in `own`: nothing else may take it for an orphan."""
    with _starting:
        yield
    if _later.wanted and threading.current_thread() is threading.main_thread():
        _reap()


def adopted() -> list[int]:
    """The orphans that have come to this process and not ended; those that have ended are reaped."""
    if sys.platform != "linux":
        return []
    with _starting:
        return _adopted()


def end_adopted(grace: float = 0.0) -> tuple[Left, ...]:
    """End every orphan that has come to this process, and what comes after it, once it had ``grace`` seconds to end by
    itself. Returns those that had not.
    """
    deadline = time.monotonic() + grace
    while (alive := adopted()) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    if not alive:
        return ()
    found: dict[int, str] = {}
    deadline = time.monotonic() + _END_SECONDS
    while (alive := adopted()) and time.monotonic() < deadline:
        for pid in alive:
            if pid not in found:
                found[pid] = _command(pid)
            with contextlib.suppress(psutil.Error):  # the id stays its own until it is reaped
                psutil.Process(pid).kill()
        time.sleep(_LOOK_SECONDS)
    return tuple(Left(pid, command, ended=pid not in alive) for pid, command in found.items())


def _command(pid: int) -> str:
    with contextlib.suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        return " ".join(process.cmdline()) or process.name()
    return "?"


def _reap(number: int = 0, frame: FrameType | None = None) -> None:
    """Reap the orphans that have ended; a handler of SIGCHLD, which may come in the middle of itself. While a child is
    being started, that is put off.
    """
    _later.wanted = True
    while _later.wanted and _starting.acquire(blocking=False):
        try:
            _later.wanted = False
            _adopted()
        finally:
            _starting.release()


def _adopted() -> list[int]:
    if sys.platform != "linux":
        return []
    session, alive = os.getsid(0), []
    for pid in _children():
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            # What shares the session of this process is a child of its own, or that of a library.
            if pid in own or os.getsid(pid) == session:
                continue
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG) is None:
                alive.append(pid)
    return alive


def _children() -> list[int]:
    """The children of the main thread: the kernel gives it all orphans (proc_tid_children(5))."""
    pid = os.getpid()
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:  # a kernel without CONFIG_PROC_CHILDREN
        return [child.pid for child in psutil.Process().children()]
