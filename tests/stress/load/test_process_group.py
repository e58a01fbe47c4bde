"""The processes of a run: commands and answers, failures by whose fault they are, and none of them left at the end."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from conformance.contract.errors import ImplementationError
from conformance.contract.manifest import Manifest
from conformance.oracle.payload import encode, make_status
from conformance.subject.launch import LaunchOptions
from stress.clients.plans import ReaderPlan
from stress.load.process_group import Member, ProcessGroup, ProcessLost, new_pipe_process
from stress.record.reports import Seen
from stress.record.shared_counters import new_counters

SECONDS = 60.0  # for which an answer is waited for; none of them takes long
# Processes of these tests import their work from a folder that is on the path.
WORK = """
import subprocess
import sys

from stress.load.loops import Failed


def obey(connection, counters):
    counters.add("reads", 1)
    connection.send("ready")
    while True:
        command = connection.recv()
        if command == "fail":
            connection.send(Failed("kit", "ZeroDivisionError"))
        elif command == "blame":
            connection.send(Failed("implementation", "ended with exit code 7", "the reason why"))
        elif command == "leave":
            return
        elif command == "start":
            child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
            connection.send(child.pid)
        elif command != "say nothing":
            connection.send(f"did {command}")
"""


@pytest.fixture
def member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Member]:
    """A process that follows commands, and has reported that it is ready."""
    (tmp_path / "work_of_a_member.py").write_text(WORK, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import work_of_a_member  # type: ignore[import-not-found]  # written above

    counters = new_counters(multiprocessing.get_context("spawn"), 1)
    one = Member("reader 1", counters, work_of_a_member.obey, counters)
    try:
        assert one.answer(SECONDS) == "ready"
        yield one
    finally:
        one.end()


def test_commands_are_answered_in_their_order_and_counted(member: Member) -> None:
    for command in ("one", "two", "three"):
        member.send(command)
    assert [member.answer(SECONDS) for _ in range(3)] == ["did one", "did two", "did three"]
    assert member.counters.get("commands") == 3
    assert member.counters.get("reads") == 1
    assert not member.failed()


def test_a_failure_of_the_kit_differs_from_one_of_an_implementation(member: Member) -> None:
    member.send("fail")
    with pytest.raises(RuntimeError, match=r"reader 1 failed:\nZeroDivisionError"):
        member.answer(SECONDS)
    member.send("blame")
    with pytest.raises(ImplementationError, match="reader 1: ended with exit code 7") as caught:
        member.answer(SECONDS)
    assert caught.value.stderr == "the reason why"


def test_an_unrequested_failure_is_noticed(
    member: Member, eventually: Callable[[Callable[[], object], str], None]
) -> None:
    member.send("fail")
    eventually(member.failed, "it has something to say")


def test_one_that_gives_no_answer_is_named(member: Member) -> None:
    member.send("say nothing")
    with pytest.raises(RuntimeError, match=r"reader 1 gave no answer within 0\.01 s"):
        member.answer(0.01)


@pytest.mark.parametrize("how", ["killed", "ended by itself"])
def test_one_that_is_gone_is_noticed_and_named_and_hears_nothing(member: Member, how: str) -> None:
    if how == "killed":
        member.process.kill()
    else:
        member.send("leave")
    member.process.join(SECONDS)
    assert member.failed()
    member.send("one")
    with pytest.raises(ProcessLost, match="reader 1 ended without an answer"):
        member.answer(SECONDS)


def test_one_that_was_killed_begins_again_with_a_command(
    member: Member, eventually: Callable[[Callable[[], object], str], None]
) -> None:
    """What it says of being ready, and of the command, is taken when it comes, and is no failure."""
    member.send("one")
    killed = member.process.pid
    member.process.kill()
    member.restart("watch")
    assert member.process.pid != killed
    assert member.counters.get("commands") == 1
    member.send("two")
    assert member.answer(SECONDS) == "did two"
    assert not member.failed()
    assert member.counters.get("reads") == 2


def test_what_is_said_of_a_new_beginning_is_no_failure(
    member: Member, eventually: Callable[[Callable[[], object], str], None]
) -> None:
    member.process.kill()
    member.restart("watch")
    eventually(lambda: not member.failed() and not member._expected, "both acknowledgements are taken")
    assert not member.failed()


def test_its_implementation_is_what_it_has_started_and_ends_with_it(
    member: Member, gone: Callable[[int], bool], eventually: Callable[[Callable[[], object], str], None]
) -> None:
    assert member.implementations() == []
    member.send("start")
    pid = member.answer(SECONDS)
    assert [process.pid for process in member.implementations()] == [pid]
    member.end()
    eventually(lambda: gone(pid), "it has ended")
    assert not member.process.is_alive()
    assert member.implementations() == []


def test_a_process_that_is_no_member_has_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work_of_no_member.py").write_text("def work(connection, one):\n    connection.send(one + 1)\n")
    monkeypatch.syspath_prepend(tmp_path)
    import work_of_no_member  # type: ignore[import-not-found]  # written above

    process, pipe = new_pipe_process(work_of_no_member.work, 41)
    with pipe:
        assert pipe.recv() == 42
    process.join(SECONDS)
    assert process.exitcode == 0


@pytest.fixture
def plan(tmp_path: Path, launch_options: LaunchOptions) -> ReaderPlan:
    """A reader of the kit, and a document to read."""
    (tmp_path / "status.json").write_text(encode(make_status(1, 1)), encoding="utf-8")
    return ReaderPlan(tmp_path, ("status.json",), "control.json", 0.0, None, launch_options, 1)


def test_no_command_is_lost_however_quickly_they_come(plan: ReaderPlan) -> None:
    """A process looks at the counter only, until there is a command that it does not know yet."""
    with ProcessGroup((), (plan,), SECONDS) as group:
        [reader] = group.readers
        reader.send("watch")
        assert group.answer(reader) == "watching"
        reports = 0
        for burst in (1, 2, 5) * 20:
            for _ in range(burst):
                reader.send("report")
            answers = [group.answer(reader) for _ in range(burst)]
            assert all(isinstance(answer, Seen) for answer in answers)
            assert all(answer.counts == {} for answer in answers)
            reports += burst
        reader.send("stop")
        assert group.answer(reader) == "stopped"
        assert group.counters.total("commands") == reports + 2
        pid = reader.process.pid
    assert not psutil.pid_exists(pid or 0)
    assert multiprocessing.active_children() == []


def test_when_one_of_a_group_cannot_start_none_is_left(plan: ReaderPlan, manifest: Manifest) -> None:
    absent = replace(plan, folder=plan.folder / "absent")
    with (
        pytest.raises(RuntimeError, match=r"(?s)reader 2 failed:.*FileNotFoundError"),
        ProcessGroup((), (plan, absent), SECONDS),
    ):
        raise AssertionError("it cannot begin")
    assert multiprocessing.active_children() == []
