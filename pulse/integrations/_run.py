"""What the callbacks share: one training run of a framework, and its status file."""

import functools
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Protocol, TypedDict, Unpack

from pulse.training import Pulse, training

__all__ = ["Options", "Run", "StrPath", "Watching", "not_finite", "total_from_steps", "watch"]

StrPath = str | os.PathLike[str]

_WATCHED = "_pulse_watched"
_COMPLETED = "Training completed"


class Options(TypedDict, total=False):
    """Those options of :func:`pulse.training` that a callback takes."""

    interval: float
    heartbeat: float | None
    on_sigterm: bool
    durable: bool


class Run:
    """The status file of the trainings that one callback sees, one after the other.

    With a path, each training has a ``Pulse`` of its own, which says how it ended. With a ``Pulse`` that the caller has
    opened, that one is updated only: the caller's ``with`` block says how it ended.
    """

    def __init__(self, target: StrPath | Pulse | None, **options: Unpack[Options]) -> None:
        self._target = target
        self._options = options
        self._pulse: Pulse | None = None
        self._epoch = self._total_epochs = 0.0
        self._loss: Any = None

    def begin(self, message: str, writes: bool | None = None) -> None:
        """A training begins, at epoch 0 of an unknown number.

        Args:
            message: what it does first.
            writes: whether this process writes the file: in a training of several processes, only one does. ``None``:
                as the environment variables of the usual launchers say.
        """
        self.close()
        self._epoch = self._total_epochs = 0.0
        self._loss = None
        if isinstance(self._target, Pulse):
            self._pulse = self._target
            self.update(message=message)
        else:
            rank = None if writes is None else int(not writes)
            self._pulse = training(self._target, message=message, rank=rank, **self._options)
            self._pulse.__enter__()

    def update(
        self,
        epoch: float | None = None,
        loss: Any = None,
        message: str | None = None,
        total_epochs: float | None = None,
    ) -> None:
        """As :meth:`pulse.training.Pulse.update`; does nothing outside a training."""
        if self._pulse is None:
            return
        if epoch is not None:
            self._epoch = epoch
        if total_epochs is not None:
            self._total_epochs = total_epochs
        if loss is not None:
            self._loss = loss
        self._pulse.update(epoch, loss, message, total_epochs)

    def finish(self) -> None:
        """The training has ended without an exception, perhaps before all its epochs.

        Where it ended early and the last loss is NaN or infinite, that is an error: the framework gave up.
        """
        early = self._epoch < self._total_epochs * (1.0 - 1e-9)
        message = f"Stopped after {self._epoch:.4g} of {self._total_epochs:.4g} epochs" if early else _COMPLETED
        gave_up = early and not_finite(self._loss)
        # What is done is never shown as more than was trained, and never as less.
        self.update(message=message if early else None, total_epochs=None if gave_up else self._epoch)
        pulse = self._ended()
        if pulse is not None:
            if gave_up:
                pulse.error(message)
            else:
                pulse.done(message)
            pulse.close()

    def fail(self, error: BaseException) -> None:
        """The training has ended with an exception."""
        pulse = self._ended()
        if pulse is not None:
            pulse.__exit__(type(error), error, error.__traceback__)

    def close(self) -> None:
        """The training has ended, and how is not known: the last status stays."""
        pulse = self._ended()
        if pulse is not None:
            pulse.close()

    def _ended(self) -> Pulse | None:
        """The ``Pulse`` that is this object's to end."""
        pulse, self._pulse = self._pulse, None
        return None if pulse is self._target else pulse

    @contextmanager
    def watched(self, message: str, writes: bool | None = None) -> Iterator[None]:
        """A training from its beginning to its end, whatever that is."""
        self.begin(message, writes)
        try:
            yield
        except BaseException as error:
            self.fail(error)
            raise
        self.finish()


class Watching(Protocol):
    """A callback that wants to know how the framework's method ends that runs the training."""

    def watching(self, trainer: Any) -> AbstractContextManager[None]: ...


def watch(owner: type, method: str, callbacks: Callable[..., Iterable[object]]) -> None:
    """Let callbacks see how a framework's method ends, for a framework that has no hook for it.

    The method is wrapped once. It keeps its name, signature and result; every exception passes.

    Args:
        owner: the framework's class.
        method: the name of the method that runs a training.
        callbacks: called with the arguments of a call; returns the callbacks that take part in it, of any type. Only
            those with a method ``watching`` (:class:`Watching`) hear of it.
    """
    original = getattr(owner, method)
    if hasattr(original, _WATCHED):
        return

    @functools.wraps(original)
    def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        with ExitStack() as stack:
            for callback in callbacks(self, *args, **kwargs):
                watching = getattr(callback, "watching", None)
                if watching is not None:
                    stack.enter_context(watching(self))
            return original(self, *args, **kwargs)

    setattr(watched, _WATCHED, True)
    setattr(owner, method, watched)


def total_from_steps(max_steps: int, batches: int, accumulation: int) -> float:
    """The epochs that a number of optimiser steps takes.

    Args:
        max_steps: optimiser steps in all.
        batches: batches in one epoch, at least 1.
        accumulation: batches for one optimiser step; the last step of an epoch may have fewer.
    """
    per_epoch = math.ceil(batches / accumulation)
    epochs, rest = divmod(max_steps, per_epoch)
    return epochs + min(rest * accumulation, batches) / batches


def not_finite(value: Any) -> bool:
    """Whether a logged value is NaN or infinite; ``False`` when it is no number at all."""
    try:
        return not math.isfinite(value)
    except (TypeError, ValueError, OverflowError):
        return False
