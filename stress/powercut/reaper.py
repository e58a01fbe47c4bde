"""What a power cut does to processes: all end at once, and their ids are free afterwards (Linux)."""

from __future__ import annotations

import contextlib
import os
import sys

import psutil

__all__ = ["end_descendants"]


def end_descendants() -> None:
    """Kill everything that this process has started, directly or not, and wait until no process is left.

    That includes zombies, which a writer that checks for the owner of a temp takes for alive. Use it only where all
    children of this process may end: their exit codes are lost.
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
