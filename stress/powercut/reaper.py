"""What a power cut does to processes: all end at once, and their ids are free afterwards (Linux)."""

from __future__ import annotations

import contextlib
import os
import sys
import time

import psutil

__all__ = ["end_descendants"]

_LOOK_SECONDS = 0.01


def end_descendants(seconds: float | None = None) -> None:
    """Kill everything that this process has started, directly or not, and wait until no process is left, or for so many
    seconds: one that waits for a disk ends only after that.

    That includes zombies, which a writer that checks for the owner of a temp takes for alive. Use it only where all
    children of this process may end: their exit codes are lost.
    """
    if sys.platform == "win32":
        return
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        for descendant in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                descendant.kill()
        try:
            ended, _ = os.waitpid(-1, 0 if deadline is None else os.WNOHANG)
        except ChildProcessError:
            return
        if not ended and deadline is not None:
            if time.monotonic() > deadline:
                return
            time.sleep(_LOOK_SECONDS)
