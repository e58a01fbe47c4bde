"""The callback for ``Model.fit`` of Keras, against a stand-in that calls it as the real one does."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

import pulse
from pulse.status import Status
from tests.pulse.integrations import fake_keras


def fit(callback: Any, losses: Any = (2.0, 1.0), **options: Any) -> None:
    """Fit a model of the fake ``keras`` with a callback."""
    fake_keras.Model().fit(list(losses) if isinstance(losses, tuple) else losses, callbacks=[callback], **options)


def progress(written: list[Status]) -> list[tuple[str, float, float]]:
    return [(status["status"], status["epoch"], status["total_epochs"]) for status in written]


class Fails(fake_keras.Callback):
    """Raises in the second batch of the second epoch."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if (self.epoch, batch) == (1, 1):
            raise self.error


def test_a_training_from_its_start_to_its_end(keras: Any, written: list[Status]) -> None:
    fit(keras("s.json"), epochs=2)
    assert [epoch for _, epoch, _ in progress(written)] == [0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.0, 1.5, 2.0, 2.0, 2.0, 2.0]
    assert written[0]["message"] == "Preparing the training"
    assert written[3]["message"] == "Epoch 1: batch 1 of 2"
    assert (written[3]["loss"], written[4]["loss"]) == (2.0, 1.0)
    assert progress(written)[-1] == ("done", 2.0, 2.0)


def test_without_the_number_of_batches_the_epoch_waits_for_its_end(keras: Any, written: list[Status]) -> None:
    fit(keras("s.json"), lambda: iter([2.0, 1.0]), epochs=1)
    assert [(status["epoch"], status["message"]) for status in written[3:6]] == [
        (0.0, "Epoch 1: batch 1"),
        (0.0, "Epoch 1: batch 2"),
        (1.0, "Epoch 1"),
    ]


def test_a_training_that_goes_on_with_initial_epoch(keras: Any, written: list[Status]) -> None:
    fit(keras("s.json"), epochs=4, initial_epoch=3)
    assert progress(written)[2:5] == [("running", 3.0, 4.0), ("running", 3.5, 4.0), ("running", 4.0, 4.0)]


@pytest.mark.parametrize(
    ("error", "message"),
    [(ValueError("no such label"), "ValueError: no such label"), (KeyboardInterrupt(), "KeyboardInterrupt")],
)
@pytest.mark.parametrize("first", [True, False])
def test_an_exception(keras: Any, written: list[Status], error: BaseException, message: str, first: bool) -> None:
    callbacks = [Fails(error), [keras("s.json")]]
    with pytest.raises(type(error)):
        fake_keras.Model().fit([2.0, 1.0], epochs=2, callbacks=callbacks if first else callbacks[::-1])
    assert (written[-1]["status"], written[-1]["message"]) == ("error", message)
    assert written[-1]["epoch"] == (1.5 if first else 2.0)


def test_an_exception_before_the_first_epoch(keras: Any, written: list[Status]) -> None:
    with pytest.raises(TypeError):
        fit(keras("s.json"), None)
    assert written[-1]["status"] == "error"


def test_arguments_that_fit_refuses(keras: Any, written: list[Status]) -> None:
    with pytest.raises(TypeError, match="epoch"):
        fit(keras("s.json"), epoch=3)
    assert written == []


def test_a_list_of_callbacks_that_the_caller_has_made(keras: Any, written: list[Status]) -> None:
    model = fake_keras.Model()
    callbacks = fake_keras.CallbackList([keras("s.json"), Fails(ValueError("bad"))], model, epochs=2, steps=2)
    with pytest.raises(ValueError, match="bad"):
        model.fit([2.0, 1.0], None, 32, 2, "auto", callbacks)
    assert written[-1]["message"] == "ValueError: bad"


def test_a_callback_without_a_list(keras: Any, written: list[Status]) -> None:
    fake_keras.Model().fit([1.0], callbacks=keras("s.json"))
    assert progress(written)[-1] == ("done", 1.0, 1.0)


def test_a_loop_of_the_callers_own(keras: Any, written: list[Status]) -> None:
    callbacks = fake_keras.CallbackList([keras("s.json")], fake_keras.Model())
    callbacks.call("on_train_begin")
    callbacks.call("on_train_batch_end", 0, {"loss": 1.0})
    callbacks.call("on_epoch_end", 0, {"loss": 0.5})
    callbacks.call("on_train_end")
    assert progress(written)[-1] == ("done", 1.0, 1.0)
    assert written[-1]["loss"] == 0.5


def test_a_model_without_the_callback_writes_nothing(keras: Any, written: list[Status]) -> None:
    keras("s.json")
    fake_keras.Model().fit([1.0])
    assert written == []


def test_an_evaluation_is_alive_and_makes_no_progress(keras: Any, written: list[Status]) -> None:
    fit(keras("s.json"), validation_data=[0.25, 0.5])
    assert [(status["epoch"], status["message"]) for status in written[5:8]] == [
        (1.0, "Epoch 1: evaluating, batch 1"),
        (1.0, "Epoch 1: evaluating, batch 2"),
        (1.0, "Epoch 1; val_loss 0.5"),
    ]


class TerminateOnNaN(fake_keras.Callback):
    """As the one of Keras."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if math.isnan(logs["loss"]):
            self.model.stop_training = True


def test_a_training_that_is_given_up_for_nan_is_an_error(keras: Any, written: list[Status]) -> None:
    fake_keras.Model().fit([2.0, math.nan, 1.0, 1.0], epochs=2, callbacks=[keras("s.json"), TerminateOnNaN()])
    assert progress(written)[-1][0] == "error"
    assert written[-1]["message"] == "Stopped after 1 of 2 epochs (loss is nan)"


def test_a_training_that_another_callback_stops_is_done_but_not_complete(keras: Any, written: list[Status]) -> None:
    class Stop(fake_keras.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = epoch == 1

    fake_keras.Model().fit([2.0, 1.0], epochs=5, callbacks=[keras("s.json"), Stop()])
    assert progress(written)[-1] == ("done", 2.0, 2.0)
    assert written[-1]["message"] == "Stopped after 2 of 5 epochs"


def test_batches_that_come_late_from_another_thread_do_not_turn_it_back(keras: Any, written: list[Status]) -> None:
    callback = keras("s.json")
    callback.set_params({"epochs": 1, "steps": 4})
    callback.on_train_begin()
    callback.on_epoch_begin(0)
    for batch in (0, 2, 1, 3):
        callback.on_train_batch_end(batch, {"loss": 1.0})
    epochs = [epoch for _, epoch, _ in progress(written)]
    assert epochs == sorted(epochs)
    assert epochs[-1] == 1.0


def test_the_callers_own_pulse_says_how_it_ends(keras: Any, written: list[Status]) -> None:
    def losses() -> Iterator[float]:
        yield 1.0

    with pulse.training("s.json") as run:
        fit(keras(run), losses, epochs=2)
        assert written[-1]["status"] == "running"
    assert progress(written)[-1] == ("done", 2.0, 2.0)


def test_a_callback_that_is_made_in_the_call_sees_what_is_refused_before_the_first_batch(
    keras: Any, written: list[Status]
) -> None:
    with pytest.raises(TypeError):
        fake_keras.Model().fit(None, callbacks=[keras("s.json")])
    assert written[-1]["status"] == "error"
    assert written[-1]["message"].startswith("TypeError: ")
