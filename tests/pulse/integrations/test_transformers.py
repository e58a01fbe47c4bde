"""The callback for the Trainer of Transformers, against a stand-in that calls it as the real one does."""

from __future__ import annotations

import math
from typing import Any

import pytest

import pulse
from pulse.status import Status
from tests.pulse.integrations import fake_transformers
from tests.pulse.integrations.fake_transformers import TrainerCallback, TrainerState, TrainingArguments


def trainer(callback: Any, batches: Any = (2.0, 1.0), **options: Any) -> Any:
    """A trainer of the fake ``transformers`` with a callback; ``options`` are its arguments, and ``compute_loss``."""
    loss = {"compute_loss": options.pop("compute_loss")} if "compute_loss" in options else {}
    batches = list(batches) if isinstance(batches, tuple) else batches
    return fake_transformers.Trainer(TrainingArguments(**options), batches, [callback], **loss)


def fails_at(bad: float, error: BaseException) -> Any:
    """A loss function that raises ``error`` for one batch."""

    def compute_loss(batch: float) -> float:
        if batch == bad:
            raise error
        return batch

    return compute_loss


def progress(written: list[Status]) -> list[tuple[str, float, float]]:
    return [(status["status"], status["epoch"], status["total_epochs"]) for status in written]


def test_a_training_from_its_start_to_its_end(transformers: Any, written: list[Status]) -> None:
    trainer(transformers("s.json"), num_train_epochs=2).train()
    steps = [("running", epoch, 2.0) for epoch in (0.5, 1.0, 1.5, 2.0)]
    assert progress(written)[:2] == [("running", 0.0, 0.0), ("running", 0.0, 2.0)]
    assert progress(written)[2:6] == steps
    assert progress(written)[-1] == ("done", 2.0, 2.0)
    assert written[0]["message"] == "Preparing the training"
    assert written[3]["message"] == "Step 2 of 4"
    assert written[-1]["message"] == "Training completed"


def test_the_loss_is_that_of_the_last_step_until_the_trainer_logs_its_first_mean(
    transformers: Any, written: list[Status]
) -> None:
    trainer(transformers("s.json"), (8.0, 6.0, 1.0), num_train_epochs=1, logging_steps=2).train()
    assert [status["loss"] for status in written if status["epoch"]][:4] == [8.0, 6.0, 7.0, 7.0]


def test_the_loss_of_a_step_is_that_of_all_its_batches(transformers: Any, written: list[Status]) -> None:
    trainer(transformers("s.json"), (8.0, 6.0, 1.0), num_train_epochs=1, gradient_accumulation_steps=2).train()
    assert [(status["epoch"], status["loss"]) for status in written[2:4]] == [(2 / 3, 7.0), (1.0, 0.5)]


def test_the_summary_at_the_end_is_not_taken_for_a_loss(transformers: Any, written: list[Status]) -> None:
    run = trainer(transformers("s.json"), num_train_epochs=1, logging_steps=1)
    run.train()
    assert run.state.log_history[-1]["train_loss"] == 0.0
    assert written[-1]["loss"] == 1.0


@pytest.mark.parametrize(
    ("options", "batches", "total"),
    [
        pytest.param({"num_train_epochs": 1.5}, 2, 1.5, id="a fraction of an epoch, which the state rounds up"),
        pytest.param({"max_steps": 3}, 2, 1.5, id="max_steps overrides"),
        pytest.param({"max_steps": 4, "gradient_accumulation_steps": 4}, 10, 1.4, id="a short last step of an epoch"),
        pytest.param({"max_steps": 1}, 4, 0.25, id="less than an epoch"),
    ],
)
def test_total_epochs(
    transformers: Any, written: list[Status], options: dict[str, Any], batches: int, total: float
) -> None:
    trainer(transformers("s.json"), tuple([1.0] * batches), **options).train()
    assert written[1]["total_epochs"] == total
    assert progress(written)[-1] == ("done", total, total)


def test_an_epoch_that_is_trained_a_little_further_than_asked(transformers: Any, written: list[Status]) -> None:
    trainer(transformers("s.json"), (1.0, 1.0, 1.0), num_train_epochs=1.5).train()  # 4.5 steps, so 5
    assert progress(written)[-1] == ("done", 1 + 2 / 3, 1 + 2 / 3)


def test_a_stream_of_unknown_length_is_one_epoch(transformers: Any, written: list[Status]) -> None:
    trainer(transformers("s.json"), iter([1.0] * 9), max_steps=4).train()
    assert [epoch for _, epoch, _ in progress(written)[2:6]] == [0.25, 0.5, 0.75, 1.0]
    assert progress(written)[-1] == ("done", 1.0, 1.0)


