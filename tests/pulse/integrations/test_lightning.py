"""The callback for the Trainer of Lightning, against a stand-in that calls it as the real one does."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import pulse
from pulse.status import Status
from tests.pulse.integrations import fake_lightning
from tests.pulse.integrations.fake_lightning import Trainer


def progress(written: list[Status]) -> list[tuple[str, float, float]]:
    return [(status["status"], status["epoch"], status["total_epochs"]) for status in written]


def test_a_training_from_its_start_to_its_end(lightning: Any, written: list[Status]) -> None:
    Trainer([lightning("s.json")], max_epochs=2).fit([2.0, 1.0])
    assert [epoch for _, epoch, _ in progress(written)] == [0.0, 0.0, 0.5, 1.0, 1.0, 1.5, 2.0, 2.0, 2.0, 2.0]
    assert written[0]["message"] == "Preparing the training"
    assert (written[2]["loss"], written[2]["message"]) == (2.0, "Epoch 1: batch 1 of 2")
    assert progress(written)[-1] == ("done", 2.0, 2.0)


@pytest.mark.parametrize(
    ("options", "batches", "total"),
    [
        pytest.param({"max_epochs": 3}, [1.0], 3.0, id="epochs"),
        pytest.param({"max_epochs": -1, "max_steps": 3}, [1.0, 1.0], 1.5, id="steps"),
        pytest.param({"max_epochs": None, "max_steps": 2}, [1.0], 2.0, id="steps, and no word of epochs"),
        pytest.param({"max_epochs": 9, "max_steps": 3}, [1.0, 1.0], 1.5, id="the lower limit"),
        pytest.param(
            {"max_epochs": -1, "max_steps": 2, "accumulate_grad_batches": 2}, [1.0] * 3, 1.0, id="accumulation"
        ),
        pytest.param({"max_epochs": -1, "max_steps": 3}, lambda: iter([1.0, 1.0]), 0.0, id="a stream"),
        pytest.param(
            {"max_epochs": -1, "max_steps": 3, "automatic_optimization": False}, [1.0], 0.0, id="several optimisers"
        ),
    ],
)
def test_total_epochs(
    lightning: Any, written: list[Status], options: dict[str, Any], batches: Any, total: float
) -> None:
    Trainer([lightning("s.json")], **options).fit(batches)
    assert written[1]["total_epochs"] == total
    assert written[-1]["status"] == "done"
    assert written[-1]["epoch"] == written[-1]["total_epochs"] > 0.0


def test_without_the_number_of_batches_the_epoch_waits_for_its_end(lightning: Any, written: list[Status]) -> None:
    Trainer([lightning("s.json")]).fit(lambda: iter([2.0, 1.0]))
    assert [(status["epoch"], status["message"]) for status in written[2:5]] == [
        (0.0, "Epoch 1: batch 1"),
        (0.0, "Epoch 1: batch 2"),
        (1.0, "Epoch 1"),
    ]


def test_a_training_that_goes_on_from_a_checkpoint(lightning: Any, written: list[Status]) -> None:
    Trainer([lightning("s.json")], max_epochs=3).fit([2.0, 1.0], resume_at=2)
    assert progress(written)[1:4] == [("running", 2.0, 3.0), ("running", 2.5, 3.0), ("running", 3.0, 3.0)]


def test_validation_is_alive_and_makes_no_progress(lightning: Any, written: list[Status]) -> None:
    Trainer([lightning("s.json")], validation=2).fit([1.0])
    assert [(status["epoch"], status["message"]) for status in written[1:6]] == [
        (0.0, "Sanity check"),
        (0.0, "Epoch 1"),
        (1.0, "Epoch 1: batch 1 of 1"),
        (1.0, "Epoch 1: validating, batch 1"),
        (1.0, "Epoch 1: validating, batch 2"),
    ]


def test_a_validation_outside_a_training_writes_nothing(lightning: Any, written: list[Status]) -> None:
    Trainer([lightning("s.json")], validation=2).validate()
    assert written == []


def test_an_exception(lightning: Any, written: list[Status]) -> None:
    def training_step(batch: float) -> float:
        if batch == 1.0:
            raise ValueError("no such label")
        return batch

    with pytest.raises(ValueError, match="label"):
        Trainer([lightning("s.json")]).fit([2.0, 1.0], training_step)
    assert progress(written)[-1] == ("error", 0.5, 1.0)
    assert written[-1]["message"] == "ValueError: no such label"


def test_a_keyboard_interrupt_which_lightning_turns_into_an_exit(lightning: Any, written: list[Status]) -> None:
    def training_step(batch: float) -> float:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit):
        Trainer([lightning("s.json")]).fit([1.0], training_step)
    assert (written[-1]["status"], written[-1]["message"]) == ("error", "KeyboardInterrupt")


@pytest.mark.parametrize("block", [False, True])
def test_sigterm_which_lightning_turns_into_an_exit_without_a_code(
    lightning: Any, written: list[Status], block: bool
) -> None:
    class SIGTERMException(SystemExit):
        """As Lightning has it."""

    def training_step(batch: float) -> float:
        raise SIGTERMException

    with pytest.raises(SIGTERMException), pulse.training("s.json") if block else contextlib.nullcontext() as run:
        Trainer([lightning(run or "s.json")]).fit([1.0], training_step)
    assert (written[-1]["status"], written[-1]["message"]) == ("error", "SIGTERMException")


def test_an_exception_in_the_last_hook_of_another_callback(lightning: Any, written: list[Status]) -> None:
    class Fails(fake_lightning.Callback):
        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            raise OSError("no room for the model")

    with pytest.raises(OSError, match="room"):
        Trainer([lightning("s.json"), Fails()]).fit([1.0])
    assert written[-1]["message"] == "OSError: no room for the model"


def test_a_trainer_that_fits_again(lightning: Any, written: list[Status]) -> None:
    trainer = Trainer([lightning("s.json")])
    trainer.fit([1.0])
    trainer.fit([1.0])
    assert [status["status"] for status in written if status["status"] != "running"] == ["done", "done"]


def test_a_loss_of_manual_optimisation(lightning: Any, written: list[Status]) -> None:
    Trainer([lightning("s.json")], automatic_optimization=False).fit([3.0])
    assert written[-1]["loss"] == 3.0


def test_a_monitored_metric_is_shown_as_the_loss(lightning: Any, written: list[Status]) -> None:
    trainer = Trainer([lightning("s.json", monitor="train_loss")])

    def training_step(batch: float) -> float:
        if batch == 1.0:
            trainer.callback_metrics["train_loss"] = 0.125
        return batch

    trainer.fit([2.0, 1.0], training_step)
    assert [status["loss"] for status in written[2:4]] == [0.0, 0.125]


def test_only_the_first_process_writes(lightning: Any, written: list[Status]) -> None:
    Trainer([lightning("s.json")], is_global_zero=False).fit([1.0])
    assert written == []


def test_the_callers_own_pulse_says_how_it_ends(lightning: Any, written: list[Status]) -> None:
    with pulse.training("s.json") as run:
        Trainer([lightning(run)], max_epochs=2).fit([1.0])
        assert written[-1]["status"] == "running"
    assert progress(written)[-1] == ("done", 2.0, 2.0)


def test_the_older_name_of_the_package(install: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightning", None)
    monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
    older = ModuleType("pytorch_lightning")
    vars(older)["Callback"] = fake_lightning.Callback
    assert issubclass(install("lightning", older), fake_lightning.Callback)
