"""Signals that are meant for a command, passed on by the process that has started it."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Self

__all__ = ["Forwarding", "signal_name"]

_FORWARDED = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGBREAK")
_TYPED = ("SIGINT", "SIGQUIT", "SIGBREAK")


class Forwarding:
    """Passes signals on to a command while a block runs; those that are ignored stay ignored.

    What is typed at the terminal (Ctrl-C) goes to the command without us: the system sends it to every process in the
    foreground. So SIGINT and SIGQUIT are passed on only when we are not in the foreground of a terminal.
    """

    def __init__(self) -> None:
        self._send: Callable[[int], None] | None = None
        self._early: list[int] = []
        self._old: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for name in _FORWARDED:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                self._old[number] = signal.signal(number, self._take)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def on_resize(self, resize: Callable[[], None] | None) -> None:
        """Call ``resize``, if there is one, when the terminal gets another size; a Windows console has no signal."""
        if resize is not None and sys.platform != "win32":
            self._old[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, lambda number, frame: resize())

    def to(self, send: Callable[[int], None]) -> None:
        """Pass signals on with ``send`` from now on, and first those that have come already."""
        self._send = send
        while self._early:
            self._pass_on(self._early.pop(0))

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self._send is None:
            self._early.append(number)
        elif signal.Signals(number).name not in _TYPED or not _in_foreground():
            self._pass_on(number)

    def _pass_on(self, number: int) -> None:
        """Send a signal; a command that runs as another user (sudo, setuid) does not take it from us."""
        assert self._send is not None
        with suppress(PermissionError):
            self._send(number)


def signal_name(number: int) -> str:
    """``SIGKILL`` for 9; ``signal 40`` for one that has no name of its own."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


if sys.platform == "win32":

    def _in_foreground() -> bool:
        """Always: the system sends Ctrl-C to every process of a console."""
        return True

else:

    def _in_foreground() -> bool:
        """Whether what is typed at our terminal reaches us, and so the command, which is in the same process group."""
        try:
            terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return os.tcgetpgrp(terminal) == os.getpgrp()
        except OSError:
            return False
        finally:
            os.close(terminal)
