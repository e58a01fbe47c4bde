"""Calls that hang, and the others, which are not held up."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pulse import _patience
from pulse._patience import Patience
from tests.pulse.hanging import until

PATIENCE = 120.0
"""Seconds: no call of a test takes so long, however busy the machine."""


class Disk:
    """Answers with the length of a name; some names hang until they are let go."""

    def __init__(self) -> None:
        self.hung: dict[str, threading.Event] = {}
        self.asked: list[str] = []

    def look(self, name: str) -> int:
        """Ask for one name."""
        self.asked.append(name)
        if name in self.hung:
            self.hung[name].wait()
        return len(name)


@pytest.fixture
def disk() -> Iterator[Disk]:
    """A disk that hangs no longer once the test has ended."""
    made = Disk()
    yield made
    for event in made.hung.values():
        event.set()


def test_each_key_is_asked_once_however_often_it_is_given(disk: Disk) -> None:
    assert Patience(disk.look, PATIENCE).ask(["a", "bb", "a"]) == {"a": 1, "bb": 2}
    assert disk.asked == ["a", "bb"]


def test_without_keys_nothing_is_asked(disk: Disk) -> None:
    assert Patience(disk.look, PATIENCE).ask([]) == {}


def test_the_others_are_answered_beside_many_that_hang(disk: Disk) -> None:
    disk.hung = {str(number): threading.Event() for number in range(20)}
    patience = Patience(disk.look, 0.01)
    until(lambda: patience.ask([*disk.hung, "last"]) == {"last": 4})


def test_a_key_that_hangs_is_not_asked_a_second_time_meanwhile(disk: Disk) -> None:
    disk.hung = {"a": threading.Event()}
    patience = Patience(disk.look, 0.01)
    for _ in range(5):
        assert patience.ask(["a"]) == {}
    assert disk.asked == ["a"]


def test_an_answer_that_comes_late_is_that_of_the_next_time(disk: Disk) -> None:
    disk.hung = {"a": threading.Event()}
    patience = Patience(disk.look, 0.01)
    assert patience.ask(["a"]) == {}
    disk.hung["a"].set()
    until(lambda: patience.ask(["a"]) == {"a": 1})
    assert disk.asked == ["a"]


def test_an_answer_that_no_one_wants_any_more_is_dropped(disk: Disk) -> None:
    disk.hung = {"a": threading.Event()}
    patience = Patience(disk.look, 0.01)
    assert patience.ask(["a"]) == {}
    disk.hung["a"].set()
    until(lambda: patience.ask(["b"]) == {"b": 1} and not patience.hung)
    until(lambda: patience.ask(["a"]) == {"a": 1})
    assert disk.asked.count("a") == 2


def test_there_is_an_end_to_threads_and_those_that_answered_go_on(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_patience, "MOST_THREADS", 4)
    patience = Patience(disk.look, 0.01)
    until(lambda: patience.ask(["good"]) == {"good": 4})
    disk.hung = {str(number): threading.Event() for number in range(9)}
    everything: list[Any] = [*disk.hung, "good"]
    for _ in range(5):
        until(lambda: patience.ask(everything) == {"good": 4})
    assert len(disk.hung.keys() & set(disk.asked)) <= 4


def test_a_system_without_another_thread_leaves_it_open(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    patience = Patience(disk.look, 0.01)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        assert patience.ask(["a"]) == {}
    until(lambda: patience.ask(["a"]) == {"a": 1})
