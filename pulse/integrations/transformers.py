"""A callback for the ``Trainer`` of Hugging Face Transformers, and for those built on it (TRL, LLaMA-Factory)."""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Unpack

import transformers

from pulse.integrations._run import Options, Run, StrPath, not_finite, total_from_steps, watch
from pulse.training import Pulse

__all__ = ["PulseCallback"]


class PulseCallback(transformers.TrainerCallback):
    """Writes a status file while a ``Trainer`` trains: ``Trainer(…, callbacks=[PulseCallback("status.json")])``.

    The trainer has no hook for an exception, so the first callback that is made wraps ``Trainer.train``: what it raises
    becomes the status ``error``. While it runs, the method ``training_step`` of that trainer is wrapped too, because
    the trainer's own log hides a loss that is NaN or infinite (``logging_nan_inf_filter``). Both pass everything on.

    The epoch is the trainer's. Where the number of batches is unknown, the trainer counts no epochs; then the whole
    training counts as one.
    """

    def __init__(self, target: StrPath | Pulse | None = None, **options: Unpack[Options]) -> None:
        """Set up; nothing is written before the training begins.

        Args:
            target: the path of the status file; ``None`` for that of :func:`pulse.training`; or a ``Pulse`` that is
                open while the trainer trains, and whose owner says how the training ended.
            options: ``interval``, ``heartbeat``, ``on_sigterm`` and ``durable`` as for :func:`pulse.training`; only
                with a path.
        """
        self._run = Run(target, **options)
        self._losses = _Losses()
        self._whole_is_one_epoch = False
        self._logged = False
        self._note = ""
        self._predicted = 0
        self._watched = False
        watch(transformers.Trainer, "train", _callbacks_of)

    @contextlib.contextmanager
    def watching(self, trainer: Any) -> Iterator[None]:
        """What ``Trainer.train`` runs in: begins the training, sees each loss and how the training ends."""
        self._watched = True
        try:
            with self._run.watched("Preparing the training", trainer.is_world_process_zero()), self._losses.of(trainer):
                yield
        finally:
            self._watched = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The first step is about to start; with ``auto_find_batch_size`` this may be said more than once."""
        if not self._watched:  # a trainer with a `train` of its own: an exception in it is not seen
            self._run.begin("", state.is_world_process_zero)
        self._logged, self._note = False, ""
        self._losses.clear()
        self._whole_is_one_epoch = False
        if args.max_steps <= 0:
            total = float(args.num_train_epochs)  # that of the state is rounded up
        else:
            batches = _length(kwargs.get("train_dataloader"))
            self._whole_is_one_epoch = not batches
            total = total_from_steps(args.max_steps, batches, args.gradient_accumulation_steps) if batches else 1.0
        self._run.update(self._epoch(state), total_epochs=total, message=self._step(state))

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """An optimiser step begins; it may take several batches."""
        self._losses.begin_step()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """An optimiser step has ended."""
        # Until the trainer logs its first mean, which by default takes 500 steps, the loss is that of the last step.
        loss = None if self._logged else self._losses.step
        self._run.update(self._epoch(state), loss, self._step(state))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """The trainer has logged: the mean loss of the last steps, or the results of an evaluation."""
        logs = logs or {}
        if "loss" not in logs:  # an evaluation, or the summary at the end
            return
        self._logged = True
        hidden, seen = self._losses.hidden()
        loss, self._note = logs["loss"], ""
        if hidden and hidden == seen:
            loss = math.nan  # the trainer says 0.0
        elif hidden:
            self._note = f"; {hidden} of {seen} losses were not finite"
        elif not_finite(logs.get("grad_norm")):
            self._note = f"; the norm of the gradient is {logs['grad_norm']}"
        self._run.update(self._epoch(state), loss, self._step(state))

    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A batch of an evaluation was done: the training is alive, and the epoch stays."""
        self._predicted += 1
        batches = _length(kwargs.get("eval_dataloader"))
        of = f" of {batches}" if batches else ""
        self._run.update(message=f"Evaluating: batch {self._predicted}{of}")

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """An evaluation has ended."""
        self._predicted = 0
        loss = (metrics or {}).get("eval_loss")
        self._run.update(message=self._step(state) + (f"; eval_loss {loss:.4g}" if isinstance(loss, float) else ""))

    def on_predict(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """A prediction has ended."""
        self._predicted = 0

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A checkpoint was saved, which may take long."""
        self._run.update(message=f"{self._step(state)}; checkpoint saved")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The last step has ended; what is left of ``Trainer.train`` may still fail."""
        if not self._watched:
            self._run.finish()

    def _epoch(self, state: Any) -> float:
        if self._whole_is_one_epoch:
            return float(state.global_step / state.max_steps)
        return float(state.epoch or 0.0)

    def _step(self, state: Any) -> str:
        return f"Step {state.global_step} of {state.max_steps}{self._note}"


class _Losses:
    """What the batches of a trainer gave as their losses, on whatever device they are: nothing here waits for it."""

    def __init__(self) -> None:
        self.step: Any = None
        self.clear()

    def clear(self) -> None:
        """Forget everything: a training begins."""
        self.step = None
        self._seen = 0
        self._hidden: Any = 0

    def begin_step(self) -> None:
        """An optimiser step begins."""
        self.step = None

    def add(self, loss: Any) -> None:
        """One batch, whose loss is scaled so that the sum over the batches of one step is the loss of the step."""
        with contextlib.suppress(Exception):  # an object that is no number is not ours to complain about
            self.step = loss if self.step is None else self.step + loss
            self._hidden = self._hidden + ((loss - loss) != 0)  # NaN for NaN and for the infinite
            self._seen += 1

    def hidden(self) -> tuple[int, int]:
        """How many losses were not finite, of how many, since the last call."""
        counts = int(self._hidden), self._seen
        self._seen = self._hidden = 0
        return counts

    @contextlib.contextmanager
    def of(self, trainer: Any) -> Iterator[None]:
        """Listen to one trainer."""
        own = "training_step" in vars(trainer)
        original: Callable[..., Any] = trainer.training_step

        def training_step(*args: Any, **kwargs: Any) -> Any:
            loss = original(*args, **kwargs)
            self.add(loss)
            return loss

        trainer.training_step = training_step
        try:
            yield
        finally:
            if own:
                trainer.training_step = original
            else:
                del trainer.training_step


def _callbacks_of(trainer: Any, *args: Any, **kwargs: Any) -> Iterable[object]:
    return tuple(trainer.callback_handler.callbacks)


def _length(loader: Any) -> int:
    """The number of batches of a data loader; 0 when it is not known."""
    try:
        return len(loader)
    except (AttributeError, NotImplementedError, RuntimeError, TypeError):  # it reads from a stream, or there is none
        return 0
