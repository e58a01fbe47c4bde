"""Child processes that never outlive the run: each is remembered, killed as a group, and swept at the end.

What runs is known from this process's memory alone, never from a file that an implementation could write.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import signal
import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psutil

from conformance.subject.exchange import exchange, kept
from conformance.subject.protocol import LONGEST_ANSWER
from conformance.subject.standard_error import StandardError
from conformance.system.orphans import own, starting

__all__ = [
    "Child",
    "Held",
    "Process",
    "kill_children",
    "process_tree",
    "remembered",
    "running",
    "spawn",
    "with_default_signals",
]

_DEFAULT_SIGNALS = Path(__file__).with_name("default_signals.py")
_SECONDS_TO_END = 30.0  # after SIGKILL


class Process(Protocol):
    """As much of subprocess.Popen as `Child` needs."""

    @property
    def pid(self) -> int:
        """The process id."""

    @property
    def returncode(self) -> Any:
        """The exit code once `poll` or `wait` has found it ended, else None; of a signal, its negative number."""

    @property
    def stdin(self) -> Any:
        """The pipe to its standard input."""

    @property
    def stdout(self) -> Any:
        """The pipe from its standard output."""

    def poll(self) -> int | None:
        """Find out whether it has ended."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended. Raises subprocess.TimeoutExpired."""

    def kill(self) -> None:
        """End it at once, unless it has ended."""


