"""The end of a process with that of its parent. It imports little: the fork server has what it imports in each fork."""

from __future__ import annotations

import ctypes
import os
import sys

__all__ = ["end_with_parent"]

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int, number: int = 9) -> None:
    """Let this process get a signal as soon as the thread that started it ends (prctl(2)): SIGKILL, which ends it even
    while it is stopped, or another ``number``.

    ``parent`` is the process of that thread: where it has ended already, this one ends now. Only Linux can do that.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
