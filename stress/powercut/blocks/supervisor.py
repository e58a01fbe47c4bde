"""``python -m stress.powercut.blocks.supervisor``: ends what a run has started when something kills the run itself.

It kills every process of its mount namespace once its standard input ends. With them go the namespace, its mounts, and
the loop devices that were mounted. Where the namespace is that of process 1, and so the system's, it does nothing.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

from stress.disk import enter_private_namespace
from stress.powercut.blocks.fuse import module_command, module_environment

__all__ = ["supervised"]


@contextlib.contextmanager
def supervised() -> Iterator[None]:
    """Enter a private mount namespace; for the time of the block another process waits for the death of this one. At
    the end of the block it ends and kills nothing. Raises Unmeasured where such a namespace is not allowed.
    """
    enter_private_namespace()  # without it, the processes of the namespace would be those of the whole system
    supervisor = subprocess.Popen(
        module_command("stress.powercut.blocks.supervisor"),
        env=module_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        supervisor.kill()
        supervisor.wait()
        assert supervisor.stdin
        supervisor.stdin.close()


def _namespace(pid: int | str) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/mnt")
    return ""


def _end_all(own: str) -> None:
    if sys.platform == "win32":
        return
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid() and _namespace(name) == own:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(name), signal.SIGKILL)


if __name__ == "__main__" and sys.platform != "win32":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 1):
        pass
    own_namespace = _namespace("self")
    if own_namespace and _namespace(1) not in ("", own_namespace):
        _end_all(own_namespace)
        _end_all(own_namespace)  # what was started in between
