"""``python -m stress.powercut.blocks.supervisor PARENT NAMESPACE``: ends all of a run that something has killed.

It acts once its standard input ends, or PARENT has been killed and cannot end, as it waits for a disk. It thaws what
was left frozen, and kills every process of the mount namespace, after what those have started: a process that waits
for a disk of a stopped server ends only after that server. With them go the namespace, its mounts, and the loop devices
that were mounted. Where it is itself not in NAMESPACE, which the run has made for itself, it does nothing: its own may
be that of the system.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from conformance.system.orphans import own
from stress.disk import enter_private_namespace
from stress.powercut.blocks.fuse import mount_points, start_module
from stress.powercut.blocks.watch import thawed

__all__ = ["is_killed", "supervised", "with_descendants"]

_LOOK_SECONDS = 1.0
_END_SECONDS = 30.0


@contextlib.contextmanager
def supervised() -> Iterator[None]:
    """Enter a private mount namespace; for the time of the block another process waits for the death of this one. At
    the end of the block it ends and kills nothing. Raises Unmeasured where such a namespace is not allowed.
    """
    namespace = enter_private_namespace()
    supervisor = start_module(
        "stress.powercut.blocks.supervisor", namespace, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        supervisor.kill()
        supervisor.wait()
        own.discard(supervisor.pid)
        assert supervisor.stdin
        supervisor.stdin.close()


def is_killed(status: str) -> bool:
    """Whether SIGKILL waits for the process with this /proc/PID/status (proc_pid_status(5)), which cannot end yet."""
    pending = [line.split()[1] for line in status.splitlines() if line.startswith(("SigPnd:", "ShdPnd:"))]
    return any(int(signals, 16) & 1 << 9 - 1 for signals in pending)


def with_descendants(pids: Iterable[int], parents: Mapping[int, int]) -> list[int]:
    """These processes after all that they have started, directly or not. ``parents`` has the parent of each."""
    found = list(pids)
    for pid in found:  # it grows
        found += [child for child, parent in parents.items() if parent == pid and child not in found]
    return found[::-1]


def _namespace(pid: int | str) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/mnt")
    return ""


def _parents() -> dict[int, int]:
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            # The name before it, in parentheses, may be anything (proc_pid_stat(5)).
            fields = Path(f"/proc/{name}/stat").read_bytes().rpartition(b") ")[2].split()
            if fields[0] != b"Z":
                found[int(name)] = int(fields[1])
    return found


def _end_all(namespace: str) -> bool:
    """Kill them all. Returns whether there was any."""
    if sys.platform == "win32":
        return False
    parents = _parents()
    parents.pop(os.getpid())
    pids = with_descendants([pid for pid in parents if _namespace(pid) == namespace], parents)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(pids)


def _wait_for_death(parent: int) -> None:
    while not select.select([0], [], [], _LOOK_SECONDS)[0]:
        with contextlib.suppress(OSError):
            if is_killed(Path(f"/proc/{parent}/status").read_text(encoding="utf-8", errors="replace")):
                return


if __name__ == "__main__" and sys.platform != "win32":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _wait_for_death(int(sys.argv[1]))
    if _namespace("self") == sys.argv[2]:
        deadline = time.monotonic() + _END_SECONDS
        for point in mount_points(Path("/proc/self/mountinfo").read_bytes()):
            thawed(point, 1.0)
        while _end_all(sys.argv[2]) and time.monotonic() < deadline:
            time.sleep(0.01)
