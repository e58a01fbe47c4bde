"""What the callbacks share."""

from __future__ import annotations

import contextlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from pulse.integrations._run import Run, not_finite, total_from_steps, watch
from pulse.status import Status


@pytest.mark.parametrize(
    ("max_steps", "batches", "accumulation", "total"),
    [(6, 3, 1, 2.0), (7, 3, 1, 2 + 1 / 3), (1, 10, 4, 0.4), (3, 10, 4, 1.0), (5, 10, 4, 1.8), (2, 1, 8, 2.0)],
)
def test_total_from_steps(max_steps: int, batches: int, accumulation: int, total: float) -> None:
    assert total_from_steps(max_steps, batches, accumulation) == pytest.approx(total)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(float("nan"), True), (float("-inf"), True), (1.0, False), (10**400, False), (None, False), ("nan", False)],
)
def test_not_finite(value: object, expected: bool) -> None:
    assert not_finite(value) is expected


def test_a_run_without_a_training_ignores_everything(written: list[Status]) -> None:
    run = Run("s.json")
    run.update(1.0, 1.0, "message", 1.0)
    run.finish()
    run.fail(ValueError())
    run.close()
    assert written == []


def test_a_training_whose_end_was_not_seen_keeps_its_last_status(written: list[Status]) -> None:
    run = Run("s.json")
    run.begin("first")
    run.update(1.0)
    run.begin("second")
    assert [(status["status"], status["epoch"], status["message"]) for status in written] == [
        ("running", 0.0, "first"),
        ("running", 1.0, "first"),
        ("running", 0.0, "second"),
    ]
    run.close()


@pytest.mark.parametrize(("code", "status"), [(0, "done"), (3, "error")])
def test_an_exit(written: list[Status], code: int, status: str) -> None:
    run = Run("s.json")
    with pytest.raises(SystemExit), run.watched(""):
        sys.exit(code)
    assert written[-1]["status"] == status


class Listener:
    def __init__(self) -> None:
        self.heard: list[str] = []

    @contextlib.contextmanager
    def watching(self, trainer: Any) -> Iterator[None]:
        self.heard.append("begin")
        try:
            yield
        except ValueError:
            self.heard.append("error")
            raise
        self.heard.append("end")


def test_a_watched_method_is_wrapped_once_and_otherwise_as_before() -> None:
    class Trainer:
        def train(self, times: int = 2) -> int:
            """Train."""
            return 7 * times

    listener = Listener()
    for _ in range(2):
        watch(Trainer, "train", lambda trainer, *args, **kwargs: [listener, object()])
    assert Trainer().train(times=3) == 21
    assert listener.heard == ["begin", "end"]
    assert (Trainer.train.__name__, Trainer.train.__doc__) == ("train", "Train.")
    assert list(inspect.signature(Trainer.train).parameters) == ["self", "times"]


def test_an_exception_of_a_watched_method_passes() -> None:
    class Trainer:
        def train(self) -> None:
            raise ValueError("bad")

    listener = Listener()
    watch(Trainer, "train", lambda trainer: [listener])
    with pytest.raises(ValueError, match="bad"):
        Trainer().train()
    assert listener.heard == ["begin", "error"]


def test_pulse_imports_no_framework_and_no_callback() -> None:
    script = (
        "import sys, pulse, pulse.cli\n"
        "names = {'transformers', 'lightning', 'pytorch_lightning', 'keras', 'torch', 'pulse.integrations'}\n"
        "print(sorted(names & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"
