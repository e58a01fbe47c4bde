"""A callback for the ``Trainer`` of Lightning, from the package ``lightning`` or ``pytorch_lightning``."""

import math
from typing import Any, Unpack

try:
    from lightning.pytorch import Callback
except ModuleNotFoundError:  # the older name of the same package
    from pytorch_lightning import Callback

from pulse.integrations._run import Options, Run, StrPath, total_from_steps
from pulse.training import Pulse

__all__ = ["PulseCallback"]


class PulseCallback(Callback):
    """Writes a status file while a ``Trainer`` fits: ``Trainer(…, callbacks=[PulseCallback("status.json")])``.

    The loss is what ``training_step`` returned for the last batch, or the metric that ``monitor`` names. ``validate``,
    ``test`` and ``predict`` outside ``fit`` write nothing.
    """

    def __init__(
        self, target: StrPath | Pulse | None = None, *, monitor: str | None = None, **options: Unpack[Options]
    ) -> None:
        """Set up; nothing is written before the training begins.

        Args:
            target: the path of the status file; ``None`` for that of :func:`pulse.training`; or a ``Pulse`` that is
                open while the trainer fits, and whose owner says how the training ended.
            monitor: a metric that the module logs, such as ``"train_loss"``, to be shown as the loss.
            options: ``interval``, ``heartbeat``, ``on_sigterm`` and ``durable`` as for :func:`pulse.training`; only
                with a path.
        """
        super().__init__()
        self._monitor = monitor
        self._run = Run(target, **options)

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Called first, before the model is set up and a checkpoint is loaded."""
        if stage == "fit":
            self._run.begin("Preparing the training", trainer.is_global_zero)

    def on_sanity_check_start(self, trainer: Any, pl_module: Any) -> None:
        """A few batches are validated before the training."""
        self._run.update(message="Sanity check")

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """The first batch is about to be trained."""
        total = _total_epochs(trainer, pl_module)
        self._run.update(float(trainer.current_epoch), total_epochs=total, message=_epoch_of(trainer))

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """A batch has been trained."""
        batches = trainer.num_training_batches
        epoch, message = None, f"{_epoch_of(trainer)}: batch {batch_idx + 1}"
        if math.isfinite(batches):
            epoch = trainer.current_epoch + min((batch_idx + 1) / batches, 1.0)
            message += f" of {batches}"
        self._run.update(epoch, self._loss(trainer, outputs), message)

    def on_validation_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """A batch has been validated: the training is alive, and the epoch stays."""
        if not trainer.sanity_checking:
            self._run.update(message=f"{_epoch_of(trainer)}: validating, batch {batch_idx + 1}")

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """An epoch has ended, whether its number of batches was known or not."""
        self._run.update(trainer.current_epoch + 1.0, message=_epoch_of(trainer))

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """The training has ended, and every callback's ``on_train_end`` with it."""
        self._run.finish()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Called for whatever was raised, a ``KeyboardInterrupt`` and Lightning's own ``SIGTERMException`` too."""
        self._run.fail(exception)

    def _loss(self, trainer: Any, outputs: Any) -> Any:
        """The loss of the last batch; ``None`` when there is none, as the training then skips the batch."""
        if self._monitor is not None:
            return trainer.callback_metrics.get(self._monitor)
        return outputs.get("loss") if isinstance(outputs, dict) else outputs


def _total_epochs(trainer: Any, pl_module: Any) -> float:
    """The epochs planned; 0.0 when there is no limit, or none that can be stated in epochs."""
    limits = []
    if trainer.max_epochs is not None and trainer.max_epochs >= 0:
        limits.append(float(trainer.max_epochs))
    batches = trainer.num_training_batches
    # Steps are counted for each optimiser, and only automatic optimisation has just one.
    if trainer.max_steps > 0 and math.isfinite(batches) and pl_module.automatic_optimization:
        limits.append(total_from_steps(trainer.max_steps, batches, trainer.accumulate_grad_batches))
    return min(limits, default=0.0)


def _epoch_of(trainer: Any) -> str:
    return f"Epoch {trainer.current_epoch + 1}"
