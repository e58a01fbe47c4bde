"""A stand-in for ``transformers``: the hooks of ``TrainerCallback``, and a ``Trainer`` that calls them as the real one.

Only what the order of the calls and their arguments depend on is here. ``tests/frameworks`` holds it against the real
package.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

HOOKS = (
    "on_init_end",
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_step_begin",
    "on_pre_optimizer_step",
    "on_optimizer_step",
    "on_substep_end",
    "on_step_end",
    "on_evaluate",
    "on_predict",
    "on_save",
    "on_log",
    "on_prediction_step",
    "on_push_begin",
)


class TrainerCallback:
    """Every hook, doing nothing."""


def _hook(self: TrainerCallback, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
    """Called with ``model``, ``train_dataloader`` and more as keywords."""


def _on_predict(self: TrainerCallback, args: Any, state: Any, control: Any, metrics: Any, **kwargs: Any) -> None:
    """The one hook that names its metrics."""


for _name in HOOKS:
    setattr(TrainerCallback, _name, _on_predict if _name == "on_predict" else _hook)


@dataclass
class TrainingArguments:
    """The arguments that the callback looks at, with the real defaults."""

    num_train_epochs: float = 3.0
    max_steps: int = -1
    gradient_accumulation_steps: int = 1
    logging_steps: int = 500
    logging_nan_inf_filter: bool = True
    eval_batches: int = 0  # evaluated after each epoch
    save: bool = False  # after each epoch
    process_index: int = 0


@dataclass
class TrainerState:
    """The state that the trainer shows to callbacks."""

    epoch: float | None = 0
    global_step: int = 0
    max_steps: int = 0
    num_train_epochs: int = 0
    is_world_process_zero: bool = True
    log_history: list[dict[str, float]] = field(default_factory=list)


class CallbackHandler:
    """Calls every callback with the same keywords."""

    def __init__(self, callbacks: Iterable[Any]) -> None:
        self.callbacks = list(callbacks)
        self.train_dataloader: Any = None
        self.eval_dataloader: Any = None

    def add_callback(self, callback: Any) -> None:
        self.callbacks.append(callback)

    def call(self, event: str, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        for callback in self.callbacks:
            common = dict.fromkeys(("model", "processing_class", "optimizer", "lr_scheduler"))
            loaders = {"train_dataloader": self.train_dataloader, "eval_dataloader": self.eval_dataloader}
            getattr(callback, event)(args, state, control, **common, **loaders, **kwargs)


class Trainer:
    """Trains nothing: a batch is a number, and the number is its loss."""

    def __init__(
        self,
        args: TrainingArguments,
        batches: Iterable[Any],
        callbacks: Iterable[Any] = (),
        compute_loss: Callable[[Any], Any] = float,
    ) -> None:
        self.args = args
        self.batches = batches
        self.compute_loss = compute_loss
        self.control = SimpleNamespace(should_training_stop=False)
        self.state = TrainerState(is_world_process_zero=self.is_world_process_zero())
        self.callback_handler = CallbackHandler(callbacks)
        self._call("on_init_end")

    def add_callback(self, callback: Any) -> None:
        self.callback_handler.add_callback(callback)

    def is_world_process_zero(self) -> bool:
        return self.args.process_index == 0

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        return self.compute_loss(inputs) / self.args.gradient_accumulation_steps

    def train(self, resume_from_checkpoint: int | None = None) -> TrainerState:
        """Train from the step of a "checkpoint" on; that of the real trainer is a folder."""
        return self._inner_training_loop(resume_from_checkpoint or 0)

    def _call(self, event: str, **kwargs: Any) -> None:
        self.callback_handler.call(event, self.args, self.state, self.control, **kwargs)

    def _inner_training_loop(self, first_step: int) -> TrainerState:
        args, length = self.args, len(self.batches) if isinstance(self.batches, list) else None
        if length is None:
            per_epoch, epochs = args.max_steps, 2**63 - 1
        else:
            per_epoch = math.ceil(length / args.gradient_accumulation_steps)
            epochs = math.ceil(args.max_steps / per_epoch if args.max_steps > 0 else args.num_train_epochs)
        self._steps_in_epoch = length or args.max_steps * args.gradient_accumulation_steps
        self.state = TrainerState(
            epoch=first_step / per_epoch if first_step else 0,
            global_step=first_step,
            max_steps=args.max_steps if args.max_steps > 0 else math.ceil(args.num_train_epochs * per_epoch),
            num_train_epochs=epochs,
            is_world_process_zero=self.is_world_process_zero(),
        )
        self._sum, self._last_logged = 0.0, first_step
        self.control.should_training_stop = False
        self.callback_handler.train_dataloader = self.batches
        self._call("on_train_begin")
        for epoch in range(first_step // per_epoch, epochs):
            self._call("on_epoch_begin")
            self._run_epoch(epoch, first_step % per_epoch if epoch == first_step // per_epoch else 0)
            self._call("on_epoch_end")
            self._evaluate_and_save()
            if self.control.should_training_stop:
                break
        self._log({"train_runtime": 1.0, "train_loss": 0.0})
        self._call("on_train_end")
        return self.state

    def _run_epoch(self, epoch: int, skip: int) -> None:
        accumulation = self.args.gradient_accumulation_steps
        for step, inputs in enumerate(self._read()):
            if step < skip * accumulation:
                continue
            if step % accumulation == 0:
                self._call("on_step_begin")
            self._add(self.training_step(None, inputs))
            if (step + 1) % accumulation and step + 1 != self._steps_in_epoch:
                self._call("on_substep_end")
                continue
            self._call("on_pre_optimizer_step")
            self._call("on_optimizer_step")
            self.state.global_step += 1
            self.state.epoch = epoch + (step + 1) / self._steps_in_epoch
            self._call("on_step_end")
            if self.state.global_step % self.args.logging_steps == 0:
                mean = self._sum / (self.state.global_step - self._last_logged)
                self._sum, self._last_logged = 0.0, self.state.global_step
                self._log({"loss": mean, "grad_norm": self._norm, "learning_rate": 1e-3})
            if self.state.global_step >= self.state.max_steps:
                self.control.should_training_stop = True
            if self.control.should_training_stop:
                return

    def _read(self) -> Iterator[Any]:
        yield from self.batches

    def _add(self, loss: Any) -> None:
        """Add a loss as the real trainer does: one that is not finite is left out, unless told otherwise."""
        self._norm = loss  # of the gradient: it is not finite where the loss is not
        if self.args.logging_nan_inf_filter and not math.isfinite(loss):
            self._sum += self._sum / (1 + self.state.global_step - self._last_logged)
        else:
            self._sum += loss

    def _log(self, logs: dict[str, float]) -> None:
        self.state.log_history.append(logs)
        self._call("on_log", logs=logs)

    def _evaluate_and_save(self) -> None:
        if self.args.eval_batches:
            self.evaluate()
        if self.args.save:
            self._call("on_save")

    def evaluate(self) -> None:
        """Evaluate; also called outside a training."""
        self.callback_handler.eval_dataloader = [None] * self.args.eval_batches
        for _ in range(self.args.eval_batches):
            self._call("on_prediction_step")
        self._log({"eval_loss": 0.5})
        self._call("on_evaluate", metrics={"eval_loss": 0.5})

    def predict(self) -> None:
        """Predict."""
        self._call("on_prediction_step")
        self._call("on_predict", metrics={})
