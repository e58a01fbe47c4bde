"""The stand-ins of ``tests/pulse/integrations`` against the real frameworks: the same hooks, in the same order."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.pulse.integrations import fake_keras, fake_lightning, fake_transformers


def hooks(callback: type) -> dict[str, list[str]]:
    """The public methods of a class, with the names of their parameters."""
    return {
        name: list(inspect.signature(method).parameters)
        for name, method in inspect.getmembers(callback, inspect.isfunction)
        if name.startswith("on_") or name in ("setup", "teardown", "set_params", "set_model")
    }


def recorder(base: type, names: list[str], heard: list[Any]) -> Any:
    """A callback that notes the names and the arguments that matter of the hooks in ``names``."""

    def listening(name: str) -> Any:
        def listen(self: Any, *args: Any, **kwargs: Any) -> None:
            # Plain values only: trainers, modules and tensors are other objects in either framework.
            plain = [value for value in args if isinstance(value, int | str) and not isinstance(value, bool)]
            plain += [str(getattr(value, "value", value)) for name, value in kwargs.items() if name == "stage"]
            heard.append((name, plain, sorted(kwargs)))

        return listen

    return type("Recorder", (base,), {name: listening(name) for name in names})()


def test_transformers_hooks() -> None:
    import transformers

    assert hooks(transformers.TrainerCallback) == hooks(fake_transformers.TrainerCallback)
    real = transformers.TrainingArguments
    for name in ("num_train_epochs", "max_steps", "gradient_accumulation_steps", "logging_steps"):
        assert getattr(real, name) == getattr(fake_transformers.TrainingArguments, name)
    assert real.logging_nan_inf_filter
    assert transformers.TrainerState(epoch=0).is_world_process_zero
    assert list(inspect.signature(transformers.Trainer.train).parameters)[:2] == ["self", "resume_from_checkpoint"]


@pytest.mark.parametrize(
    "options",
    [
        {"num_train_epochs": 2},
        {"num_train_epochs": 1.5, "logging_steps": 2},
        {"max_steps": 4, "gradient_accumulation_steps": 2},
    ],
)
def test_transformers_order(tmp_path: Path, options: dict[str, Any]) -> None:
    import transformers

    from tests.frameworks import hugging_face

    real: list[Any] = []
    fake: list[Any] = []
    states: list[list[Any]] = [[], []]

    class State:
        """Notes what the callback reads of the state."""

        def __init__(self, base: type, notes: list[Any]) -> None:
            def note(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                notes.append((round(state.epoch, 9), type(state.epoch), state.global_step, state.max_steps))

            names = ("on_train_begin", "on_step_end", "on_log", "on_train_end")
            self.callback = type("Notes", (base,), dict.fromkeys(names, note))()

    events = list(fake_transformers.HOOKS)
    for_real = {"logging_steps": 1, "eval_strategy": "epoch", "save_strategy": "epoch", "per_device_eval_batch_size": 5}
    trainer = transformers.Trainer(
        hugging_face.model(),
        hugging_face.arguments(tmp_path, **(for_real | options)),
        train_dataset=hugging_face.data(),
        eval_dataset=hugging_face.data(),
        callbacks=[
            recorder(transformers.TrainerCallback, events, real),
            State(transformers.TrainerCallback, states[0]).callback,
        ],
    )
    trainer.train()
    arguments = fake_transformers.TrainingArguments(**({"logging_steps": 1, "eval_batches": 2, "save": True} | options))
    callbacks = [
        recorder(fake_transformers.TrainerCallback, events, fake),
        State(fake_transformers.TrainerCallback, states[1]).callback,
    ]
    fake_transformers.Trainer(arguments, [1.0] * hugging_face.BATCHES, callbacks).train()
    assert real == fake
    assert states[0] == states[1]


def test_keras_hooks() -> None:
    import keras

    real, fake = hooks(keras.callbacks.Callback), hooks(fake_keras.Callback)
    assert {name: real[name] for name in fake} == fake
    parameters = list(inspect.signature(keras.Model.fit).parameters)
    assert {*inspect.signature(fake_keras.Model.fit).parameters} <= {*parameters}
    assert parameters.index("callbacks") == list(inspect.signature(fake_keras.Model.fit).parameters).index("callbacks")


def test_keras_order(tmp_path: Path) -> None:
    import keras

    from tests.frameworks import keras_model

    names = [name for name in hooks(fake_keras.Callback) if name.startswith("on_")]
    real: list[Any] = []
    fake: list[Any] = []
    data = keras.ops.ones((2, 1)), keras.ops.ones((2, 1))
    listening = recorder(keras.callbacks.Callback, names, real)
    keras_model.train(listening, tmp_path, epochs=2, validation_data=data, validation_batch_size=1)
    losses = [1.0] * keras_model.BATCHES
    callback = recorder(fake_keras.Callback, names, fake)
    fake_keras.Model().fit(losses, epochs=2, callbacks=[callback], validation_data=[1.0, 1.0])
    assert [(name, plain) for name, plain, _ in real] == [(name, plain) for name, plain, _ in fake]
    assert {name: listening.params[name] for name in callback.params} == callback.params | {"verbose": 0}


def test_lightning_hooks() -> None:
    from lightning.pytorch import Callback

    real, fake = hooks(Callback), hooks(fake_lightning.Callback)
    assert {name: real[name] for name in fake} == fake


@pytest.mark.parametrize(
    "options", [{"max_epochs": 2}, {"max_epochs": -1, "max_steps": 4, "accumulate_grad_batches": 2}]
)
def test_lightning_order(tmp_path: Path, options: dict[str, Any]) -> None:
    from lightning.pytorch import Callback

    from tests.frameworks import lightning_module

    names = list(hooks(fake_lightning.Callback))
    real: list[Any] = []
    fake: list[Any] = []
    trainer = lightning_module.trainer(
        recorder(Callback, names, real), tmp_path, limit_val_batches=2, enable_checkpointing=False, **options
    )
    trainer.fit(lightning_module.Regression(), lightning_module.loader(), lightning_module.loader())
    made = fake_lightning.Trainer([recorder(fake_lightning.Callback, names, fake)], validation=2, **options)
    made.fit([1.0] * lightning_module.BATCHES)
    assert [(name, plain) for name, plain, _ in real] == [(name, plain) for name, plain, _ in fake]
    wanted = ("current_epoch", "num_training_batches", "max_epochs", "max_steps", "accumulate_grad_batches")
    assert {name: getattr(trainer, name) for name in wanted} == {name: getattr(made, name) for name in wanted}
    assert hasattr(trainer, "is_global_zero")
    assert not trainer.sanity_checking
    assert isinstance(made._module, SimpleNamespace)
