"""A reader implementation: its answers are judged, and its deaths are distinguished from kills."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance.contract.errors import ImplementationError
from conformance.contract.manifest import Manifest
from conformance.oracle.payload import make_status
from conformance.subject.launch import LaunchOptions
from conformance.subject.protocol import Answer
from stress.clients.plans import ReaderPlan
from stress.clients.reader_client import AskingReader
from stress.record.reports import READ_COLUMNS, Seen
from stress.record.shared_counters import Counters
from tests.stress.samples import by_column

if TYPE_CHECKING:
    from tests.stress.conftest import Script


@pytest.fixture
def reader(
    script: Script, manifest: Manifest, launch_options: LaunchOptions, tmp_path: Path, counters: Counters
) -> Callable[..., AskingReader]:
    """Makes a reader of one target with a pipeline of one."""

    def make(names: tuple[str, ...] = ("status.json",), pipeline: int = 1) -> AskingReader:
        plan = ReaderPlan(tmp_path, names, "control.json", 0.0, manifest, launch_options, pipeline)
        return AskingReader(plan, counters)

    return make


def holding(*statuses: Any) -> Callable[[str, Any], Answer]:
    """An implementation that returns these, one after the other, and raises those that are errors."""
    left = iter(statuses)

    def respond(operation: str, fields: Any) -> Answer:
        status = next(left)
        if isinstance(status, ImplementationError):
            raise status
        return status if isinstance(status, Answer) else Answer(True, None, "", {"status": status})

    return respond


def rows_of(seen: Seen) -> list[dict[str, int]]:
    return by_column(seen.rows, READ_COLUMNS)


def test_reads_of_one_document_are_one_row(reader: Callable[..., AskingReader], script: Script) -> None:
    one, two = make_status(1, 1, 300), make_status(1, 2, 300)
    script.respond = holding(one, one, one, two)
    asking = reader()
    asking.read(4)
    seen = asking.take()
    assert (seen.reads, seen.changes, seen.counts) == (4, 2, {})
    first, second = rows_of(seen)
    assert [(row["writer"], row["sequence"]) for row in (first, second)] == [(1, 1), (1, 2)]
    assert first["first_end"] <= first["last_begin"] <= first["last_end"] <= second["first_end"]


def test_each_target_is_read_in_turn(reader: Callable[..., AskingReader], script: Script, tmp_path: Path) -> None:
    script.respond = holding(*[make_status(1, 1), make_status(2, 1)] * 2)
    asking = reader(("a.json", "b.json"))
    asking.read(2)
    seen = asking.take()
    assert [fields["path"] for _, fields in script.said] == [str(tmp_path / name) for name in ("a.json", "b.json")] * 2
    assert [(row["target"], row["writer"]) for row in rows_of(seen)] == [(0, 1), (1, 2)]
    assert seen.changes == 2


def test_requests_go_ahead_and_taking_waits_for_all_answers(
    reader: Callable[..., AskingReader], script: Script
) -> None:
    script.respond = holding(*[make_status(1, 1)] * 3)
    asking = reader(pipeline=3)
    asking.read(3)
    assert script.story == ["start", "send", "send", "send", "receive"]
    assert asking.take().reads == 3
    assert asking.take() == Seen()


def test_oneshot_is_asked_without_a_pipeline(reader: Callable[..., AskingReader], script: Script) -> None:
    script.serve = False
    script.respond = holding(make_status(1, 1), make_status(1, 1))
    asking = reader(pipeline=3)
    asking.read(2)
    assert script.story == ["start", "request", "request"]
    assert asking.take().reads == 2


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (None, "the reader answered null"),
        (Answer(True, None, "", {}), "the reader answered null"),
        (Answer(False, "io", "cannot read", {}), "the reader answered io: cannot read"),
        ({**make_status(1, 1), "epoch": 5.5}, "mixed"),
        ({**make_status(1, 1), "message": "training"}, "altered"),
        (["w1", "s1"], "altered"),
    ],
)
def test_a_reader_that_does_not_return_a_whole_document_misread(
    reader: Callable[..., AskingReader], script: Script, answer: Any, says: str
) -> None:
    script.respond = holding(answer)
    asking = reader()
    asking.read(1)
    seen = asking.take()
    assert seen.counts == {"misread": 1}
    assert says in seen.violations[0].text
    assert rows_of(seen) == []


def test_a_death_without_a_kill_is_its_own(reader: Callable[..., AskingReader], script: Script) -> None:
    script.respond = holding(ImplementationError("ended with exit code 3", "the reason why"), make_status(1, 1))
    asking = reader()
    asking.read(2)
    seen = asking.take()
    assert seen.counts == {"misread": 1}
    assert "the reader ended with exit code 3" in seen.violations[0].text
    assert seen.violations[0].evidence["stderr"] == "the reason why"
    assert seen.reads == 1
    assert script.story == ["start", "send", "receive", "kill", "start", "send", "receive"]


def test_a_death_that_was_announced_is_no_violation_and_what_was_asked_is_forgotten(
    reader: Callable[..., AskingReader], script: Script, counters: Counters
) -> None:
    script.respond = holding(ImplementationError("ended with exit code -9", ""), make_status(1, 1))
    asking = reader(pipeline=2)
    counters.add("kills", 1)
    asking.read(3)
    seen = asking.take()
    assert (seen.counts, seen.reads) == ({}, 1)


def test_a_kill_excuses_one_death_only(reader: Callable[..., AskingReader], script: Script, counters: Counters) -> None:
    script.respond = holding(ImplementationError("died", ""), ImplementationError("died", ""))
    asking = reader()
    counters.add("kills", 1)
    asking.read(2)
    assert asking.take().counts == {"misread": 1}


def test_a_kill_while_it_starts_again_is_a_kill_as_any_other(
    reader: Callable[..., AskingReader], script: Script, counters: Counters
) -> None:
    starts = iter(range(1, 100))

    def begin() -> None:
        if next(starts) in (2, 3):
            counters.add("kills", 1)
            raise ImplementationError("ended with exit code -9 instead of answering", "")

    script.begin = begin
    script.respond = holding(ImplementationError("died", ""), make_status(1, 1), ImplementationError("died", ""))
    asking = reader()
    counters.add("kills", 1)
    asking.read(2)
    seen = asking.take()
    assert (seen.counts, seen.reads) == ({}, 1)
    asking.read(1)
    assert asking.take().counts == {"misread": 1}  # no kill is left to excuse it


def test_one_that_cannot_start_is_an_error(reader: Callable[..., AskingReader], script: Script) -> None:
    def begin() -> None:
        raise ImplementationError("cannot be started", "")

    script.begin = begin
    with pytest.raises(ImplementationError, match="cannot be started"):
        reader()


def test_stopping_waits_for_the_answers(reader: Callable[..., AskingReader], script: Script) -> None:
    script.respond = holding(make_status(1, 1))
    asking = reader(pipeline=2)
    asking.read(1)
    asking.stop()
    assert script.story == ["start", "send", "receive", "stop"]
