"""The numbers of a training run: taken as training code has them, and refused without an error."""

import math
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pulse._problems import Problems
from pulse._values import finite, is_on_accelerator, not_negative

__all__ = ["Figures"]


class Mailbox:
    """What passes between the training and its publisher without a lock.

    It is kept in slots: an attribute in a slot takes fewer cache misses than one in a dictionary, and an update after a
    step that has filled the processor's caches takes little else.
    """

    __slots__ = ("_asked", "_newest")
    _asked: bool
    """Whether a write is on its way that will take what is left."""
    _newest: tuple[float, float] | None
    """Epoch and loss, both valid, left there by an update."""


class Figures(Mailbox):
    """Epoch, total and loss; what is refused is logged once, and counted."""

    def __init__(self, interval: float, clock: Callable[[], float]) -> None:
        """Start with zeros.

        Args:
            interval: the shortest time between two reads of a loss on a GPU, in seconds.
            clock: a monotonic clock, in seconds.
        """
        self._interval, self._clock = interval, clock
        self._problems = Problems()
        self._lock = threading.RLock()  # a signal handler may interrupt the thread that holds it
        self._forget()
        self._read_again = -math.inf

    def _forget(self) -> None:
        """Zeros again, and nothing on its way."""
        self._epoch = self._total = self._loss = 0.0
        self._loss_note = ""
        self._unread: Any = None  # a loss that is still on a GPU
        self._newest, self._asked = None, False

    def _take_newest(self) -> None:
        """Take what was left without the lock."""
        newest, self._newest = self._newest, None
        if newest is not None:
            self._epoch, self._loss = float(newest[0]), newest[1]
            self._loss_note, self._unread = "", None

    def _set_epoch(self, epoch: Any) -> None:
        if epoch.__class__ is float and 0.0 <= epoch < math.inf:
            self._epoch = epoch  # nearly always
            return
        found = not_negative(epoch)
        if isinstance(found, str):
            self._problems.report("epoch", f"an epoch was refused ({found}); the file keeps the last one")
        else:
            self._epoch = found

    def _set_total(self, total: Any) -> None:
        found = not_negative(total)
        if isinstance(found, str):
            self._problems.report("total_epochs", f"total_epochs was refused ({found}); the file keeps the last one")
        else:
            self._total = found

    def _set_loss(self, loss: Any) -> None:
        """Take a loss, of whatever type."""
        if loss.__class__ is float and -math.inf < loss < math.inf:
            self._loss, self._loss_note, self._unread = loss, "", None  # nearly always
            return
        if is_on_accelerator(loss):
            now = self._clock()
            if now < self._read_again:
                with suppress(Exception):  # of whatever type: a GPU that has failed
                    self._unread = loss.detach()  # without the graph, which would stay in the GPU's memory
                return
            self._read_again = now + self._interval
        self._unread = None
        found = finite(loss)
        if isinstance(found, float):
            self._loss, self._loss_note = found, ""
        else:
            self._loss_note = f"loss is {found}"
            self._problems.report("loss", f"the loss is {found}: the status file keeps the last finite one")

    def _read_loss(self) -> bool:
        """Read the loss that was left on the GPU; returns whether there was one."""
        with self._lock:
            if self._unread is None:
                return False
            self._read_again = -math.inf
            self._set_loss(self._unread)
            return True
