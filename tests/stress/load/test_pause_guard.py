"""What chaos has stopped is killed when the harness is gone, and nothing else is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from stress.load.pause_guard import PauseGuard

WAIT = [sys.executable, "-I", "-S", "-c", "import sys; sys.stdin.read()"]


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    started = [subprocess.Popen(WAIT, stdin=subprocess.PIPE) for _ in range(3)]
    yield started
    for process in started:
        process.kill()
        process.communicate()


def test_when_the_harness_is_gone_what_is_stopped_is_killed(processes: list[subprocess.Popen[bytes]]) -> None:
    stopped, resumed, other = processes
    psutil.Process(stopped.pid).suspend()
    told = f"+{stopped.pid}\n+{resumed.pid}\n+{2**30}\n-{resumed.pid}\n-{2**30}\n-{other.pid}\n"
    words = [sys.executable, "-P", "-m", "stress.load.pause_guard"]
    subprocess.run(words, input=told, text=True, timeout=200, check=True)
    assert stopped.wait(60) != 0
    assert (resumed.poll(), other.poll()) == (None, None)


def test_without_a_process_it_does_nothing(processes: list[subprocess.Popen[bytes]]) -> None:
    one = psutil.Process(processes[0].pid)
    PauseGuard(None).before_stopping([one])
    PauseGuard(None).after_resuming([one])
    assert processes[0].poll() is None
