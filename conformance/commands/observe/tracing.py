"""The kit's side of tracing what runs already: may the process be traced, and what its calls say of the files."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from conformance.commands.observe.rewrites import OperationLog
from conformance.contract.errors import Unmeasured
from conformance.reporting.escaping import printable
from conformance.syscalls.tracer.calls import TraceError
from conformance.syscalls.tracer.messages import read_report

__all__ = ["Tracing", "require_traceable", "tracing"]

YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")
_KERNEL_THREAD = 0x00200000  # PF_KTHREAD
_SECONDS_TO_END = 5.0
_TRACER = "conformance.syscalls.tracer.attached"


@dataclass
class Tracing:
    """What is traced, and what was seen of each file: ``logs`` by its path. ``notes`` say what could not be seen."""

    process: int
    command: str
    logs: Mapping[Path, OperationLog]
    processes: int = 0
    threads: int = 0
    ended: bool = False  # nothing that was traced is left
    stopped: bool = False
    notes: list[str] = field(default_factory=list)

    def in_words(self) -> str:
        """``process 4711 (python3 train.py)``."""
        return f"process {self.process} ({self.command})"


def require_traceable(process: int) -> None:
    """Raise click.UsageError for a process that cannot be meant, Unmeasured for one that may not be traced."""
    if sys.platform != "linux":
        raise click.UsageError("--pid needs Linux")
    try:
        status = _status_of(process)
        flags = int(Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[6])
    except OSError as error:
        raise click.UsageError(f"--pid {process}: there is no such process") from error
    if process == os.getpid():
        raise click.UsageError(f"--pid {process}: is this command itself")
    if flags & _KERNEL_THREAD:
        raise click.UsageError(f"--pid {process}: is a thread of the kernel, which makes no system calls")
    if (owner := int(status["Tgid"])) != process:
        raise click.UsageError(f"--pid {process}: is a thread; its process is {owner}")
    if status["State"].strip()[0] in "ZX":
        raise click.UsageError(f"--pid {process}: has ended; its parent has not asked how")
    if other := int(status["TracerPid"]):
        raise Unmeasured(f"process {process} is traced already, by process {other} ({_command_of(other)})")


def _status_of(process: int) -> dict[str, str]:
    """The fields of proc_pid_status(5)."""
    with open(f"/proc/{process}/status", encoding="utf-8", errors="replace") as file:
        return dict(line.split(":", 1) for line in file if ":" in line)


def _command_of(process: int) -> str:
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{process}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        text = printable(os.fsdecode(b" ".join(words)), one_line=True)
        return text if len(text) <= 60 else f"{text[:60]}…"
    return "?"


def _why_refused(process: int, said: str) -> str:
    """What the system says when it refuses, with what can be done."""
    if sys.platform == "win32":
        return said
    user = os.geteuid()
    with contextlib.suppress(OSError):
        owner = int(_status_of(process)["Uid"].split()[1])
        if user not in (0, owner):
            return f"it belongs to user {owner}: run this command as that user, or as root"
        scope = YAMA.read_text(encoding="ascii").strip()
        if scope == "3":
            return f"no process may be traced until the next start of the system ({YAMA} is 3)"
        if scope != "0" and user != 0:
            return f"only its parent may trace it: run this command as root, or set {YAMA} to 0 (it is {scope})"
    as_root = "" if user == 0 else "run this command as root, and "
    return f"{said}; {as_root}in a container allow it with --cap-add=SYS_PTRACE"


@contextlib.contextmanager
def tracing(process: int, files: Mapping[Path, Path], at_the_end: Callable[[], None]) -> Iterator[Tracing]:
    """Inside the block a process is traced; ``at_the_end`` is called, in another thread, when nothing of it is left.

    ``files`` are the paths as they were given, with where the files are. Raises Unmeasured where tracing is refused.
    """
    places = {path: Path(os.path.realpath(real.parent), real.name) for path, real in files.items()}
    logs = {
        path: OperationLog(str(place.parent), place.name, _names_in(place.parent)) for path, place in places.items()
    }
    found = Tracing(process, _command_of(process), logs)
    folders = list(dict.fromkeys(str(place.parent) for place in places.values()))
    ours, theirs = socket.socketpair()
    with ours, ours.makefile("rb") as messages:
        with theirs:
            tracer = _started(theirs.fileno(), process, folders)
        listener = threading.Thread(target=_listen, args=(found, messages, at_the_end), daemon=True)
        try:
            _attached(found, messages, tracer)
            listener.start()
            yield found
        finally:
            found.stopped = True
            with contextlib.suppress(OSError):
                ours.shutdown(socket.SHUT_WR)  # the tracer sends what it still has, and ends
            if listener.ident is not None:
                listener.join(_SECONDS_TO_END)
            with contextlib.suppress(OSError):
                ours.shutdown(socket.SHUT_RDWR)
            try:
                tracer.wait(_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                tracer.kill()  # the kernel lets go of what it traced
                tracer.wait()
    for log in logs.values():
        log.end()
    if hidden := sorted({name for log in logs.values() for name in log.unknown}):
        found.notes.append(f"the process calls {', '.join(hidden)}, and what that did is not known")


def _names_in(folder: Path) -> Sequence[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return ()


def _started(descriptor: int, process: int, folders: Sequence[str]) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C is for this command. -P: no file in the current folder may shadow a module.
    return subprocess.Popen(
        (sys.executable, "-P", "-m", _TRACER, str(descriptor), str(process), *folders),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(descriptor,),
        start_new_session=True,
    )


def _attached(found: Tracing, messages: Iterator[bytes], tracer: subprocess.Popen[bytes]) -> None:
    word, _, rest = next(messages, b"").decode().strip().partition(" ")
    if word == "refused":
        name, _, text = rest.partition(" ")
        if name in ("ESRCH", "ENOENT"):
            raise click.UsageError(f"--pid {found.process}: there is no such process")
        raise Unmeasured(f"{found.in_words()} may not be traced: {_why_refused(found.process, text)}")
    if word != "attached":
        raise TraceError(f"the tracer ended with {tracer.wait()} before it had begun")
    found.processes, found.threads = map(int, rest.split())


def _listen(found: Tracing, messages: Iterator[bytes], at_the_end: Callable[[], None]) -> None:
    for line in messages:
        word, _, rest = line.decode().strip().partition(" ")
        if word == "calls":
            for call in read_report(rest).calls:
                for log in found.logs.values():
                    log.take(call)
        elif word == "dropped":
            found.notes.append(f"{rest} calls came too quickly, and are not counted")
        elif word == "ended":
            found.ended = True
            at_the_end()
    if not found.ended and not found.stopped:
        found.notes.append("the tracer ended before the watch did: what came after that is not counted")
