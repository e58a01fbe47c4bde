"""The stops of traced threads, and how each of them goes on: what tracers of any kind share."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable

from conformance.syscalls.tracer import ptrace
from conformance.syscalls.tracer.calls import Argument
from conformance.syscalls.tracer.decode import decode, process_of

__all__ = ["RESTARTS", "WALL", "Stops", "arguments_at", "error_of"]

assert sys.platform == "linux"

WALL = 0x40000000
RESTARTS = (512, 513, 514, 516)  # ERESTARTSYS and its kin, which no program sees: the call is restarted
_HIGHEST_ERRNO = 4095
_SYSTEM_CALL_STOP = signal.SIGTRAP | 0x80
_STOPPING = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)


class Stops:
    """The threads that are traced. A subclass says what happens at their calls.

    Threads of ``parked`` stay where they stand. While ``armed``, every thread stops at the entry and exit of its calls.
    """

    def __init__(self) -> None:
        self.threads: dict[int, int] = {}  # thread → its process
        self.parked: set[int] = set()
        self.armed = False

    def at_call(self, thread: int) -> None:
        """A thread stands at the entry or exit of a call."""
        raise NotImplementedError

    def ends(self, thread: int, status: int) -> None:
        """A thread has ended, with a wait status."""

    def seen(self, thread: int) -> None:
        """A thread has stopped, or ended."""

    def wait(self) -> bool:
        """Handle every pending stop. Returns whether any process is left; a new one may not have stopped yet."""
        while taken := self.take():
            pass
        return taken is None

    def take(self) -> bool | None:
        """Handle one pending stop. Returns None when there is none, False when no process is left."""
        try:
            thread, status = os.waitpid(-1, WALL | os.WNOHANG)
        except ChildProcessError:
            return False
        if thread == 0:
            return None
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):  # killed while it was stopped
            self.handle(thread, status)
        return True

    def handle(self, thread: int, status: int) -> None:
        """Let a thread that has stopped go on, or forget one that has ended."""
        if os.WIFSTOPPED(status):
            self.stopped(thread, os.WSTOPSIG(status), status >> 16)
        else:
            self.threads.pop(thread, None)
            self.ends(thread, status)
        self.seen(thread)

    def stopped(self, thread: int, signal_number: int, event: int) -> None:
        """Let a thread go on that stopped at a call, for an event, or before a signal, which it gets."""
        if thread not in self.threads:
            self.threads[thread] = process_of(thread)
        if event == ptrace.EVENT_STOP:
            if signal_number in _STOPPING:
                ptrace.listen(thread)
            else:
                ptrace.resume(thread, to_next_call=self.armed)
            return
        if event == ptrace.EVENT_EXEC:
            # The thread that calls execve becomes the first of its process; the others vanish without a report.
            for other in [each for each, process in self.threads.items() if process == thread and each != thread]:
                del self.threads[other]
                self.seen(other)
        if event or signal_number != _SYSTEM_CALL_STOP:
            ptrace.resume(thread, 0 if event else signal_number, to_next_call=self.armed)
            return
        if self.armed:
            self.at_call(thread)
        if thread not in self.parked:
            ptrace.resume(thread, to_next_call=self.armed)


def arguments_at(
    stop: ptrace.SystemCallStop, thread: int, process: int, within: Callable[[str], bool]
) -> tuple[str, dict[str, Argument] | None]:
    """The name and the arguments (see `decode`) of the call that a thread is about to make."""
    audit, names = ptrace.call_names()
    # A program of another architecture (32 bits): its call numbers have other meanings.
    name = names.get(stop.number, f"call-{stop.number}") if stop.audit == audit else "io_uring_enter"
    return name, decode(thread, process, name, stop.arguments, within)


def error_of(result: int) -> int:
    """The errno that a system call returned, 0 for none."""
    return -result if -_HIGHEST_ERRNO <= result < 0 else 0
