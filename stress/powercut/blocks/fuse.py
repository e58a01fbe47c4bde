"""Files that a program of the kit serves by FUSE (Linux, root): how such a program is started, and how it ends.

It ends with the process that started it, whatever ends that, and its file system with it: every request is answered by
an error from then on. Nothing waits for it for ever.
"""

from __future__ import annotations

import contextlib
import ctypes.util
import errno
import importlib.util
import os
import re
import select
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.contract.errors import Unmeasured
from conformance.system.orphans import own, starting
from conformance.system.parent_death import end_with_parent
from stress.disk import detach, enter_private_namespace

__all__ = [
    "ANSWERS",
    "DISK",
    "Server",
    "ending_with_errors",
    "module_command",
    "mount_points",
    "require_fuse",
    "serve",
    "serving",
    "start_module",
]

DISK = "disk"  # the file that a recorder serves
_READY = b"ready\n"
_SOURCE = "pulse"  # of the mounts, in the kernel's tables
_START_SECONDS = 60.0
_END_SECONDS = 10.0
_KILL_SECONDS = 10.0
_MOMENT = 1.0
_OPERATIONS = ("getattr", "open", "truncate", "read", "write", "fsync", "fallocate")

ANSWERS = frozenset({errno.ENOENT, errno.ESTALE, errno.EOPNOTSUPP})
"""The errors that a server answers on purpose."""


def require_fuse(device: Path = Path("/dev/fuse")) -> None:
    """Raise Unmeasured, with what is missing here, unless files can be served by FUSE."""
    try:
        os.close(os.open(device, os.O_RDWR))
    except FileNotFoundError:
        raise Unmeasured(f"needs FUSE: load the kernel module fuse, or give the container {device}") from None
    except OSError as error:
        raise Unmeasured(
            f"needs FUSE: {device} cannot be opened: {error.strerror}; give the container the device, as by "
            f"--device {device} --cap-add SYS_ADMIN"
        ) from error
    if importlib.util.find_spec("mfusepy") is None:
        raise Unmeasured("needs mfusepy: python -m pip install 'pulse-kit[blocks]'")
    if ctypes.util.find_library("fuse3") is None and ctypes.util.find_library("fuse") is None:
        raise Unmeasured("needs the library of FUSE: install libfuse3 (Debian: libfuse3-3 or libfuse3-4)")


def module_command(module: str) -> list[str]:
    """The beginning of a command that runs a module of the kit, wherever this process is."""
    return [sys.executable, "-P", "-m", module]


