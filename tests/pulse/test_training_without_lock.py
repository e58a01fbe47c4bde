"""Updates that take no lock, because a write is already on its way: none is lost, and none comes after the end."""

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from pulse import Pulse, training
from tests.pulse.training_support import Clock, status_of, turn


class Refusing:
    """A lock that no one may take."""

    def __enter__(self) -> None:
        raise AssertionError("the update took the lock")

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def asked(run: Pulse) -> Pulse:
    """A run that waits for the moment of its next write."""
    run.start()
    run.update(0.5, 0.5)
    return run


def written(run: Pulse, clock: Clock) -> tuple[float, float, str]:
    """Epoch, loss and message, once the next write was due."""
    clock.now += 1.0
    turn(run)
    status = status_of(run.path)
    return status["epoch"], status["loss"], status["message"]


@pytest.mark.parametrize("epoch", [2, 2.0])
def test_the_newest_is_written(asked: Pulse, clock: Clock, epoch: float) -> None:
    real, asked._lock = asked._lock, Refusing()  # type: ignore[assignment]  # as much of a lock as is used
    asked.update(1.5, 0.25)
    asked.update(epoch, loss=0.125)
    asked._lock = real
    assert written(asked, clock) == (2.0, 0.125, "")
    asked.close()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"message": "hello"}, (1.5, 0.25, "hello")),
        ({"epoch": 2.0}, (2.0, 0.25, "")),
        ({"loss": 0.125}, (1.5, 0.125, "")),
        ({"epoch": 2.0, "loss": float("nan")}, (2.0, 0.25, "loss is nan")),
        ({"epoch": -1.0, "loss": 0.125}, (1.5, 0.125, "")),
        ({"epoch": 2.0**60, "loss": 0.125}, (2.0**60, 0.125, "")),
        ({"epoch": True, "loss": 0.125}, (1.5, 0.125, "")),
    ],
    ids=repr,
)
def test_what_is_left_out_or_refused_keeps_the_newest(
    asked: Pulse, clock: Clock, arguments: dict[str, Any], expected: tuple[float, float, str]
) -> None:
    asked.update(1.5, 0.25)
    asked.update(**arguments)
    assert written(asked, clock) == expected
    asked.close()


def test_a_finite_loss_ends_the_remark_about_one_that_was_not(asked: Pulse, clock: Clock) -> None:
    asked.update(1.0, float("nan"))
    asked.update(1.5, 0.25)
    assert written(asked, clock) == (1.5, 0.25, "")
    asked.close()


@pytest.mark.parametrize("end", ["done", "error"])
def test_the_end_has_it(asked: Pulse, end: str) -> None:
    asked.update(1.5, 0.25)
    getattr(asked, end)("the end")
    status = status_of(asked.path)
    assert (status["status"], status["loss"]) == (end, 0.25)
    assert status["epoch"] == (3.0 if end == "done" else 1.5)
    asked.close()


class Interrupted(Pulse):
    """Something else happens just before an update leaves its values, or just after it."""

    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        leaves = name == "_newest" and value is not None
        if leaves and self.before is not None:
            self.before()
        super().__setattr__(name, value)
        if leaves and self.after is not None:
            self.after()


@pytest.fixture
def interrupted(target: str, clock: Clock, by_hand: None) -> Interrupted:
    run = Interrupted(target, 3, clock=clock)
    run.start()
    run.update(0.5, 0.5)
    return run


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_write_in_the_middle_of_an_update_loses_nothing(interrupted: Interrupted, clock: Clock, when: str) -> None:
    def write() -> None:
        clock.now += 1.0
        turn(interrupted)

    setattr(interrupted, when, write)
    interrupted.update(1.5, 0.25)
    interrupted.before = interrupted.after = None
    assert written(interrupted, clock) == (1.5, 0.25, "")
    interrupted.close()


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_end_in_the_middle_of_an_update_stays_the_end(interrupted: Interrupted, clock: Clock, when: str) -> None:
    setattr(interrupted, when, interrupted.done)
    interrupted.update(1.5, 0.25)
    interrupted.before = interrupted.after = None
    turn(interrupted)
    interrupted.close()
    status = status_of(interrupted.path)
    assert (status["status"], status["epoch"], status["message"]) == ("done", 3.0, "Training completed")


def test_an_update_while_the_disk_does_not_answer_the_end_changes_nothing(interrupted: Interrupted) -> None:
    interrupted.done()
    interrupted._asked = True  # as after a write that no one waits for any more
    interrupted.update(1.5, 0.25)
    interrupted._write_now()
    assert status_of(interrupted.path)["epoch"] == 3.0
    interrupted.close()


def test_the_last_update_of_all_threads_is_written(target: str) -> None:
    """With the real thread, at the highest pace: the last update before a pause is written, whenever it comes."""
    run = training(target, 1000, interval=0.0)

    def work() -> None:
        for step in range(300):
            run.update(step, 0.5)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        run.start()
        workers = [threading.Thread(target=work) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(before)
    run.update(999.0, 0.25)
    run.close()
    status = status_of(target)
    assert (status["epoch"], status["loss"]) == (999.0, 0.25)
    assert run.problems == 0
    assert os.listdir(os.path.dirname(target)) == [os.path.basename(target)]
