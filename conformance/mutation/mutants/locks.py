"""Writers and readers that wait for each other's locks on the target (clauses CON-05 and RDR-12)."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant

if sys.platform != "win32":
    import fcntl

    @mutant("guard", caught_by="CON-05", outcome="error")
    @contextlib.contextmanager
    def target_locked_by_writer(self: Honest, path: str, *, writing: bool) -> Iterator[None]:
        """Locks the target with flock during the write, and waits while another process has it locked."""
        with contextlib.ExitStack() as held:
            if writing and os.path.isfile(path):
                fcntl.flock(held.enter_context(open(path, "rb")), fcntl.LOCK_EX)
            yield

    @mutant("guard", caught_by="CON-05", outcome="error")
    @contextlib.contextmanager
    def target_locked_by_record(self: Honest, path: str, *, writing: bool) -> Iterator[None]:
        """Locks the target with a POSIX record lock during the write, and waits while another process has it locked."""
        with contextlib.ExitStack() as held:
            if writing and os.path.isfile(path):
                fcntl.lockf(held.enter_context(open(path, "r+b")), fcntl.LOCK_EX)
            yield

    @mutant("guard", caught_by="RDR-12", outcome="error")
    @contextlib.contextmanager
    def target_locked_by_reader(self: Honest, path: str, *, writing: bool) -> Iterator[None]:
        """Locks the target while it reads, and waits while another process has it locked."""
        with contextlib.ExitStack() as held:
            if not writing and os.path.isfile(path):
                fcntl.flock(held.enter_context(open(path, "rb")), fcntl.LOCK_SH)
            yield