def test_a_training_that_another_callback_stops_is_done_but_not_complete(
    transformers: Any, written: list[Status]
) -> None:
    class Stop(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            control.should_training_stop = state.global_step == 3

    run = trainer(transformers("s.json"), num_train_epochs=5)
    run.add_callback(Stop())
    run.train()
    assert progress(written)[-1] == ("done", 1.5, 1.5)
    assert written[-1]["message"] == "Stopped after 1.5 of 5 epochs"


def test_a_training_that_goes_on_from_a_checkpoint(transformers: Any, written: list[Status]) -> None:
    trainer(transformers("s.json"), num_train_epochs=2).train(resume_from_checkpoint=3)
    assert [epoch for _, epoch, _ in progress(written)] == [0.0, 1.5, 2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("no such label"), "ValueError: no such label"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_an_exception_in_the_loss(transformers: Any, written: list[Status], error: BaseException, message: str) -> None:
    run = trainer(transformers("s.json"), num_train_epochs=1, compute_loss=fails_at(1.0, error))
    with pytest.raises(type(error)):
        run.train()
    assert progress(written)[-1] == ("error", 0.5, 1.0)
    assert written[-1]["message"] == message
    assert "training_step" not in vars(run)


def test_an_exception_in_the_data(transformers: Any, written: list[Status]) -> None:
    def stream() -> Any:
        yield 1.0
        raise OSError("the share is gone")

    with pytest.raises(OSError, match="gone"):
        trainer(transformers("s.json"), stream(), max_steps=4).train()
    assert written[-1]["message"] == "OSError: the share is gone"


@pytest.mark.parametrize("event", ["on_train_begin", "on_step_end", "on_train_end"])
@pytest.mark.parametrize("first", [True, False])
def test_an_exception_in_another_callback(transformers: Any, written: list[Status], event: str, first: bool) -> None:
    def fail(*arguments: Any, **kwargs: Any) -> None:
        raise RuntimeError(f"in {event}")

    other = TrainerCallback()
    setattr(other, event, fail)
    run = trainer(transformers("s.json"), num_train_epochs=1)
    run.callback_handler.callbacks.insert(0 if first else 1, other)
    with pytest.raises(RuntimeError):
        run.train()
    assert (written[-1]["status"], written[-1]["message"]) == ("error", f"RuntimeError: in {event}")


def test_an_exception_before_the_first_step(transformers: Any, written: list[Status]) -> None:
    with pytest.raises(TypeError):
        trainer(transformers("s.json"), None, max_steps=-1).train()
    assert written[-1]["status"] == "error"


def test_a_callback_that_was_added_later(transformers: Any, written: list[Status]) -> None:
    run = fake_transformers.Trainer(TrainingArguments(), [1.0], [], fails_at(1.0, ValueError("bad")))
    run.add_callback(transformers("s.json"))
    with pytest.raises(ValueError, match="bad"):
        run.train()
    assert written[-1]["message"] == "ValueError: bad"


def test_a_trainer_that_goes_on_after_an_error(transformers: Any, written: list[Status]) -> None:
    run = trainer(transformers("s.json"), num_train_epochs=1, compute_loss=fails_at(1.0, ValueError("bad")))
    with pytest.raises(ValueError, match="bad"):
        run.train()
    run.compute_loss = float
    run.train()
    run.train()
    assert [status["status"] for status in written if status["status"] != "running"] == ["error", "done", "done"]


def test_a_trainer_without_the_callback_writes_nothing(transformers: Any, written: list[Status]) -> None:
    transformers("s.json")
    fake_transformers.Trainer(TrainingArguments(), [1.0]).train()
    assert written == []


def test_a_run_whose_every_loss_is_nan_does_not_show_the_trainers_zero(
    transformers: Any, written: list[Status]
) -> None:
    run = trainer(transformers("s.json"), (math.nan, math.nan), num_train_epochs=2, logging_steps=1)
    run.train()
    assert {log["loss"] for log in run.state.log_history if "loss" in log} == {0.0}
    assert {status["message"] for status in written[2:]} == {
        *(f"Step {step} of 4 (loss is nan)" for step in (1, 2, 3, 4)),
        "Training completed (loss is nan)",
    }


def test_a_loss_that_becomes_nan_keeps_the_last_finite_one(transformers: Any, written: list[Status]) -> None:
    trainer(transformers("s.json"), (3.0, math.nan, math.inf), num_train_epochs=1, logging_steps=1).train()
    assert (written[-1]["loss"], written[-1]["message"]) == (3.0, "Training completed (loss is nan)")


def test_losses_some_of_which_are_nan_are_counted(transformers: Any, written: list[Status]) -> None:
    run = trainer(transformers("s.json"), (4.0, math.nan, 2.0, 2.0, 2.0), num_train_epochs=1, logging_steps=2)
    run.train()
    messages = [status["message"] for status in written]
    assert "Step 2 of 5; 1 of 2 losses were not finite" in messages
    assert "Step 3 of 5; 1 of 2 losses were not finite" in messages  # until the next log
    assert messages[-2] == "Step 5 of 5"


def test_a_gradient_that_is_not_finite_is_said(transformers: Any, written: list[Status]) -> None:
    callback = transformers("s.json")
    state = TrainerState(epoch=0.5, global_step=2, max_steps=4)
    callback.on_train_begin(TrainingArguments(), state, None)
    callback.on_log(TrainingArguments(), state, None, logs={"loss": 1.0, "grad_norm": math.inf})
    assert written[-1]["message"] == "Step 2 of 4; the norm of the gradient is inf"


def test_an_evaluation_is_alive_and_makes_no_progress(transformers: Any, written: list[Status]) -> None:
    trainer(transformers("s.json"), num_train_epochs=1, eval_batches=2, save=True).train()
    shown = [(status["epoch"], status["message"]) for status in written[4:8]]
    assert shown == [
        (1.0, "Evaluating: batch 1 of 2"),
        (1.0, "Evaluating: batch 2 of 2"),
        (1.0, "Step 2 of 2; eval_loss 0.5"),
        (1.0, "Step 2 of 2; checkpoint saved"),
    ]


def test_an_evaluation_outside_a_training_writes_nothing(transformers: Any, written: list[Status]) -> None:
    run = trainer(transformers("s.json"), eval_batches=1)
    run.evaluate()
    run.predict()
    assert written == []


def test_only_the_first_process_writes(
    transformers: Any, written: list[Status], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "0")  # the trainer knows better
    trainer(transformers("s.json"), process_index=1).train()
    assert written == []


def test_a_pulse_of_the_callers_own_is_updated_and_not_ended(transformers: Any, written: list[Status]) -> None:
    with pulse.training("s.json") as run:
        trainer(transformers(run), num_train_epochs=1).train()
        assert written[-1]["status"] == "running"
        run.update(message="Saving the model")
    assert progress(written)[-1] == ("done", 1.0, 1.0)


def test_an_exception_that_the_caller_handles_is_no_end_of_the_callers_pulse(
    transformers: Any, written: list[Status]
) -> None:
    with pulse.training("s.json") as run:
        with pytest.raises(ValueError, match="bad"):
            trainer(transformers(run), compute_loss=fails_at(1.0, ValueError("bad"))).train()
        assert written[-1]["status"] == "running"
    assert written[-1]["status"] == "done"


def test_a_loop_that_is_not_trainer_train_is_shown_without_its_exceptions(
    transformers: Any, written: list[Status]
) -> None:
    run = trainer(transformers("s.json"), num_train_epochs=1, eval_batches=1)
    run._inner_training_loop(0)  # as a trainer does that has a `train` of its own
    assert progress(written)[-1] == ("done", 1.0, 1.0)


def test_a_training_step_of_the_trainers_own_is_put_back(transformers: Any, written: list[Status]) -> None:
    run = trainer(transformers("s.json"), num_train_epochs=1)
    own = run.training_step = lambda model, inputs: 0.25
    run.train()
    assert run.training_step is own
    assert written[-1]["loss"] == 0.25


def test_a_loss_that_is_no_number_is_left_to_the_trainer(transformers: Any, written: list[Status]) -> None:
    run = trainer(transformers("s.json"), num_train_epochs=1)
    run.training_step = lambda model, inputs: {}
    with pytest.raises(TypeError, match="real number"):
        run.train()
    assert written[-1]["message"].startswith("TypeError: must be real number")


def test_options_reach_the_pulse(transformers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def training(path: str, **options: Any) -> pulse.Pulse:
        given.update(options, path=path)
        return pulse.training(path, rank=1)

    monkeypatch.setattr("pulse.integrations._run.training", training)
    trainer(transformers("s.json", interval=1.0, heartbeat=5.0, on_sigterm=True, durable=False)).train()
    assert given == {
        "path": "s.json",
        "message": "Preparing the training",
        "rank": 0,
        "interval": 1.0,
        "heartbeat": 5.0,
        "on_sigterm": True,
        "durable": False,
    }
