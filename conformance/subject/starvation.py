"""Time limits that a busy machine does not use up: a program that gets no processor cannot answer."""

from __future__ import annotations

import contextlib
import os
import queue
from collections.abc import Callable
from typing import TypeVar

import psutil

from conformance.subject.children import process_tree

__all__ = ["LONGEST", "TooLong", "starved_seconds", "within"]

Result = TypeVar("Result")

LONGEST = 6.0
"""How many times a limit is waited for at most, however busy the machine is."""

_ENOUGH = 0.9  # of the limit: what is left is no more than the usual delays of a scheduler


class TooLong(Exception):
    """Nothing came in time. ``waited`` is how long that was, ``starved`` how much of it passed without a processor."""

    def __init__(self, waited: float, starved: float) -> None:
        super().__init__(f"nothing within {waited:g} s, {starved:g} s of them without a processor")
        self.waited, self.starved = waited, starved


def starved_seconds(pid: int) -> float:
    """How long the threads of a process, its descendants and this process have waited for a processor, in sum.

    Linux counts it (/proc/PID/schedstat, see sched-stats.rst of the kernel); elsewhere it is 0.0.
    """
    pids = [os.getpid()]
    with contextlib.suppress(psutil.Error):
        pids += [process.pid for process in process_tree(pid)]
    return sum(map(_of_process, pids)) / 1e9


def _of_process(pid: int) -> int:
    folder, found = f"/proc/{pid}/task", 0
    with contextlib.suppress(OSError):
        for thread in os.listdir(folder):
            with contextlib.suppress(OSError, ValueError, IndexError), open(f"{folder}/{thread}/schedstat") as file:
                found += int(file.read().split()[1])
    return found


def within(limit: float, wait: Callable[[float], Result], starved: Callable[[], float]) -> Result:
    """Call ``wait`` with a number of seconds until it returns something.

    Args:
        limit: seconds, in which the program could run.
        wait: waits for so long at most; raises queue.Empty when there was nothing.
        starved: how many seconds the program had no processor, so far. It is asked only when half of the limit has
            passed, and the first half is taken to be as busy as the second.

    Raises:
        TooLong: there was nothing in these seconds, nor in :data:`LONGEST` times as many of the clock.
    """
    step = limit / 2
    with contextlib.suppress(queue.Empty):
        return wait(step)
    waited, counted, weight, before = step, 0.0, 2.0, starved()
    while True:
        with contextlib.suppress(queue.Empty):
            return wait(step)
        now = starved()
        ran = max(step - (now - before), 0.0)
        waited, counted, weight, before = waited + step, counted + weight * ran, 1.0, now
        if counted >= _ENOUGH * limit or waited >= LONGEST * limit:
            raise TooLong(waited, waited - counted)
        step = min(limit - counted, LONGEST * limit - waited)
