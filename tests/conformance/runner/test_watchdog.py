"""The watchdog: a worker that is stopped or silent never silences a run."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from conformance.runner.watchdog import LOOKS, Watchdog, Worker, tell_time_limit, what_to_do

ENOUGH = 120.0  # seconds: no test waits for that long
needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="only POSIX systems stop a process by a signal")


def look(worker: Worker, *, stopped: bool = False, busy: bool = True, now: float = 0.0) -> str:
    return what_to_do(worker, now, stopped=stopped, busy=busy, limit=100.0)


def test_a_worker_that_reports_is_left_alone() -> None:
    worker = Worker(1, heard=50.0)
    assert [look(worker, now=now) for now in (50.0, 100.0, 150.0)] == ["", "", ""]


def test_one_that_is_silent_for_too_long_is_killed_if_it_has_work() -> None:
    assert look(Worker(1, heard=0.0), now=100.1) == "kill"
    assert look(Worker(1, heard=0.0), now=100.1, busy=False) == ""


def test_one_that_is_stopped_is_let_go_on_once_and_then_killed() -> None:
    worker = Worker(1, heard=0.0)
    assert [look(worker, stopped=True) for _ in range(LOOKS)] == [""] * (LOOKS - 1) + ["go on"]
    worker.let_go = True
    assert [look(worker, stopped=True) for _ in range(LOOKS)] == [""] * (LOOKS - 1) + ["kill"]


def test_one_that_is_stopped_for_a_moment_is_not_disturbed() -> None:
    worker = Worker(1, heard=0.0)
    for _ in range(3):
        assert [look(worker, stopped=True) for _ in range(LOOKS - 1)] == [""] * (LOOKS - 1)
        assert look(worker) == ""


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """Prints a line for each that it is given."""
    command = [sys.executable, "-I", "-S", "-c", "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as it:
        yield it
        it.kill()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def watchdog(process: subprocess.Popen[bytes], said: list[str]) -> Iterator[Watchdog]:
    """It looks every few milliseconds. ``said`` is all that it says."""
    watching = Watchdog(10_000.0, said.append, pause=0.005)
    watching.workers[process.pid] = Worker(process.pid, time.monotonic(), where="in test_x.py::test_y")
    thread = threading.Thread(target=watching.watch)
    thread.start()
    yield watching
    watching.pytest_sessionfinish()
    thread.join(ENOUGH)


@needs_posix
def test_a_stopped_process_goes_on_and_is_killed_the_second_time(
    process: subprocess.Popen[bytes], watchdog: Watchdog, said: list[str]
) -> None:
    assert process.stdin
    assert process.stdout
    psutil.Process(process.pid).suspend()
    process.stdin.write(b"it goes on\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"it goes on\n"
    psutil.Process(process.pid).suspend()
    assert process.wait(ENOUGH) != 0
    assert said == [
        "a process of the kit was stopped (SIGSTOP) in test_x.py::test_y, and was let go on",
        "a process of the kit was stopped again (SIGSTOP) in test_x.py::test_y, and was killed",
    ]


def test_a_silent_process_is_killed_and_said(process: subprocess.Popen[bytes], said: list[str]) -> None:
    silent = Worker(process.pid, time.monotonic() - 500.0)
    Watchdog(300.0, said.append).look(silent)
    assert process.wait(ENOUGH) != 0
    [sentence] = said
    assert sentence.startswith("a process of the kit reported nothing for 500 s in its first case, and was killed")


@pytest.mark.timeout(1800)
def test_a_case_with_a_time_limit_of_its_own_may_take_that_long(
    request: pytest.FixtureRequest, process: subprocess.Popen[bytes], said: list[str]
) -> None:
    tell_time_limit(request.node)
    case = {"node": Node(process.pid), "nodeid": "a case", "user_properties": request.node.user_properties}
    watching = Watchdog(300.0, said.append)
    watching.workers[process.pid] = worker = Worker(process.pid, 0.0)
    watching.pytest_runtest_logreport(SimpleNamespace(when="setup", **case))
    worker.heard = time.monotonic() - 1800.0
    watching.look(worker)
    assert said == []
    worker.heard = time.monotonic() - 1900.0
    watching.look(worker)
    assert process.wait(ENOUGH) != 0
    watching.pytest_runtest_logreport(SimpleNamespace(when="teardown", **case))
    assert worker.limit == 0.0


class Node:
    """As much of a worker of pytest-xdist as the watchdog looks at."""

    def __init__(self, pid: int) -> None:
        self.gateway = SimpleNamespace(_io=SimpleNamespace(popen=SimpleNamespace(pid=pid)))
        self.cases: dict[Node, list[int]] = {}
        plugin = SimpleNamespace(sched=SimpleNamespace(node2pending=self.cases))
        self.config = SimpleNamespace(pluginmanager=SimpleNamespace(get_plugin=lambda name: plugin))


def test_it_knows_the_workers_what_they_report_and_which_are_busy(said: list[str]) -> None:
    first, second = Node(1 << 30), Node((1 << 30) + 1)
    watching = Watchdog(300.0, said.append, pause=ENOUGH)
    for node in (first, second):
        watching.pytest_testnodeready(node)
    first.cases.update({first: [1, 2], second: []})
    assert [watching.busy(pid) for pid in (1 << 30, (1 << 30) + 1, 1)] == [True, False, False]
    watching.pytest_runtest_logreport(SimpleNamespace(node=first, nodeid="a case", when="setup"))
    watching.pytest_runtest_logreport(SimpleNamespace(nodeid="one without a worker"))
    assert watching.workers[1 << 30].where == "in a case"
    watching.pytest_runtest_logreport(SimpleNamespace(node=first, nodeid="a case", when="teardown"))
    assert watching.workers[1 << 30].where == "after a case"
    watching.pytest_testnodedown(second)
    assert list(watching.workers) == [1 << 30]
    watching.pytest_sessionfinish()


STOPPED_TWICE = """
import os, signal

def test_one():
    os.kill(os.getpid(), signal.SIGSTOP)

def test_two():
    os.kill(os.getpid(), signal.SIGSTOP)

def test_three():
    pass
"""
RUN = """
import pathlib, sys
from conformance.runner.embedded_pytest import EmbeddedPytest
from conformance.runner.watchdog import Watchdog
folder = pathlib.Path(sys.argv[1])
said = []
code = EmbeddedPytest(folder / "tests", folder, (), 1, 0.0).run(Watchdog(10_000.0, said.append, pause=0.01))
print(code, *said, sep="\\n")
"""


@needs_posix
def test_a_run_goes_on_with_another_worker(tmp_path: Path) -> None:
    for name in ("tests", "scratch"):
        (tmp_path / name).mkdir()
    (tmp_path / "tests" / "test_stopping.py").write_text(STOPPED_TWICE, encoding="utf-8")
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=ENOUGH, check=False)
    assert "1 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    first, second = [line for line in done.stdout.splitlines() if line.startswith("a process of the kit")]
    assert first.endswith(", and was let go on")
    assert second.endswith(", and was killed")
