"""The process that lets the kit go on when a judged program stops it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from conformance.system.guard import guarding, times_stopped

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and signals")

ENOUGH = 120.0  # seconds: no test waits for that long
STOPS_ITSELF = """
import os, signal, sys
from conformance.system.guard import guarding, times_stopped
with guarding(0.005), guarding(0.005):
    for number in range(int(sys.argv[1])):
        os.kill(os.getpid(), signal.SIGSTOP)
        print("goes on", flush=True)
    while times_stopped() < int(sys.argv[1]):
        pass
print(times_stopped())
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=ENOUGH, check=False)


def test_a_process_that_was_stopped_goes_on_and_knows_it() -> None:
    done = run(STOPS_ITSELF, "2")
    assert done.stdout.split("\n") == ["goes on", "goes on", "2", ""]
    assert done.stderr == "pulse: the main process was stopped (SIGSTOP); it goes on\n" * 2
    assert done.returncode == 0


def test_one_that_is_stopped_again_and_again_is_asked_to_end() -> None:
    done = run(STOPS_ITSELF, "100")
    assert done.stderr.endswith("stopped (SIGSTOP) again and again; the run ends\n")
    assert done.stdout == "goes on\n" * 3
    assert done.returncode == -15


def children() -> set[str]:
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
        return set(file.read().split())


def test_it_ends_with_the_block() -> None:
    before = children()
    with guarding():
        assert len(children() - before) == 1
        with guarding():
            assert len(children() - before) == 1
    assert children() <= before
    assert times_stopped() == 0


def test_it_ends_with_the_process_however_that_ends() -> None:
    code = "import os\nfrom conformance.system.guard import guarding\nwith guarding(): os._exit(7)"
    assert run(code).returncode == 7  # it has the pipe of standard error, which is read to its end here


def test_an_interrupt_of_the_whole_group_does_not_end_it() -> None:
    code = (
        "import os, signal\nfrom conformance.system.guard import guarding, times_stopped\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\nos.setsid()\nwith guarding(0.005):\n"
        "    os.killpg(0, signal.SIGINT)\n    os.kill(os.getpid(), signal.SIGSTOP)\n"
        "    while times_stopped() < 1: pass\nprint('goes on')"
    )
    done = run(code)
    assert done.stdout == "goes on\n"
    assert "Traceback" not in done.stderr
