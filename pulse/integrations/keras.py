"""A callback for ``Model.fit`` of Keras 3, on any of its backends."""

import contextlib
import inspect
from collections.abc import Iterable, Iterator
from typing import Any, Unpack

import keras

from pulse.integrations._run import Options, Run, StrPath, watch
from pulse.training import Pulse

__all__ = ["PulseCallback"]


class PulseCallback(keras.callbacks.Callback):
    """Writes a status file while a model is fitted: ``model.fit(…, callbacks=[PulseCallback("status.json")])``.

    Keras calls no callback when ``fit`` raises, so ``Model.fit`` is wrapped when this module is imported: what it
    raises becomes the status ``error``, and passes. The loss is the one that Keras shows, the mean of the epoch so far.
    """

    async_safe = True  # Keras may call the methods for batches from other threads, and need not wait for them

    def __init__(self, target: StrPath | Pulse | None = None, **options: Unpack[Options]) -> None:
        """Set up; nothing is written before the training begins.

        Args:
            target: the path of the status file; ``None`` for that of :func:`pulse.training`; or a ``Pulse`` that is
                open while the model is fitted, and whose owner says how the training ended.
            options: ``interval``, ``heartbeat``, ``on_sigterm`` and ``durable`` as for :func:`pulse.training`; only
                with a path.
        """
        super().__init__()
        self._run = Run(target, **options)
        self._watched = False
        self._epoch = 0
        self._batch = -1

    @contextlib.contextmanager
    def watching(self, model: Any) -> Iterator[None]:
        """What ``Model.fit`` runs in: begins the training, and sees how it ends."""
        self._watched = True
        try:
            with self._run.watched("Preparing the training"):
                yield
        finally:
            self._watched = False

    def on_train_begin(self, logs: Any = None) -> None:
        """The first epoch is about to start."""
        if not self._watched:  # the methods of a list of callbacks are called by a loop of the user's own
            self._run.begin("")
        self._run.update(total_epochs=float((self.params or {}).get("epochs") or 0))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """An epoch begins; the first is not 0 when a training is resumed with ``initial_epoch``."""
        self._epoch = epoch
        self._batch = -1
        self._run.update(float(epoch), message=f"Epoch {epoch + 1}")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """A batch has ended, or the last of several that are executed as one."""
        if batch < self._batch:  # from another thread, later than a batch that came after it
            return
        self._batch = batch
        steps = (self.params or {}).get("steps")
        epoch = self._epoch + min((batch + 1) / steps, 1.0) if steps else None
        of = f" of {steps}" if steps else ""
        message = f"Epoch {self._epoch + 1}: batch {batch + 1}{of}"
        self._run.update(epoch, (logs or {}).get("loss"), message)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """A batch of an evaluation was done: the training is alive, and the epoch stays."""
        self._run.update(message=f"Epoch {self._epoch + 1}: evaluating, batch {batch + 1}")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """An epoch has ended, and its evaluation."""
        logs = logs or {}
        found = logs.get("val_loss")
        message = f"Epoch {epoch + 1}" + (f"; val_loss {found:.4g}" if isinstance(found, float) else "")
        self._run.update(epoch + 1.0, logs.get("loss"), message)

    def on_train_end(self, logs: Any = None) -> None:
        """The last epoch has ended; what is left of ``Model.fit`` may still fail."""
        if not self._watched:
            self._run.finish()


_FIT = inspect.signature(keras.Model.fit)


def _callbacks_of(model: Any, *args: Any, **kwargs: Any) -> Iterable[object]:
    """The callbacks among the arguments of a call of ``Model.fit``."""
    try:
        given = _FIT.bind(model, *args, **kwargs).arguments.get("callbacks")
    except TypeError:  # `fit` is about to refuse the arguments
        return ()
    return tuple(_flat(given))


def _flat(callbacks: Any) -> Iterator[object]:
    """Callbacks one by one, from what Keras accepts: one, a list of them, nested or not, or a ``CallbackList``."""
    nested = getattr(callbacks, "callbacks", callbacks)
    if isinstance(nested, list | tuple):
        for callback in nested:
            yield from _flat(callback)
    else:
        yield callbacks


# Not when a callback is made: in `model.fit(…, callbacks=[PulseCallback()])` the method has been looked up by then.
watch(keras.Model, "fit", _callbacks_of)
