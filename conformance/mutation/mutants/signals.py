"""Writers whose handler of SIGTERM does harm (clauses KIL-05, KIL-06), or that lose a signal (FLT-09), or by it a sync
(FLT-07).

Python calls a handler between two of its own steps.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import NoReturn

from conformance.mutation.contexts import handled_by
from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant

# Windows sends no SIGTERM.
if sys.platform != "win32":

    @mutant("guard", caught_by="KIL-05", on=("linux",))
    @contextlib.contextmanager
    def handler_waits_for_the_writers_lock(self: Honest, path: str, *, writing: bool) -> Iterator[None]:
        """Ends on SIGTERM once it has the lock, which the write that was interrupted holds."""
        if not writing:
            yield
            return
        lock = self.memory.setdefault("lock", threading.Lock())

        def end(number: int, frame: object) -> NoReturn:
            with lock:
                os._exit(128 + number)

        with handled_by(signal.SIGTERM, end), lock:
            yield

    @mutant("guard", caught_by="KIL-05", on=("linux",))
    @contextlib.contextmanager
    def last_words_written_in_place(self: Honest, path: str, *, writing: bool) -> Iterator[None]:
        """Writes a note into the target itself when SIGTERM comes, and ends."""

        def end(number: int, frame: object) -> NoReturn:
            with open(path, "w", encoding="utf-8") as file:
                file.write("terminated")
            os._exit(128 + number)

        with handled_by(signal.SIGTERM, end) if writing else contextlib.nullcontext():
            yield

    @mutant("guard", caught_by="KIL-06", on=("linux",))
    @contextlib.contextmanager
    def ended_at_once_by_sigterm(self: Honest, path: str, *, writing: bool) -> Iterator[None]:
        """Handles SIGTERM by ending the process at once, even when a temp exists."""

        def end(number: int, frame: object) -> NoReturn:
            os._exit(128 + number)

        with handled_by(signal.SIGTERM, end) if writing else contextlib.nullcontext():
            yield


if sys.platform == "linux":

    @contextlib.contextmanager
    def _discarding(number: signal.Signals) -> Iterator[None]:
        """Block a signal that has no handler, and take it away at the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        with handled_by(number, signal.SIG_DFL):
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
            try:
                yield
            finally:
                while number in signal.sigpending():
                    signal.sigwait({number})
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

    @mutant("guard", caught_by="KIL-05")
    @contextlib.contextmanager
    def sigterm_discarded(self: Honest, path: str, *, writing: bool) -> Iterator[None]:
        """Blocks SIGTERM while it writes, and discards the one that has come."""
        with _discarding(signal.SIGTERM) if writing else contextlib.nullcontext():
            yield

    @mutant("guard", caught_by="FLT-09")
    @contextlib.contextmanager
    def interrupt_discarded(self: Honest, path: str, *, writing: bool) -> Iterator[None]:
        """Blocks SIGINT, which it does not handle, while it writes, and discards the one that has come."""
        with _discarding(signal.SIGINT) if writing else contextlib.nullcontext():
            yield

    @mutant("sync", caught_by="FLT-07", on=("linux",))
    def interrupted_fsync_taken_for_done(self: Honest, descriptor: int) -> None:
        """Goes on when a signal interrupts fsync; Python's own would be made again."""
        if ctypes.CDLL(None, use_errno=True).fsync(descriptor) != 0:
            number = ctypes.get_errno()
            if number != errno.EINTR:
                raise OSError(number, os.strerror(number))
