"""A small process beside this one that lets it go on when a judged program stops it (SIGSTOP); Linux only."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["guarding", "times_stopped"]

_PROGRAM = Path(__file__).with_name("guard_process.py")
_SECONDS_TO_END = 5.0
_running: list[subprocess.Popen[bytes]] = []
_stopped: list[bytes] = []


@contextlib.contextmanager
def guarding(seconds: float = 1.0) -> Iterator[None]:
    """Inside the block a process looks every so many seconds whether this one stands still. Blocks may be nested."""
    if sys.platform != "linux" or _running:
        yield
        return
    # An interrupt while it starts is for this process alone; it unblocks its signals when it ignores them.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    try:
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", str(_PROGRAM), str(os.getpid()), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
        )
    except OSError:  # no process can be started: then nothing is judged either, which is said elsewhere
        yield
        return
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert guard.stdin
    assert guard.stdout
    os.set_blocking(guard.stdout.fileno(), False)
    _running.append(guard)
    _stopped.clear()
    try:
        yield
    finally:
        times_stopped()
        _running.remove(guard)
        guard.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            guard.wait(_SECONDS_TO_END)
        guard.kill()
        guard.wait()
        guard.stdout.close()


def times_stopped() -> int:
    """How often this process was stopped in the last `guarding`."""
    for guard in _running:
        assert guard.stdout
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(guard.stdout.fileno(), 100):
                _stopped.append(piece)
    return len(b"".join(_stopped))
