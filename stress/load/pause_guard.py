"""What chaos has stopped must not stay stopped when the harness itself is killed, as nothing could end it by asking.

``python -m stress.load.pause_guard`` is told which processes are stopped, a line each: ``+PID`` before, ``-PID`` after.
When its standard input ends, the harness is gone, and it kills those that are left. It has a session of its own, so
that what ends the harness with its group does not end it, too.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator

import psutil

from conformance.runner.run import Run
from conformance.subject.children import Child, spawn

__all__ = ["PauseGuard", "guarding_pauses", "main"]


class PauseGuard:
    """The harness's side. Without a process it does nothing."""

    def __init__(self, child: Child | None) -> None:
        self._child = child

    def before_stopping(self, processes: Iterable[psutil.Process]) -> None:
        """These are about to be stopped."""
        self._say("+", processes)

    def after_resuming(self, processes: Iterable[psutil.Process]) -> None:
        """These run again, or have ended."""
        self._say("-", processes)

    def _say(self, sign: str, processes: Iterable[psutil.Process]) -> None:
        text = "".join(f"{sign}{process.pid}\n" for process in processes)
        if self._child is not None and text:
            with contextlib.suppress(BrokenPipeError):
                self._child.stdin.write(text.encode("ascii"))


@contextlib.contextmanager
def guarding_pauses(run: Run, *, wanted: bool) -> Iterator[PauseGuard]:
    """Inside the block, a guard watches over this process; where none is ``wanted``, one that does nothing."""
    if not wanted:
        yield PauseGuard(None)
        return
    words = [sys.executable, "-P", "-m", "stress.load.pause_guard"]
    options = run.launch_options()
    child = spawn(words, folder=run.folder, children=options.children, environment=os.environ)
    try:
        yield PauseGuard(child)
    finally:
        child.kill()
        child.stdin.close()
        child.stdout.close()


def main() -> None:
    """Watch until standard input ends, then kill what is stopped."""
    stopped: dict[int, psutil.Process] = {}
    for line in sys.stdin:
        pid = int(line[1:])
        if line[0] == "-":
            stopped.pop(pid, None)
            continue
        with contextlib.suppress(psutil.NoSuchProcess):
            stopped[pid] = psutil.Process(pid)
    for process in stopped.values():
        with contextlib.suppress(psutil.Error):  # psutil compares the start times: it kills no other process
            process.kill()


if __name__ == "__main__":
    main()
