"""Whether threads can go on by themselves, or wait for another thread without a time limit (proc_pid_syscall(5))."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from conformance.syscalls.tracer import ptrace

__all__ = ["goes_on", "others", "still", "ticking"]

_SETTLE_SECONDS = 10.0
_LOOKS = 3  # a thread that sleeps for microseconds, again and again, runs in between

# Calls that wait for as long as it takes.
_ENDLESS = ("read", "readv", "recvfrom", "recvmsg", "accept", "accept4", "wait4", "waitid", "pause", "flock")
_SLEEPING = ("nanosleep", "clock_nanosleep")
# Calls with a time limit: the position of the argument, and the type of it: a pointer (0: none) or milliseconds (< 0).
_LIMITED = {
    "futex": (3, "pointer"),
    "poll": (2, "milliseconds"),
    "ppoll": (2, "pointer"),
    "select": (4, "pointer"),
    "pselect6": (4, "pointer"),
    "epoll_wait": (3, "milliseconds"),
    "epoll_pwait": (3, "milliseconds"),
    "epoll_pwait2": (3, "pointer"),
    "rt_sigtimedwait": (2, "pointer"),
}


def others(threads: Iterable[int], tickers: Collection[int] = ()) -> Literal["none", "wait", "tick", "go on"]:
    """What other threads do: there are none, all wait without a time limit, or one goes on by itself.

    ``tick``: only those of ``tickers`` do.
    """
    found = {thread: _state_of(thread) for thread in threads}
    if not found:
        return "none"
    going = {thread for thread, state in found.items() if goes_on(state, ptrace.call_names()[1])}
    if not going:
        return "wait"
    return "tick" if going.issubset(tickers) else "go on"


def ticking(threads: Collection[int]) -> frozenset[int]:
    """The threads that sleep with a time limit, or did a moment ago: between two requests, those of a runtime."""
    names = ptrace.call_names()[1]
    states = [(thread, _state_of(thread)) for _ in range(_LOOKS) for thread in threads]
    return frozenset(
        thread
        for thread, state in states
        if _call_of(state, names) in (*_LIMITED, *_SLEEPING) and goes_on(state, names)
    )


def still(threads: Iterable[int]) -> None:
    """Wait until these threads, whose calls the kernel carries out, have stopped after them, or wait in them.

    A thread that waits in its call (state S: for a lock, or for a reader of a FIFO) changes nothing by itself, and may
    do so forever. Any other state is one that ends, after 10 s at most.
    """
    ending = time.monotonic() + _SETTLE_SECONDS
    for thread in threads:
        while _letter_of(thread) in "RD" and time.monotonic() < ending:
            time.sleep(0.0002)


def _letter_of(thread: int) -> str:
    """The state of a thread as proc_pid_stat(5) abbreviates it; X when there is no such thread."""
    try:
        with open(f"/proc/{thread}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def _state_of(thread: int) -> str:
    try:
        with open(f"/proc/{thread}/syscall", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return "running"


def goes_on(state: str, names: Mapping[int, str]) -> bool:
    """Whether a thread in this state (``running``, or the number of a call and its arguments) goes on by itself."""
    _, *arguments = state.split()
    name = _call_of(state, names)
    if name in _ENDLESS:
        return False
    if name not in _LIMITED:
        return True
    position, kind = _LIMITED[name]
    limit = int(arguments[position], 16)
    if kind == "pointer":
        return limit != 0
    return not limit & 0x80000000


def _call_of(state: str, names: Mapping[int, str]) -> str:
    """The name of the call that a thread in this state is in; empty for none."""
    number = state.partition(" ")[0]
    return names.get(int(number), "") if number.lstrip("-").isdigit() else ""
