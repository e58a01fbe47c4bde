"""Questions of which some are never answered; those that hang do so until the test ends."""

import threading
from collections.abc import Callable, Iterator

import pytest

from pulse.watch.asking import Asking

Question = Callable[[], str]


@pytest.fixture
def hangs() -> Iterator[Question]:
    """A question that is answered after the test."""
    ends = threading.Event()

    def ask() -> str:
        ends.wait()
        return "late"

    yield ask
    ends.set()


def until(asking: Asking[str, str], questions: dict[str, Question], wanted: set[str]) -> dict[str, str]:
    """The answers of as many calls as a busy machine needs for these; the test's time-out ends the wait."""
    answers: dict[str, str] = {}
    while not wanted <= answers.keys():
        answers |= asking.ask(questions)
    return answers


def test_every_question_is_answered() -> None:
    asking: Asking[str, str] = Asking(60.0)
    for _ in range(2):
        assert asking.ask({"a": lambda: "one", "b": lambda: "two"}) == {"a": "one", "b": "two"}


def test_no_question_is_no_wait() -> None:
    assert Asking[str, str](3600.0).ask({}) == {}


def test_one_that_hangs_does_not_hold_up_the_others(hangs: Question) -> None:
    asking: Asking[str, str] = Asking(0.5)
    questions: dict[str, Question] = {"a": hangs, "b": lambda: "two", "c": hangs, "d": lambda: "four"}
    assert until(asking, questions, {"b", "d"}) == {"b": "two", "d": "four"}


def test_many_that_hang_do_not_hold_up_the_last(hangs: Question) -> None:
    asking: Asking[str, str] = Asking(1.0)
    questions: dict[str, Question] = {**{str(number): hangs for number in range(40)}, "last": lambda: "answer"}
    assert until(asking, questions, {"last"}) == {"last": "answer"}


def test_one_that_hangs_is_not_asked_again_and_its_answer_is_kept() -> None:
    asked: list[None] = []
    ends, ended = threading.Event(), threading.Event()

    def ask() -> str:
        asked.append(None)
        ends.wait()
        ended.set()
        return "late"

    asking: Asking[str, str] = Asking(0.2)
    for _ in range(3):
        assert asking.ask({"a": ask}) == {}
    assert len(asked) == 1
    ends.set()
    assert ended.wait(60)
    answers: dict[str, str] = {}
    while not answers:
        answers = asking.ask({})
    assert answers == {"a": "late"}


def test_a_system_without_another_thread_leaves_it_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    asking: Asking[str, str] = Asking(0.1)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        assert asking.ask({"a": lambda: "one"}) == {}
    assert until(asking, {"a": lambda: "one"}, {"a"}) == {"a": "one"}
