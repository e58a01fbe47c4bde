"""What chaos has stopped is killed when the harness is gone, and nothing else is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

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


LONG_PAUSES = "from stress.load import chaos; chaos._LONGEST_PAUSE = 1e6"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs pdeath signals, and SIGKILL")
def test_a_kill_of_the_harness_in_the_middle_of_a_pause_leaves_no_process(
    stress_command: Callable[..., subprocess.Popen[str]],
    eventually: Callable[[Callable[[], object], str], None],
    gone: Callable[[int], bool],
) -> None:
    selection = ("--impl", "variant:plain", "--writers", "2", "--readers", "2", "--size", "256")
    seen: set[int] = set()
    with stress_command(*selection, "--chaos", "pause", "--until", "1e12 reads", changed=LONG_PAUSES) as kit:
        assert kit.stdout is not None
        for line in kit.stdout:
            if line.rstrip().endswith(": load"):
                break

        def one_is_stopped() -> bool:
            assert kit.poll() is None
            stopped = False
            for process in psutil.Process(kit.pid).children(recursive=True):
                try:
                    stopped = process.status() == psutil.STATUS_STOPPED or stopped
                except psutil.NoSuchProcess:
                    continue
                seen.add(process.pid)
            return stopped

        eventually(one_is_stopped, "a process is stopped")
        kit.kill()
        kit.communicate(timeout=200)
    assert len(seen) >= 5
    eventually(lambda: all(gone(pid) for pid in seen), "all processes are gone")