def start_module(
    module: str, *arguments: object, stdin: int, stdout: int, stderr: int | None = None
) -> subprocess.Popen[bytes]:
    """Run a module of the kit, with the id of this process and these arguments. It has a session of its own: Ctrl-C is
    for this process, which ends it, and may need it until then. The caller waits for it, and takes it out of `own`.
    """
    with starting():
        process = subprocess.Popen(
            [*module_command(module), str(os.getpid()), *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        own.add(process.pid)
    return process


@dataclass
class Server:
    """A running program that serves the files in ``place``. Made by `serving`."""

    place: Path
    process: subprocess.Popen[bytes]
    _ended: str = ""

    def end(self) -> None:
        """End it at once, also while it is stopped: a process that waits for one of its files gets an error."""
        self.process.kill()

    def ended(self) -> str:
        """How it ended, with the last line that it printed; empty while it runs. What fails because of its end fails a
        moment before it has ended.
        """
        if not self._ended and _ends_within(self.process, _MOMENT):
            self._ended = f"{_how(self.process.returncode)}{_last_line(self.process)}"
        return self._ended


@contextlib.contextmanager
def serving(module: str, folder: Path, *arguments: object) -> Iterator[Server]:
    """Run this module of the kit, which calls `serve`, with the path of a new folder in ``folder`` and these arguments.

    Raises Unmeasured where it does not start.
    """
    place = Path(tempfile.mkdtemp(dir=folder))
    process = start_module(
        module, place, *arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        _require_ready(process, _START_SECONDS)
        yield Server(place, process)
    finally:
        detach(place)  # the server ends once nothing uses its files any more
        if not _ends_within(process, _END_SECONDS):
            process.kill()
            _ends_within(process, _KILL_SECONDS)
        own.discard(process.pid)
        for pipe in filter(None, (process.stdout, process.stderr)):
            pipe.close()
        with contextlib.suppress(OSError):  # the folder above is removed as a whole
            place.rmdir()


def _require_ready(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait until a server serves its files. Raises Unmeasured when it has ended, or has not begun in time."""
    assert process.stdout
    if not select.select([process.stdout], [], [], seconds)[0]:
        raise Unmeasured(f"files cannot be served by FUSE here: the server was not ready within {seconds:g} s")
    if process.stdout.readline() != _READY:
        process.kill()
        _ends_within(process, _KILL_SECONDS)
        raise Unmeasured(f"files cannot be served by FUSE here{_last_line(process) or ': the server ended'}")


def _ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
        return True
    return False


def _how(code: int) -> str:
    return f"ended by signal {-code}" if code < 0 else f"ended with exit code {code}"


def _last_line(process: subprocess.Popen[bytes]) -> str:
    """What it printed at its end, after a colon; the process has ended."""
    if process.poll() is None or process.stderr is None:
        return ""
    said = process.stderr.read().decode("utf-8", "replace").strip().splitlines()
    of_library = (line for line in said if line.startswith("fuse"))  # it says more than the error that follows
    return f": {next(of_library, said[-1])}" if said else ""


def serve(operations: Any, parent: int, place: str) -> None:
    """Serve these operations, an object like `mfusepy.Operations`, until they are unmounted or ``parent`` has ended.

    An operation that fails with an error that is not one of `ANSWERS` ends the server.
    """
    end_with_parent(parent)
    import mfusepy

    def ready(*_: object) -> None:
        _leave_mounts()
        os.write(1, _READY)

    operations.use_ns = True
    operations.init = ending_with_errors(ready)
    for name in _OPERATIONS:
        if hasattr(operations, name):
            setattr(operations, name, ending_with_errors(getattr(operations, name)))
    options = {"attr_timeout": 3600, "entry_timeout": 3600, "fsname": _SOURCE}
    if mfusepy.fuse_version_major == 2:
        options["big_writes"] = True
    mfusepy.FUSE(operations, place, foreground=True, nothreads=True, **options)


def ending_with_errors(operation: Callable[..., Any]) -> Callable[..., Any]:
    """The same operation, which ends this process when it fails with an error that is not one of `ANSWERS`.

    That is seen. As an answer such an error would be taken for one of the disk, and held against the file system, or
    against the writer; an error in the start would be lost, and what waits for the server would wait for ever.
    """

    def called(*arguments: Any, **named: Any) -> Any:
        try:
            return operation(*arguments, **named)
        except BaseException as error:
            if isinstance(error, OSError) and error.errno in ANSWERS:
                raise
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)

    return called


def _leave_mounts() -> None:
    """Hold none of the mounts that may need this server.

    When all processes of a mount namespace are killed, the last one unmounts what is left in it as it ends. That must
    not be the server of a disk that is mounted there: it would wait for an answer of its own, for ever.
    """
    enter_private_namespace()
    for point in reversed(mount_points(Path("/proc/self/mountinfo").read_bytes())):
        detach(point)


def mount_points(table: bytes) -> list[Path]:
    """Where files of the kit's servers and loop devices are mounted, by a table like /proc/self/mountinfo
    (proc_pid_mountinfo(5)). Its names are bytes in any encoding.
    """
    found = []
    for line in table.splitlines():
        fields = line.split(b" ")
        source = fields[fields.index(b"-") + 2]
        if source == os.fsencode(_SOURCE) or source.startswith(b"/dev/loop"):
            name = re.sub(rb"\\(\d{3})", lambda escape: bytes([int(escape[1], 8)]), fields[4])
            found.append(Path(os.fsdecode(name)))
    return found
