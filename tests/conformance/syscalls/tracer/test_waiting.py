"""Threads that wait for as long as it takes, and threads that go on by themselves."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from conformance.syscalls.tracer.waiting import goes_on, others, still, ticking

NAMES = {0: "read", 1: "write", 7: "poll", 35: "nanosleep", 202: "futex", 281: "epoll_pwait"}
NEVER, IN_TIME = "0xffffffffffffffff", "0x32"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("running", True),
        ("-1 0x7f00 0x7f01", True),
        ("0 0x0 0x7f00 0x400 0x0 0x0 0x0 0x7f00 0x7f01", False),
        ("1 0x1 0x7f00 0x400 0x0 0x0 0x0 0x7f00 0x7f01", True),
        ("35 0x7f00 0x0 0x0 0x0 0x0 0x0 0x7f00 0x7f01", True),
        ("202 0x7f00 0x189 0x0 0x0 0x0 0x0 0x7f00 0x7f01", False),
        ("202 0x7f00 0x189 0x0 0x7f08 0x0 0x0 0x7f00 0x7f01", True),
        (f"7 0x7f00 0x1 {NEVER} 0x0 0x0 0x0 0x7f00 0x7f01", False),
        (f"7 0x7f00 0x1 {IN_TIME} 0x0 0x0 0x0 0x7f00 0x7f01", True),
        (f"281 0x3 0x7f00 0x1 {NEVER} 0x0 0x0 0x7f00 0x7f01", False),
        (f"281 0x3 0x7f00 0x1 {IN_TIME} 0x0 0x0 0x7f00 0x7f01", True),
        ("9999 0x0 0x0 0x0 0x0 0x0 0x0 0x7f00 0x7f01", True),
    ],
)
def test_a_call_without_a_time_limit_waits(state: str, expected: bool) -> None:
    assert goes_on(state, NAMES) is expected


def test_without_threads_there_is_none() -> None:
    assert others([]) == "none"


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_thread_that_is_gone_or_hidden_may_go_on() -> None:
    assert others([2**22 + 1]) == "go on"


@pytest.mark.skipif(
    sys.platform != "linux" or not os.path.exists("/proc/self/syscall"), reason="needs /proc/PID/syscall"
)
def test_a_reader_of_an_empty_pipe_waits() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        deadline = time.monotonic() + 60
        found = others([child.pid])
        while found != "wait" and time.monotonic() < deadline:
            found = others([child.pid])
        child.communicate(b"")
    if found == "go on":
        pytest.skip("this process may not see what another one waits for")
    assert found == "wait"


@pytest.mark.skipif(
    sys.platform != "linux" or not os.path.exists("/proc/self/syscall"), reason="needs /proc/PID/syscall"
)
@pytest.mark.parametrize(
    ("program", "expected"),
    [("time.sleep(600)", True), ("threading.Event().wait(600)", True), ("sys.stdin.read()", False)],
    ids=["sleeps", "waits with a time limit", "waits for as long as it takes"],
)
def test_a_thread_that_sleeps_with_a_limit_beforehand_ticks(program: str, expected: bool) -> None:
    """As a thread of a runtime does; what goes on by itself later, and not before, carries out the request."""
    command = [sys.executable, "-c", f"import sys, threading, time; print(flush=True); {program}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        deadline = time.monotonic() + 60
        usual = "go on" if expected else "wait"
        while (others([child.pid]) != usual or not _asleep(child.pid)) and time.monotonic() < deadline:
            pass
        found = ticking([child.pid])
        without, given = others([child.pid]), others([child.pid], found)
        child.kill()
    if without == "go on" and not expected:
        pytest.skip("this process may not see what another one waits for")
    assert (found, given) == ((frozenset({child.pid}), "tick") if expected else (frozenset(), "wait"))


def _asleep(process: int) -> bool:
    with open(f"/proc/{process}/stat", encoding="utf-8") as file:
        return file.read().split()[2] == "S"


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_thread_that_waits_or_is_gone_is_still() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        still([child.pid, 2**22 + 1])
        with open(f"/proc/{child.pid}/stat", encoding="utf-8") as file:
            assert file.read().split()[2] == "S"
        child.communicate(b"")
