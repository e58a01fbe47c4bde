"""Writers to whom a signal means something unusual but correct."""

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

from conformance.mutation.contexts import closing, handled_by
from conformance.mutation.honest import Honest
from conformance.mutation.registry import SYNCING, variant

# Windows removes no file that is open, and sends no SIGTERM.
if sys.platform != "win32":

    @contextlib.contextmanager
    def _blocked(number: signal.Signals) -> Iterator[None]:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    @variant("fill_temp", doubted_by=("FLT-*", "KIL-*"))
    def descriptor_left_by_an_interrupt(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Closes the temp after an error but not after an interrupt, which ends the process."""
        descriptor = self.create(temp)
        try:
            self.send(descriptor, data)
            self.keep_metadata(temp, target)
            self.sync(descriptor)
        except Exception:
            with contextlib.suppress(OSError):
                os.close(descriptor)
            raise
        self.close(descriptor)

    @variant("fill_temp", doubted_by=(*SYNCING, "VIS-0[34]"))
    def begun_anew_when_interrupted(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Gives the temp up when a signal interrupts its fsync, and makes it again; Python's own would be repeated."""
        while True:
            with closing(self.create(temp)) as descriptor:
                self.send(descriptor, data)
                self.keep_metadata(temp, target)
                if ctypes.CDLL(None, use_errno=True).fsync(descriptor) == 0:
                    return
                number = ctypes.get_errno()
            if number != errno.EINTR:
                raise OSError(number, os.strerror(number))
            os.unlink(temp)

    @variant("guard", doubted_by=("FLT-*", "KIL-*"))
    @contextlib.contextmanager
    def exit_raised_by_sigterm(self: Honest, path: str, *, writing: bool) -> Iterator[None]:
        """Raises SystemExit when SIGTERM comes, so that the write cleans up before the process ends."""

        def end(number: int, frame: object) -> NoReturn:
            sys.exit(128 + number)

        with handled_by(signal.SIGTERM, end) if writing else contextlib.nullcontext():
            yield

    @variant("guard", doubted_by=("FLT-*", "KIL-*"))
    @contextlib.contextmanager
    def sigterm_noted(self: Honest, path: str, *, writing: bool) -> Iterator[None]:
        """Only notes SIGTERM and completes the write, as a trainer that saves a checkpoint first."""
        with handled_by(signal.SIGTERM, lambda number, frame: None) if writing else contextlib.nullcontext():
            yield

    @variant("guard", doubted_by=("FLT-*", "KIL-*"))
    @contextlib.contextmanager
    def sigterm_waits(self: Honest, path: str, *, writing: bool) -> Iterator[None]:
        """Blocks SIGTERM while it writes, so that it ends the process right afterwards."""
        with _blocked(signal.SIGTERM):
            yield

    @variant("guard", doubted_by=("FLT-*", "KIL-*"))
    @contextlib.contextmanager
    def interrupt_waits(self: Honest, path: str, *, writing: bool) -> Iterator[None]:
        """Blocks SIGINT, which it does not handle, while it writes, so that it ends the process right afterwards."""
        if not writing:
            yield
            return
        with handled_by(signal.SIGINT, signal.SIG_DFL), _blocked(signal.SIGINT):
            yield

    @variant("guard", doubted_by=("FLT-*", "KIL-*"))
    @contextlib.contextmanager
    def sigterm_taken_by_a_thread(self: Honest, path: str, *, writing: bool) -> Iterator[None]:
        """Blocks SIGTERM for good, and has a thread that waits for it (sigwait(3)), and only notes it."""
        if writing and threading.current_thread() is threading.main_thread() and not self.memory:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            self.memory["noted"] = []

            def wait() -> None:
                while True:
                    self.memory["noted"].append(signal.sigwait({signal.SIGTERM}))

            threading.Thread(target=wait, daemon=True).start()
        yield


if sys.platform == "linux":
    _libc = ctypes.CDLL(None, use_errno=True)

    @variant("create", doubted_by=("FLT-*",))
    def open_not_made_again(self: Honest, temp: str) -> int:
        """Treats EINTR from open(2) as a failure: on a regular file the manual page gives no such error."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = int(_libc.open(os.fsencode(temp), flags, ctypes.c_uint(0o666)))
        if descriptor < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), temp)
        return descriptor
