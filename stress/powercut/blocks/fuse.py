"""Files that a program of the kit serves by FUSE (Linux, root): how such a program is started, and how it ends.

It ends with the process that started it, whatever ends that, and its file system with it: every request is answered by
an error from then on.
"""

from __future__ import annotations

import contextlib
import ctypes.util
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conformance.contract.errors import Unmeasured
from conformance.system.parent_death import end_with_parent
from stress.disk import detach, enter_private_namespace

__all__ = ["DISK", "module_command", "module_environment", "require_fuse", "serve", "serving"]

DISK = "disk"  # the file that a recorder serves
_READY = b"ready\n"
_SOURCE = "pulse"  # of the mounts, in the kernel's tables
_END_SECONDS = 60.0


def require_fuse() -> None:
    """Raise Unmeasured, with what is missing here, unless files can be served by FUSE."""
    if not os.path.exists("/dev/fuse"):
        raise Unmeasured("needs FUSE: load the kernel module fuse, or give the container /dev/fuse")
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as error:
        how = "give the container the device (--device /dev/fuse --cap-add SYS_ADMIN)"
        raise Unmeasured(f"/dev/fuse cannot be opened: {error.strerror}: {how}") from error
    if importlib.util.find_spec("mfusepy") is None:
        raise Unmeasured("needs mfusepy: python -m pip install 'pulse-kit[blocks]'")
    if ctypes.util.find_library("fuse3") is None and ctypes.util.find_library("fuse") is None:
        raise Unmeasured("needs the library of FUSE: install libfuse3 (Debian: libfuse3-3 or libfuse3-4)")


def module_command(module: str) -> list[str]:
    """The beginning of a command that runs a module of the kit, wherever this process is."""
    return [sys.executable, "-P", "-m", module]


def module_environment() -> dict[str, str]:
    """The environment for `module_command`: modules are found where this process finds them."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


@contextlib.contextmanager
def serving(module: str, folder: Path, *arguments: object) -> Iterator[Path]:
    """Run this module of the kit, which calls `serve`, with the path of a new folder in ``folder`` and these arguments.
    Returns the folder, in which its files are. Raises Unmeasured where it does not start.
    """
    place = Path(tempfile.mkdtemp(dir=folder))
    # A session of its own: Ctrl-C is for the process that started it, which still needs it to unmount.
    server = subprocess.Popen(
        [*module_command(module), str(os.getpid()), str(place), *map(str, arguments)],
        env=module_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert server.stdout
    assert server.stderr
    try:
        if server.stdout.readline() != _READY:
            said = server.stderr.read().decode("utf-8", "replace").strip().splitlines() or ["it ended"]
            why = next((line for line in said if line.startswith("fuse")), said[-1])
            raise Unmeasured(f"files cannot be served by FUSE here: {why}")
        yield place
    finally:
        detach(place)  # the server ends once nothing uses its files any more
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(_END_SECONDS)
        server.kill()
        server.wait()
        server.stdout.close()
        server.stderr.close()
        place.rmdir()


def serve(operations: Any, parent: int, place: str) -> None:
    """Serve these operations, an object like `mfusepy.Operations`, until they are unmounted or ``parent`` has ended."""
    end_with_parent(parent)
    import mfusepy

    def ready(*_: object) -> None:
        _leave_mounts()
        os.write(1, _READY)

    operations.use_ns = True
    operations.init = ready
    options = {"attr_timeout": 3600, "entry_timeout": 3600, "fsname": _SOURCE}
    if mfusepy.fuse_version_major == 2:
        options["big_writes"] = True
    mfusepy.FUSE(operations, place, foreground=True, nothreads=True, **options)


def _leave_mounts() -> None:
    """Hold none of the mounts that may need this server.

    When all processes of a mount namespace are killed, the last one unmounts what is left in it as it ends. That must
    not be the server of a disk that is mounted there: it would wait for an answer of its own, for ever.
    """
    enter_private_namespace()
    for line in reversed(Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()):
        fields = line.split(" ")  # proc_pid_mountinfo(5)
        source = fields[fields.index("-") + 2]
        if source == _SOURCE or source.startswith("/dev/loop"):
            detach(Path(re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), fields[4])))
