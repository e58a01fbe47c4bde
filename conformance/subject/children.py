"""Child processes that never outlive the run: each is recorded in a folder, killed as a group, and swept at the end."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psutil

from conformance.subject.exchange import exchange, kept
from conformance.subject.protocol import LONGEST_ANSWER

__all__ = ["Child", "Process", "kill_recorded_children", "process_tree", "recorded", "spawn", "with_default_signals"]

_DEFAULT_SIGNALS = Path(__file__).with_name("default_signals.py")
STDERR_LIMIT = 4000  # bytes of standard error kept as evidence


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


@dataclass(frozen=True)
class Child:
    """A started process, the file that receives its standard error, and its entry in the folder of children."""

    process: Process
    stderr_file: Path
    record: Path

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
        with self.stderr_file.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - STDERR_LIMIT))
            return file.read().decode("utf-8", "backslashreplace")

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
        if self.record.exists():
            _kill_group(self.process.pid)
            self.process.wait()
            self.record.unlink(missing_ok=True)


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

    ``children`` is the folder that records what is running. ``ignore_signals`` lets the child ignore SIGXFSZ, so that
    exceeding a file-size limit is an error and does not kill it (setrlimit(2)). ``descriptors`` are inherited under
    their own numbers (not on Windows). Raises OSError.
    """
    words = with_default_signals(command, ignore_signals=ignore_signals)
    if len(words) > len(command):  # then only another program would notice
        name = folder / command[0] if os.path.dirname(command[0]) else command[0]
        if shutil.which(name, path=environment.get("PATH")) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command[0])
    descriptor, stderr_file = tempfile.mkstemp(suffix=".stderr", dir=children)
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
        process = subprocess.Popen(
            words,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=descriptor,
            bufsize=0,
            **options,
        )
    finally:
        os.close(descriptor)
    return recorded(process, Path(stderr_file), children)


def recorded(process: Process, stderr_file: Path, children: Path) -> Child:
    """Record a process that was just started in the folder of children."""
    record = children / str(process.pid)
    with contextlib.suppress(psutil.NoSuchProcess):
        record.write_text(repr(psutil.Process(process.pid).create_time()), encoding="ascii")
    return Child(process, stderr_file, record)


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


def kill_recorded_children(children: Path) -> int:
    """Kill what is still recorded as running, for example after a crash of the kit. Returns how many there were."""
    killed = 0
    for record in children.iterdir() if children.is_dir() else ():
        if record.name.isdecimal() and _is_the_one(int(record.name), record):
            killed += _kill_group(int(record.name))
    return killed


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


def _is_the_one(pid: int, record: Path) -> bool:
    # The start time guards against a process id that has been reused in the meantime.
    try:
        return psutil.Process(pid).create_time() == float(record.read_text(encoding="ascii"))
    except psutil.NoSuchProcess:
        return True  # no process has the id, but its group may have outlived it
    except (psutil.AccessDenied, OSError, ValueError):
        return False


def _kill_group(pid: int) -> bool:
    """Returns whether there was anything to kill."""
    if sys.platform == "win32":
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            for member in [*process.children(recursive=True), process]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
            return True
        return False
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
        return True
    return False
