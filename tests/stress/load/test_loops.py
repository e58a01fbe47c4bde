"""What the processes of a run do on each command: here in this process, with one command after another."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from conformance.contract.errors import ImplementationError
from conformance.contract.manifest import Manifest
from conformance.oracle.payload import encode, identify_values, make_status
from conformance.subject.launch import LaunchOptions
from conformance.subject.protocol import Answer
from stress.clients.plans import ReaderPlan, WriterPlan
from stress.load.loops import Failed, control_process, reader_process, writer_process
from stress.record.reports import Seen, Written
from stress.record.shared_counters import OF_READERS, new_counters
from stress.record.violations import verify

if TYPE_CHECKING:
    from tests.stress.conftest import Script


@dataclass
class Parent:
    """The other end of the pipe, and the counters that it shares: sends each command once ``work`` has been done.

    After the last command the parent is gone.
    """

    commands: list[tuple[str, int]]  # a command, and how many reads or writes come before it
    polled: list[float] = field(default_factory=list)
    heard: list[Any] = field(default_factory=list)
    counters: Any = field(default_factory=lambda: new_counters(multiprocessing.get_context("spawn"), 1))
    handled: int = 0

    def send(self, message: Any) -> None:
        self.heard.append(message)

    def recv(self) -> str:
        if self.handled == len(self.commands):
            raise EOFError
        self.handled += 1
        return self.commands[self.handled - 1][0]

    def poll(self, seconds: float = 0.0) -> bool:
        self.polled.append(seconds)
        return False

    def get(self, name: str) -> int:
        if name != "commands":
            return int(self.counters.get(name))
        done = self.counters.get("reads") + self.counters.get("writes")
        is_due = self.handled == len(self.commands) or done >= self.commands[self.handled][1]
        return self.handled + is_due

    def add(self, name: str, count: int) -> None:
        self.counters.add(name, count)

    def set(self, name: str, value: int) -> None:
        self.counters.set(name, value)

    def run(self, process: Callable[..., None], plan: Any) -> list[Any]:
        """What the process says until it ends."""
        process(self, self, plan)
        return self.heard


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """A process of a run has its own folder and its own signal handlers."""
    folder = Path.cwd()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    os.chdir(folder)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the targets, with a document and a control that is torn."""
    path = tmp_path / "targets"
    path.mkdir()
    (path / "status.json").write_text(encode(make_status(1, 1, 300)), encoding="utf-8")
    (path / "control.json").write_text("{", encoding="utf-8")
    return path


@pytest.fixture
def reader_plan(folder: Path, launch_options: LaunchOptions, manifest: Manifest) -> Callable[..., ReaderPlan]:
    """A reader of the kit, or of the implementation when it is ``judged``."""

    def plan(*, pause: float = 0.0, judged: bool = False) -> ReaderPlan:
        return ReaderPlan(
            folder, ("status.json",), "control.json", pause, manifest if judged else None, launch_options, 1
        )

    return plan


@pytest.fixture
def writer_plan(folder: Path, launch_options: LaunchOptions, manifest: Manifest) -> Callable[..., WriterPlan]:
    """A writer of two targets with a pipeline of three."""

    def plan(*, rate: float = 0.0) -> WriterPlan:
        return WriterPlan(4, folder, ("status.json", "status1.json"), (256,), rate, manifest, launch_options, 3, 1)

    return plan


def outcomes(written: Written) -> list[int]:
    return list(written.rows[5::6])


# Readers


def test_a_reader_reads_the_control_and_then_the_targets(reader_plan: Callable[..., ReaderPlan]) -> None:
    parent = Parent([("control", 0), ("report", 20), ("watch", 40), ("report", 80), ("stop", 120)])
    ready, control, watching, seen, stopped = parent.run(reader_process, reader_plan())
    assert (ready, watching, stopped) == ("ready", "watching", "stopped")
    assert isinstance(control, Seen)
    assert isinstance(seen, Seen)
    assert control.counts == {"torn": control.reads}
    assert control.reads >= 20
    assert seen.counts == {}
    assert list(seen.rows[1:3]) == [1, 1]


def test_a_readers_counters_are_what_it_reports(reader_plan: Callable[..., ReaderPlan]) -> None:
    parent = Parent([("control", 0), ("report", 20), ("report", 40), ("stop", 40)])
    _, first, second, _ = parent.run(reader_process, reader_plan())
    assert parent.counters.get("reads") == first.reads + second.reads
    torn = first.counts["torn"] + second.counts["torn"]
    assert [parent.counters.get(name) for name in ("wrong", *OF_READERS)] == [torn, torn, 0, 0, 0]
    assert parent.counters.get("changes") == first.changes + second.changes


def test_a_reader_with_pauses_reads_once_between_them(reader_plan: Callable[..., ReaderPlan]) -> None:
    parent = Parent([("watch", 0), ("report", 6), ("stop", 6)])
    _, _, seen, _ = parent.run(reader_process, reader_plan(pause=0.75))
    assert parent.polled.count(0.75) == len(seen.latencies)
    assert len(seen.latencies) >= 3


def test_a_reader_implementation_is_asked_and_stopped(reader_plan: Callable[..., ReaderPlan], script: Script) -> None:
    script.respond = lambda operation, fields: Answer(True, None, "", {"status": make_status(1, 1, 300)})
    parent = Parent([("watch", 0), ("report", 5), ("stop", 5)])
    _, _, seen, stopped = parent.run(reader_process, reader_plan(judged=True))
    assert stopped == "stopped"
    assert seen.counts == {}
    assert script.story[0] == "start"
    assert script.story[-1] == "stop"
    assert {operation for operation, _ in script.said} == {"read"}


# Writers


