"""SIGTERM, between a run that wants to know of it and whatever the program does about it."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

__all__ = ["SigtermHandler"]


class SigtermHandler:
    """Calls a function when SIGTERM arrives, and after it what was installed before."""

    def __init__(self, before: Callable[[], None]) -> None:
        """Args: before: called first, in the main thread, between any two bytecodes of the program."""
        self._before = before
        self._old: Any = None

    def install(self) -> bool:
        """Take the place of the present handler, unless SIGTERM is ignored: then the program survives it.

        Returns:
            Whether that was possible: this is the main thread, and the present handler is known to Python.
        """
        old = signal.getsignal(signal.SIGTERM)
        if old is signal.SIG_IGN:
            return True
        if old is None or threading.current_thread() is not threading.main_thread():
            return False
        self._old = old
        signal.signal(signal.SIGTERM, self._take)
        return True

    def restore(self) -> None:
        """Put the old handler back, unless this is another thread or another handler has been put on top."""
        with suppress(ValueError):
            if self._old is not None and signal.getsignal(signal.SIGTERM) == self._take:
                signal.signal(signal.SIGTERM, self._old)
                self._old = None

    def _take(self, number: int, frame: FrameType | None) -> None:
        self._before()
        if callable(self._old):
            self._old(number, frame)
        else:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
