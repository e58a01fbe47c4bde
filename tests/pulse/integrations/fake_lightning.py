"""A stand-in for Lightning: the hooks of ``Callback``, and a ``Trainer.fit`` that calls them as the real one.

Only what the order of the calls and their arguments depend on is here. ``tests/frameworks`` holds it against the real
package.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any


class Callback:
    """Those hooks of the real class that ``fit`` and ``validate`` call, doing nothing."""

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None: ...

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None: ...

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None: ...

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None: ...

    def on_sanity_check_start(self, trainer: Any, pl_module: Any) -> None: ...

    def on_sanity_check_end(self, trainer: Any, pl_module: Any) -> None: ...

    def on_train_start(self, trainer: Any, pl_module: Any) -> None: ...

    def on_train_end(self, trainer: Any, pl_module: Any) -> None: ...

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None: ...

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None: ...

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None: ...

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None: ...

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None: ...

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None: ...

    def on_validation_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None: ...

    def on_validation_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None: ...

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None: ...


class Trainer:
    """Trains nothing: a batch is a number, and the number is its loss."""

    def __init__(
        self,
        callbacks: Iterable[Any] = (),
        max_epochs: int | None = 1,
        max_steps: int = -1,
        accumulate_grad_batches: int = 1,
        validation: int = 0,
        is_global_zero: bool = True,
        automatic_optimization: bool = True,
    ) -> None:
        self.callbacks = list(callbacks)
        self.max_epochs = max_epochs
        self.max_steps = max_steps
        self.accumulate_grad_batches = accumulate_grad_batches
        self.validation = validation
        self.is_global_zero = is_global_zero
        self.current_epoch = 0
        self.num_training_batches: float = 0
        self.sanity_checking = self.should_stop = False
        self.callback_metrics: dict[str, Any] = {}
        self._module = SimpleNamespace(automatic_optimization=automatic_optimization)

    def fit(self, batches: Any, training_step: Callable[[Any], Any] = float, resume_at: int = 0) -> None:
        """Train from an epoch on."""
        self._guarded(self._fit, batches, training_step, resume_at)

    def validate(self) -> None:
        """Validate outside a training."""
        self._guarded(self._validate_alone)

    def _call(self, event: str, *arguments: Any, **named: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self, self._module, *arguments, **named)

    def _guarded(self, run: Callable[..., None], *arguments: Any) -> None:
        try:
            run(*arguments)
        except KeyboardInterrupt as interrupt:
            self._call("on_exception", interrupt)
            sys.exit(1)
        except BaseException as error:
            self._call("on_exception", error)
            raise

    def _fit(self, batches: Any, training_step: Callable[[Any], Any], resume_at: int) -> None:
        self._call("setup", stage="fit")
        self._call("on_fit_start")
        if self.validation:
            self.sanity_checking = True
            self._call("on_sanity_check_start")
            self._validate()
            self._call("on_sanity_check_end")
            self.sanity_checking = False
        self.current_epoch, step = resume_at, 0
        self.num_training_batches = len(batches) if isinstance(batches, list) else math.inf
        self._call("on_train_start")
        while self.current_epoch != self.max_epochs and step != self.max_steps and not self.should_stop:
            self._call("on_train_epoch_start")
            for index, batch in enumerate(batches if isinstance(batches, list) else batches()):
                self._call("on_train_batch_start", batch, index)
                outputs = training_step(batch)
                # What automatic optimisation makes of a number: a dictionary.
                outputs = {"loss": outputs} if self._module.automatic_optimization else outputs
                self._call("on_train_batch_end", outputs, batch, index)
                last = index + 1 == self.num_training_batches
                step += last or (index + 1) % self.accumulate_grad_batches == 0
                if step == self.max_steps:
                    break
            if self.validation and index + 1 == self.num_training_batches:
                self._validate()
            self._call("on_train_epoch_end")
            self.current_epoch += 1
        self._call("on_train_end")
        self._call("on_fit_end")
        self._call("teardown", stage="fit")

    def _validate(self) -> None:
        self._call("on_validation_start")
        for index in range(self.validation):
            self._call("on_validation_batch_start", None, index)
            self._call("on_validation_batch_end", None, None, index)
        self._call("on_validation_end")

    def _validate_alone(self) -> None:
        self._call("setup", stage="validate")
        self._validate()
        self._call("teardown", stage="validate")
