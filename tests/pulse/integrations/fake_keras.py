"""A stand-in for Keras 3: the hooks of ``Callback``, and a ``Model.fit`` that calls them as the real one.

Only what the order of the calls and their arguments depend on is here. ``tests/frameworks`` holds it against the real
package.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


class Callback:
    """Those hooks of the real class that ``fit`` calls, doing nothing."""

    async_safe = False

    def __init__(self) -> None:
        self.params: Any = None
        self.model: Any = None

    def set_params(self, params: Any) -> None:
        self.params = params

    def set_model(self, model: Any) -> None:
        self.model = model

    def on_train_begin(self, logs: Any = None) -> None: ...

    def on_train_end(self, logs: Any = None) -> None: ...

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None: ...

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None: ...

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None: ...

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None: ...

    def on_test_begin(self, logs: Any = None) -> None: ...

    def on_test_end(self, logs: Any = None) -> None: ...

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None: ...

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None: ...


class CallbackList:
    """Calls every callback; ``fit`` makes one, or is given one."""

    def __init__(self, callbacks: Any, model: Any, **params: Any) -> None:
        self.callbacks: list[Callback] = []
        pending = [callbacks] if callbacks is not None else []
        while pending:
            first = pending.pop(0)
            if isinstance(first, list | tuple):
                pending[:0] = first
            else:
                self.callbacks.append(first)
        for callback in self.callbacks:
            callback.set_model(model)
            if params:
                callback.set_params(params)

    def call(self, event: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(*arguments)


class Model:
    """Trains nothing: ``x`` is a list of the losses of one epoch, or a function that yields them."""

    stop_training = False

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Any = None,
        validation_data: Sequence[float] | None = None,
        initial_epoch: int = 0,
    ) -> None:
        steps = len(x) if isinstance(x, list) else None
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(callbacks, self, verbose=verbose, epochs=epochs, steps=steps)
        self.stop_training = False
        call: Callable[..., None] = callbacks.call
        logs: dict[str, float] = {}
        call("on_train_begin", None)
        for epoch in range(initial_epoch, epochs):
            call("on_epoch_begin", epoch, None)
            for step, loss in enumerate(x if isinstance(x, list) else x()):
                call("on_train_batch_begin", step, None)
                logs = {"loss": loss}
                call("on_train_batch_end", step, logs)
                if self.stop_training:
                    break
            if validation_data is not None:
                call("on_test_begin", None)
                for step, loss in enumerate(validation_data):
                    call("on_test_batch_begin", step, None)
                    call("on_test_batch_end", step, {"loss": loss})
                    logs["val_loss"] = loss
                call("on_test_end", {"loss": loss})
            call("on_epoch_end", epoch, logs)
            if self.stop_training:
                break
        call("on_train_end", logs)