class Held:
    """A process by a descriptor (pidfd_open(2), Linux): it stays this process even when another one has its id."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._descriptor = _descriptor_of(process.pid)
        if self._descriptor is not None:
            self._close = weakref.finalize(self, os.close, self._descriptor)

    def is_there(self) -> bool:
        """Whether the process id is still its own: it runs, or has ended and was not waited for."""
        if self._descriptor is None or sys.platform != "linux":
            return self._process.poll() is None
        with contextlib.suppress(PermissionError):
            try:
                signal.pidfd_send_signal(self._descriptor, 0)
            except ProcessLookupError:
                return False
        return True

    def close(self) -> None:
        """Let go of it."""
        if self._descriptor is not None:
            self._descriptor = None
            self._close()


def _descriptor_of(pid: int) -> int | None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # it has ended, and was waited for
            return os.pidfd_open(pid)
    return None


@dataclass(frozen=True, eq=False)
class Child:
    """A started process, its standard error, and the folder by which it is remembered."""

    process: Process
    standard_error: StandardError
    children: Path
    held: Held

    @property
    def stdin(self) -> io.FileIO:
        """The unbuffered pipe to its standard input; the caller closes it."""
        assert isinstance(self.process.stdin, io.FileIO)
        return self.process.stdin

    @property
    def stdout(self) -> io.FileIO:
        """The unbuffered pipe from its standard output; the caller closes it."""
        assert isinstance(self.process.stdout, io.FileIO)
        return self.process.stdout

    def stderr(self) -> str:
        """The last bytes of its standard error, as text."""
        return self.standard_error.kept()

    def communicate(self, given: bytes, seconds: float, *, limit: int = LONGEST_ANSWER, last: bool = False) -> bytes:
        """Send all of its input, wait until it ends, and kill the rest of its group. Returns what it printed.

        Raises subprocess.TimeoutExpired when the process, or another one that holds its output, does not end in time,
        and PrintedTooMuch for more than ``limit`` bytes, unless only the ``last`` ones are wanted.
        """
        printed, take = kept(limit, last=last)
        try:
            exchange(self.process, given, seconds, take)
            return bytes(printed)
        finally:
            self.kill()
            self.stdin.close()
            self.stdout.close()

    def alive(self) -> bool:
        """Whether the process is running."""
        return self.process.poll() is None

    def kill(self) -> None:
        """End the process and everything in its group at once (SIGKILL, or TerminateProcess), and reap it.

        A second call does nothing: by then the process id may belong to another process.
        """
        _end(self)


_running: dict[Path, dict[int, Child]] = {}  # by the folder of children, by process


def spawn(
    command: Sequence[str],
    *,
    folder: Path,
    children: Path,
    environment: Mapping[str, str],
    umask: int = -1,
    ignore_signals: bool = False,
    descriptors: tuple[int, ...] = (),
) -> Child:
    """Start a command with pipes on stdin and stdout, in its own process group, with the default signal dispositions.

    ``children`` is the folder by which it is remembered, see `kill_children`. ``ignore_signals`` lets the child ignore
    SIGXFSZ, so that exceeding a file-size limit is an error and does not kill it (setrlimit(2)). ``descriptors`` are
    inherited under their own numbers (not on Windows). Raises OSError.
    """
    words = with_default_signals(command, ignore_signals=ignore_signals)
    if len(words) > len(command):  # then only another program would notice
        name = folder / command[0] if os.path.dirname(command[0]) else command[0]
        if shutil.which(name, path=environment.get("PATH")) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command[0])
    standard_error = StandardError(children)
    options: dict[str, Any] = {
        "umask": umask,
        "pass_fds": descriptors,
        "start_new_session": True,
    }
    if sys.platform == "win32":
        options = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        if os.path.dirname(words[0]):  # CreateProcess takes it from this process's current folder, not from cwd
            words[0] = str(folder / words[0])
    try:
        with starting():
            process = subprocess.Popen(
                words,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=standard_error.given,
                bufsize=0,
                **options,
            )
            own.add(process.pid)
    finally:
        os.close(standard_error.given)
    return remembered(process, standard_error, children)


def remembered(process: Process, standard_error: StandardError, children: Path) -> Child:
    """Remember a process that was just started as one of the folder of children."""
    child = Child(process, standard_error, children, Held(process))
    _running.setdefault(children, {})[process.pid] = child
    return child


def with_default_signals(command: Sequence[str], *, ignore_signals: bool = False) -> list[str]:
    """The command, such that it starts with default dispositions and an empty signal mask, whatever this process has.

    Popen itself restores what Python has changed (SIGPIPE, SIGXFSZ), so that a prefix is only needed where this process
    was started with ignored signals (nohup, a background job of a script) or a mask, or where SIGXFSZ stays ignored.
    """
    if sys.platform == "win32":
        return list(command)
    own = (signal.SIGPIPE, signal.SIGXFSZ)
    ignored = any(signal.getsignal(number) is signal.SIG_IGN for number in signal.valid_signals() - set(own))
    if not (ignored or ignore_signals or signal.pthread_sigmask(signal.SIG_BLOCK, ())):
        return list(command)
    kept = str(int(signal.SIGXFSZ)) if ignore_signals else "0"
    return [sys.executable, "-I", "-S", "-B", str(_DEFAULT_SIGNALS), kept, *command]


def running(children: Path) -> list[int]:
    """The processes of a folder of children that this process has started and not killed."""
    return list(_running.get(children, ()))


def kill_children(children: Path) -> int:
    """Kill what this process has started and not killed yet. Returns of how many there was something left."""
    return sum([_end(child) for child in list(_running.get(children, {}).values())])


def process_tree(pid: int) -> list[psutil.Process]:
    """A process and its descendants: a command may be a wrapper whose child does the work.

    Raises psutil.NoSuchProcess.
    """
    process = psutil.Process(pid)
    if not os.path.exists(f"/proc/{pid}/task/{pid}/children"):  # not Linux, or a kernel without CONFIG_PROC_CHILDREN
        return [process, *process.children(recursive=True)]
    found = [process]
    for each in found:  # it grows; psutil would read the whole /proc, for each process
        for child in _children_of(each.pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(child))
    return found


def _children_of(pid: int) -> list[int]:
    """The children that the threads of a process have started (proc_tid_children(5)); none when it has ended."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
    return found


def _end(child: Child) -> bool:
    """Returns whether there was anything to kill."""
    of_folder = _running.get(child.children, {})
    if of_folder.get(child.process.pid) is not child:
        return False
    del of_folder[child.process.pid]
    if not of_folder:
        _running.pop(child.children, None)
    killed = _kill_group(child)
    # Frozen, or traced by a process that never waits; or its fork server has ended: then no one hears how it ends.
    with contextlib.suppress(subprocess.TimeoutExpired, RuntimeError):
        child.process.wait(_SECONDS_TO_END)
    own.discard(child.process.pid)
    child.held.close()
    child.standard_error.close()
    return killed


def _kill_group(child: Child) -> bool:
    """Returns whether there was anything to kill."""
    pid = child.process.pid
    if sys.platform == "win32":
        if not child.held.is_there():
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            for member in [*process.children(recursive=True), process]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
        return True
    if not child.held.is_there() and psutil.pid_exists(pid):
        return False  # another process has the id by now, and so no group of ours has it
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
        return True
    return False
