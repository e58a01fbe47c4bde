"""What a power cut does to processes: all end at once, and their ids mean nobody afterwards (Linux)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

import psutil

__all__ = ["adopt_orphans", "end_descendants"]

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """From now on this process gets the children of its children when their parents end (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_descendants() -> None:
    """Kill everything that this process has started, directly or not, and wait until nothing is left of it.

    A zombie is something: a writer that asks whether the owner of a temp still runs takes it for alive. Only for a
    process of which all other children may end: their exit codes are lost.
    """
    if sys.platform == "win32":
        return
    while True:
        for descendant in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                descendant.kill()
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
