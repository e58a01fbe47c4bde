"""Writers whose handler of SIGTERM does harm (clauses KIL-05, KIL-06); Python calls it between two of its own steps."""

from __future__ import annotations

import contextlib
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
