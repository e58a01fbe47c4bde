"""Processes that outlive their parent come to the kit, which ends them; its own children are left alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conformance.system.orphans import adopted, adopting, end_adopted

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has subreapers")

# In a process of its own: in this one, others may have children.
BEGIN = """
import os, pathlib, subprocess, sys, time
from conformance.subject.children import spawn
from conformance.system.orphans import adopted, adopting, end_adopted

FOLDER = pathlib.Path(sys.argv[1])

def started(script):
    return spawn(["sh", "-c", script], folder=FOLDER, children=FOLDER, environment=os.environ)

def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
"""
DAEMON = "setsid sh -c 'sleep 600 & exec sleep 600' >/dev/null 2>&1 </dev/null & echo $!"


def printed_by(code: str, folder: object) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code, str(folder)], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@linux_only
def test_a_daemon_and_what_it_has_started_are_ended(tmp_path: object) -> None:
    code = f"""
with adopting():
    child = started({DAEMON!r})
    daemon = int(child.stdout.readline())
    child.process.wait()
    until(lambda: adopted() == [daemon])
    until(lambda: pathlib.Path(f"/proc/{{daemon}}/task/{{daemon}}/children").read_text())
    found = end_adopted()
    print(len(found), all(each.ended and each.command for each in found), adopted())
    try:
        os.kill(daemon, 0)
    except ProcessLookupError:
        print("gone")
    child.kill()
"""
    assert printed_by(code, tmp_path) == ["2 True []", "gone"]


@linux_only
def test_a_stopped_one_is_ended_too(tmp_path: object) -> None:
    code = """
import signal
with adopting():
    child = started("setsid sleep 600 >/dev/null 2>&1 </dev/null & echo $!")
    daemon = int(child.stdout.readline())
    child.process.wait()
    until(lambda: adopted() == [daemon])
    os.kill(daemon, signal.SIGSTOP)
    print([(each.pid == daemon, each.ended) for each in end_adopted()])
    child.kill()
"""
    assert printed_by(code, tmp_path) == ["[(True, True)]"]


@linux_only
def test_one_that_ends_by_itself_in_time_was_not_left(tmp_path: object) -> None:
    code = """
with adopting():
    child = started("mkfifo gate; setsid sh -c 'read line < gate' >/dev/null 2>&1 </dev/null & echo $!")
    child.stdout.readline()
    child.process.wait()
    until(adopted)
    (FOLDER / "gate").open("w").write("go")
    print(end_adopted(60))
    child.kill()
"""
    assert printed_by(code, tmp_path) == ["()"]


@linux_only
def test_those_that_end_are_reaped_at_once(tmp_path: object) -> None:
    """A writer that asks whether the owner of a temp is alive must not meet a zombie."""
    code = """
with adopting():
    child = started("setsid true >/dev/null 2>&1 </dev/null & echo $!")
    daemon = int(child.stdout.readline())
    child.process.wait()
    until(lambda: not os.path.exists(f"/proc/{daemon}"))
    child.kill()
print("reaped")
"""
    assert printed_by(code, tmp_path) == ["reaped"]


@linux_only
def test_one_that_ends_while_others_are_reaped_is_reaped_too(tmp_path: object) -> None:
    """The signal comes in the middle of its own handler."""
    code = """
import signal
from conformance.system import orphans
calls, real = [], orphans._adopted

def reaping():
    calls.append(1)
    if len(calls) == 1:
        signal.raise_signal(signal.SIGCHLD)
    return real()

with adopting():
    orphans._adopted = reaping
    signal.raise_signal(signal.SIGCHLD)
print(len(calls))
"""
    assert printed_by(code, tmp_path) == ["2"]


@linux_only
def test_the_children_of_the_kit_are_its_own(tmp_path: object) -> None:
    code = """
early = subprocess.Popen(["setsid", "sleep", "600"])
with adopting():
    child, helper = started("exit 3"), subprocess.Popen(["sh", "-c", "exit 4"])
    running = started("sleep 600")
    until(lambda: os.path.exists(f"/proc/{child.process.pid}/stat")
          and pathlib.Path(f"/proc/{child.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z")
    print(adopted(), end_adopted())
    print(child.process.wait(), helper.wait(), running.alive(), early.poll())
    child.kill()
    running.kill()
early.kill()
early.wait()
"""
    assert printed_by(code, tmp_path) == ["[] ()", "3 4 True None"]


@linux_only
def test_afterwards_everything_is_as_before(tmp_path: object) -> None:
    code = """
import signal
before = signal.getsignal(signal.SIGCHLD)
with adopting():
    with adopting():
        assert signal.getsignal(signal.SIGCHLD) != before
    assert signal.getsignal(signal.SIGCHLD) != before
print(signal.getsignal(signal.SIGCHLD) == before)
"""
    assert printed_by(code, tmp_path) == ["True"]


@pytest.mark.skipif(sys.platform.startswith("linux"), reason="of systems without subreapers")
def test_elsewhere_none_are_known() -> None:
    with adopting():
        assert (adopted(), end_adopted(60)) == ([], ())
