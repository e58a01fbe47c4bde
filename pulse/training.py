"""A training run as the writer of its status file: throttled, in a thread of its own, and never in the training's way.

    with pulse.training("status.json", total_epochs=3) as run:
        for epoch in range(3):
            run.update(epoch, loss=train_one_epoch())

The file says ``running`` as soon as the block is entered, ``done`` when it is left, and ``error`` when an exception
leaves it. What goes wrong with the file is logged once and counted (:attr:`Pulse.problems`), and never raised.
"""

import os
from typing import Final

from pulse._pulse import Pulse, StrPath

__all__ = ["DEFAULT_PATH", "PATH_VARIABLE", "Pulse", "training"]

DEFAULT_PATH: Final = "training_status.json"
"""The status file of a run that does not name one."""

PATH_VARIABLE: Final = "PULSE_PATH"
"""The environment variable with the path for a run that does not name one; ``pulse run`` sets it."""


def training(
    path: StrPath | None = None,
    total_epochs: float = 0.0,
    *,
    message: str = "",
    interval: float = 0.25,
    heartbeat: float | None = None,
    on_sigterm: bool = False,
    rank: int | None = None,
    durable: bool = True,
) -> Pulse:
    """The status file of one training run, as a context manager.

    The file says ``running`` with epoch 0 when the block is entered. When it is left, it says ``done`` with
    ``epoch = total_epochs``, or ``error`` with the type and text of the exception, which goes on. Nothing about the
    file ever stops the training: see :attr:`Pulse.problems`.

    A program that ends without leaving the block, or without the block, is an ``error`` too, written when Python ends.
    After ``os._exit``, a crash of the interpreter or SIGKILL the file says ``running``; its timestamp shows its age.

    Args:
        path: the status file; its folder is made. ``None``: that of the environment variable ``PULSE_PATH``, which
            ``pulse run`` sets, or else ``training_status.json``.
        total_epochs: epochs planned; 0 when unknown.
        message: a line for people who watch the run.
        interval: the shortest time between two writes, in seconds. Start and end are written at once.
        heartbeat: after how many seconds without an update the ``timestamp`` alone is refreshed; ``None``, or infinity,
            for never. It shows that the process lives, not that the training makes progress: a training that hangs
            looks alive.
        on_sigterm: whether SIGTERM is an ``error``. The handler from before is called after it, and restored.
        rank: of this process; only rank 0 writes. ``None``: from ``RANK``, ``SLURM_PROCID`` or
            ``OMPI_COMM_WORLD_RANK``, else 0.
        durable: whether start and end survive a power cut. The updates between may be lost in one, not torn.

    Returns:
        A :class:`Pulse`, which also works without ``with``: ``start``, ``update``, ``done`` or ``error``, ``close``.

    Raises:
        ValueError: ``interval`` or ``heartbeat`` is no such number of seconds.
        TypeError: ``path`` is not a path.
    """
    return Pulse(
        os.environ.get(PATH_VARIABLE) or DEFAULT_PATH if path is None else path,
        total_epochs,
        message=message,
        interval=interval,
        heartbeat=heartbeat,
        on_sigterm=on_sigterm,
        rank=rank,
        durable=durable,
    )
