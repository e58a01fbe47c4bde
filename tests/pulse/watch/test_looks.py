"""Looks at files of which one hangs, by a clock that the test moves."""

import threading
from pathlib import Path

import pytest

from pulse import StatusReader, write_training_status
from pulse.liveness import state
from pulse.reader import Polled
from pulse.watch.looks import LATE, Looks


class Hanging(StatusReader):
    """A reader whose reads come back only while ``answers`` is set."""

    def __init__(self, path: str, stalled_after: float = 60.0) -> None:
        super().__init__(path, interval=2.0, stalled_after=stalled_after)
        self.answers = threading.Event()
        self.answers.set()

    def poll(self) -> Polled:
        self.answers.wait()
        return super().poll()


@pytest.fixture
def now() -> list[float]:
    """The clock."""
    return [100.0]


@pytest.fixture
def reader(target: str) -> Hanging:
    write_training_status(target, "running", 1.0, 4.0)
    return Hanging(target)


def looks(reader: StatusReader, now: list[float], patience: float = 0.2) -> Looks:
    return Looks([reader], [("a.json", "a")], patience, lambda: now[0])


def test_a_file_that_answers_is_shown_as_it_is(reader: Hanging, now: list[float]) -> None:
    [row] = looks(reader, now, 60.0).look()
    assert (row.path, row.name, state(row.polled), row.polled.progress) == ("a.json", "a", "running", 25.0)


def test_one_that_never_answered_is_unreadable(reader: Hanging, now: list[float]) -> None:
    reader.answers.clear()
    watched = looks(reader, now)
    now[0] += 3.0
    [row] = watched.look()
    assert (row.name, state(row.polled), row.polled.unreadable_seconds) == ("a", "unreadable", 3.0)
    reader.answers.set()


def test_one_that_answers_no_longer_is_as_it_was_for_a_while_and_then_unreadable(
    reader: Hanging, now: list[float]
) -> None:
    watched = looks(reader, now)
    while state(watched.look()[0].polled) != "running":
        pass  # a busy machine
    reader.answers.clear()
    now[0] += 2.0 + LATE
    [row] = watched.look()
    assert state(row.polled) == "running"
    assert (row.polled.unchanged_seconds or 0.0) >= 2.0 + LATE  # its age goes on
    now[0] += 2.0
    [row] = watched.look()
    assert state(row.polled) == "unreadable"
    assert row.polled.detail == "not looked at for 9 s: its disk does not answer"
    assert row.polled.status is not None

    reader.answers.set()
    while state(watched.look()[0].polled) != "running":
        pass


def test_it_does_not_seem_to_run_for_longer_than_a_run_may_be_silent(target: str, now: list[float]) -> None:
    write_training_status(target, "running")
    reader = Hanging(target, stalled_after=1.0)
    watched = looks(reader, now)
    watched.look()
    reader.answers.clear()
    now[0] += 3.5
    assert state(watched.look()[0].polled) == "unreadable"
    reader.answers.set()


def test_the_curve_of_losses_goes_on(target: str, now: list[float]) -> None:
    watched = looks(StatusReader(target), now, 60.0)
    losses: list[tuple[float, ...]] = []
    for loss in (3.0, 2.0):
        write_training_status(target, "running", 1.0, 4.0, loss)
        losses.append(watched.look()[0].losses)
    assert losses == [(3.0,), (3.0, 2.0)]


def test_a_file_in_a_folder_that_is_gone_is_missing(tmp_path: Path, now: list[float]) -> None:
    [row] = looks(StatusReader(tmp_path / "none" / "a.json"), now, 60.0).look()
    assert row.polled.outcome.value == "missing"
