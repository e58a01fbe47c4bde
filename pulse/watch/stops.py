"""Ctrl-Z: the terminal is the shell's while the watch is stopped, and the panel's again when it goes on."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, Protocol, runtime_checkable

__all__ = ["TakesTheTerminal", "stoppable"]

Wait = Callable[[float], object]

SIGTSTP: Final[Any] = getattr(signal, "SIGTSTP", None)
"""Windows has no such signal."""


@runtime_checkable
class TakesTheTerminal(Protocol):
    """A screen that has the terminal to itself."""

    def leave(self) -> None:
        """Give the terminal back for a while."""

    def come_back(self) -> None:
        """Take it again."""


@contextmanager
def stoppable(screen: object, wait: Wait) -> Iterator[Wait]:
    """While this lasts, Ctrl-Z gives the terminal back before it stops the process, and takes it again afterwards.

    Args:
        screen: what shows the runs; only one that takes the terminal is concerned.
        wait: called with the seconds to wait.

    Yields:
        What to call instead of ``wait``: it is cut short by a stop, which happens nowhere else, where a screen might be
        half drawn or a command half started.
    """
    ours = SIGTSTP is not None and threading.current_thread() is threading.main_thread()
    # A shell without job control ignores the signal.
    if not ours or not isinstance(screen, TakesTheTerminal) or signal.getsignal(SIGTSTP) is not signal.SIG_DFL:
        yield wait
        return
    waiting = _Waiting(screen, wait)
    signal.signal(SIGTSTP, waiting.ask)
    try:
        yield waiting
    finally:
        signal.signal(SIGTSTP, signal.SIG_DFL)


class _Stopped(BaseException):
    """Ctrl-Z while nothing but time passes."""


class _Waiting:
    def __init__(self, screen: TakesTheTerminal, wait: Wait) -> None:
        self._screen, self._wait = screen, wait
        self._asked = self._waits = False

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Take SIGTSTP, at once or at the next wait."""
        first, self._asked = not self._asked, True
        if first and self._waits:
            raise _Stopped

    def __call__(self, seconds: float) -> None:
        try:
            try:
                self._waits = True
                if not self._asked:
                    self._wait(seconds)
            finally:
                self._waits = False
        except _Stopped:
            self._waits = False  # it may have come just before that
        if self._asked:
            self._stop()

    def _stop(self) -> None:
        """Stop until SIGCONT."""
        self._screen.leave()
        signal.signal(SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(SIGTSTP)  # to this thread, which goes no further before the process has stopped
        signal.signal(SIGTSTP, self.ask)
        self._asked = False
        self._screen.come_back()