def test_a_writer_writes_until_it_is_paused_and_then_waits_for_every_answer(
    writer_plan: Callable[..., WriterPlan], script: Script
) -> None:
    parent = Parent([("write", 0), ("pause", 10), ("write", 10), ("pause", 20), ("stop", 20)])
    ready, first, second, last = parent.run(writer_process, writer_plan())
    assert ready == "ready"
    assert [len(outcomes(written)) for written in (first, second, last)] == [10, 10, 0]
    assert outcomes(first) + outcomes(second) == [1] * 20
    assert parent.counters.get("writes") == 20
    assert script.story[-1] == "stop"


def test_on_the_command_all_a_writer_writes_each_target_once(
    writer_plan: Callable[..., WriterPlan], script: Script
) -> None:
    _, first, _ = Parent([("all", 0), ("stop", 0)]).run(writer_process, writer_plan())
    assert outcomes(first) == [1, 1]
    assert len({fields["path"] for _, fields in script.said}) == 2
    assert {identify_values(fields["status"])[0] for _, fields in script.said} == {4}


def test_refused_writes_are_counted_once(writer_plan: Callable[..., WriterPlan], script: Script) -> None:
    script.respond = lambda operation, fields: Answer(False, "io", "[Errno 28] no space", {})
    parent = Parent([("write", 0), ("pause", 8), ("write", 8), ("pause", 12), ("all", 12), ("stop", 12)])
    _, *reports = parent.run(writer_process, writer_plan())
    assert [sum(written.errors.values()) for written in reports] == [8, 4, 2, 0]
    assert parent.counters.get("refused") == 14


def test_a_paced_writer_waits_for_its_time_and_keeps_no_answer_waiting(
    writer_plan: Callable[..., WriterPlan], script: Script
) -> None:
    parent = Parent([("write", 0), ("pause", 5), ("stop", 5)])
    parent.run(writer_process, writer_plan(rate=0.01))
    # Here the time does not pass: each wait is 100 s more than the one before it.
    waits = [seconds for seconds in parent.polled if seconds > 1.0]
    assert len(waits) == 5
    assert all(100 * (number - 1) < wait <= 100 * number for number, wait in enumerate(waits, start=1))
    assert script.story[1:11] == ["send", "receive"] * 5


# How they end


@pytest.mark.parametrize("process", [reader_process, writer_process])
def test_without_a_parent_they_end_without_a_word(
    process: Callable[..., None],
    writer_plan: Callable[..., WriterPlan],
    reader_plan: Callable[..., ReaderPlan],
    script: Script,
) -> None:
    plan = writer_plan() if process is writer_process else reader_plan()
    assert Parent([]).run(process, plan) == ["ready"]


@pytest.mark.parametrize("process", [reader_process, writer_process])
def test_on_windows_they_end_in_the_middle_of_their_work_when_the_parent_is_gone(
    process: Callable[..., None],
    writer_plan: Callable[..., WriterPlan],
    reader_plan: Callable[..., ReaderPlan],
    script: Script,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There its id stays what it was, and an unread pipe does not break."""
    looks = iter([True] * 5)
    monkeypatch.setattr(
        "stress.load.loops.multiprocessing.parent_process",
        lambda: SimpleNamespace(is_alive=lambda: next(looks, False)),
    )
    monkeypatch.setattr("stress.load.loops.sys.platform", "win32")
    plan = writer_plan() if process is writer_process else reader_plan()
    first = "write" if process is writer_process else "watch"
    assert Parent([(first, 0), ("never due", 10**9)]).run(process, plan)[0] == "ready"
    assert next(looks, None) is None


def test_an_implementation_that_fails_is_blamed_with_what_it_printed(
    writer_plan: Callable[..., WriterPlan], script: Script
) -> None:
    def begin() -> None:
        raise ImplementationError("cannot be started", "no such module")

    script.begin = begin
    assert Parent([]).run(writer_process, writer_plan()) == [
        Failed("implementation", "cannot be started", "no such module")
    ]


def test_a_failure_of_the_kit_is_reported_with_where_it_was(
    writer_plan: Callable[..., WriterPlan], script: Script
) -> None:
    def respond(operation: str, fields: Any) -> Answer:
        raise ZeroDivisionError("the kit's own trouble")

    script.respond = respond
    ready, failed = Parent([("all", 0)]).run(writer_process, writer_plan())
    assert ready == "ready"
    assert failed.blame == "kit"
    assert "ZeroDivisionError: the kit's own trouble" in failed.text
    assert "test_loops" in failed.text


def test_control_c_is_the_parents_business(reader_plan: Callable[..., ReaderPlan]) -> None:
    Parent([("stop", 0)]).run(reader_process, reader_plan())
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


# The positive control


def test_the_control_writes_in_place_in_pieces_and_removes_its_file(folder: Path) -> None:
    target = folder / "control.json"
    target.unlink()

    @dataclass
    class Watching(Parent):
        """Looks at the target whenever nothing is being written."""

        files: set[int] = field(default_factory=set)
        documents: set[bytes] = field(default_factory=set)

        def poll(self, seconds: float = 0.0) -> bool:
            self.files.add(target.stat().st_ino)
            self.documents.add(target.read_bytes())
            return len(self.polled) == 10 or super().poll(seconds)

    parent = Watching([("stop", 0)])
    control_process(parent, folder, target.name, (256, 4096))  # type: ignore[arg-type]  # it needs no more of a pipe
    assert parent.heard == ["ready", 10]
    assert len(parent.files) == 1
    assert len(parent.documents) == 4
    assert {len(document) for document in parent.documents} == {256, 4096}
    assert {verify(document)[0] for document in parent.documents} == {0}
    assert not target.exists()
