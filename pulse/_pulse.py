"""One run as the writer of its status file: what :func:`pulse.training` returns."""

import math
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from pulse._figures import Figures
from pulse._folders import with_folder
from pulse._live import enlist, live, overtake, unhandled_error
from pulse._rank import rank_of
from pulse._values import describe_error, text, with_note
from pulse.writer import write_training_status

if TYPE_CHECKING:  # what only a run needs is imported when one starts, so that importing pulse stays cheap
    from pulse._publisher import Publisher
    from pulse._sigterm import SigtermHandler

__all__ = ["Pulse", "StrPath"]

StrPath = str | os.PathLike[str]

_LOCK_SECONDS: Final = 0.5


class Pulse(Figures):
    """The writer of one status file for one run; see :func:`pulse.training`, which makes one.

    No method raises anything on account of a disk or a value. ``start``, ``done``, ``error`` and ``close`` wait until
    the status is written, but for 10 s at most, an end and its ``close`` together; ``update`` never waits. All may be
    called from any thread. In a process forked from the one that called ``start`` they do nothing, nor do they for a
    copy of a run that was started, such as a pickled one.
    """

    def __init__(
        self,
        path: StrPath,
        total_epochs: float = 0.0,
        *,
        message: str = "",
        interval: float = 0.25,
        heartbeat: float | None = None,
        on_sigterm: bool = False,
        rank: int | None = None,
        durable: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """As for :func:`pulse.training`; ``clock`` is a monotonic clock, in seconds."""
        if not 0.0 <= interval < math.inf:
            raise ValueError(f"interval must be a number of seconds, 0 or more, not {interval!r}")
        if heartbeat is not None and not heartbeat > 0.0:
            raise ValueError(f"heartbeat must be a number of seconds above 0, or None for none, not {heartbeat!r}")
        self.path = os.fsdecode(path)
        with suppress(OSError):  # the working folder is gone: then the writes say so
            self.path = os.path.join(os.getcwd(), self.path)
        self.file = self.path
        self.rank = rank_of(os.environ) if rank is None else rank
        self._heartbeat = None if heartbeat == math.inf else heartbeat
        self._on_sigterm = on_sigterm
        self._sigterm: SigtermHandler | None = None
        self._durable = durable
        super().__init__(interval, clock)
        self._first_total, self._first_message = total_epochs, message
        self._started = False
        self._active = False
        self._open = False  # whether an update counts: active, and the status is running
        self._threaded = False
        self._ended_by_signal = self._overtaken = self._inherited = False
        self._status, self._message = "idle", ""
        self._written = ""  # the status of the file
        self._publisher: Publisher
        self._error_before: BaseException | None = None
        self._process = 0
        needed = ["pulse._publisher"] + ["pulse._sigterm"] * on_sigterm + ["winreg"] * (sys.platform == "win32")
        for module in needed:  # while it can be: later no descriptor may be free
            with suppress(Exception):  # the start tries again
                import_module(module)

    @property
    def problems(self) -> int:
        """How many writes failed and values were refused so far. The first of each kind is logged as a warning."""
        return self._problems.count

    def start(self) -> None:
        """Write ``running`` with epoch 0. Each write makes the file's folder if there is none.

        A run that was closed can be started again. Only a process of rank 0 writes, now or later.
        """
        self._start(again=True)

    def _start(self, *, again: bool) -> None:
        """As :meth:`start`; ``again`` is whether a run that was closed starts anew."""
        if self._inherited:  # and another thread may have held the lock at the fork
            return
        with self._lock:  # several threads may come here at once
            if self._active or (self._started and not again):
                return
            self._started = True
            if self.rank != 0:
                return
            try:
                self._set_up()
            except Exception as error:  # of whatever type: a module that cannot be imported
                self._problems.report("start", f"no status is written, and the training goes on: {error}")
                return
        if not self._threaded:
            self._problems.report(
                "thread", "the system allows no further thread: the training itself writes its status"
            )
        if self._on_sigterm:
            self._install_handler()
        self._write_now()

    def _set_up(self) -> None:
        """Forget what an earlier start has left, and begin to listen to updates."""
        from pulse._publisher import Pacing, Publisher

        self._publisher = Publisher(self._publish, Pacing(self._interval, self._heartbeat), self._clock)
        self._forget()
        self._message = text(self._first_message)
        self._set_total(self._first_total)
        self._status, self._written = "running", ""
        self._ended_by_signal = self._overtaken = False
        self._error_before = unhandled_error()
        self._process = os.getpid()
        self._active = self._open = True
        self.file = os.path.normpath(self.path)
        enlist(self)
        self._threaded = self._publisher.start()

    def update(
        self,
        epoch: float | None = None,
        loss: float | None = None,
        message: str | None = None,
        total_epochs: float | None = None,
    ) -> None:
        """Say how far the training is; what is left out stays as it was. Starts the run if it was not started.

        The newest values are written at the next moment that ``interval`` allows, by another thread: the last update
        before a long pause is written too. After ``done`` or ``error`` it does nothing.

        Args:
            epoch: epochs completed, a fraction being part of one.
            loss: a number, or a tensor, array or NumPy scalar with one. NaN and infinity, which JSON does not have, are
                said in the message, and the file keeps the last finite loss. A PyTorch tensor on a GPU is read at most
                once per ``interval``, by a call of this method: reading it waits for the GPU.
            message: a line for people who watch the run.
            total_epochs: epochs planned, if that has changed.
        """
        # Nearly always a write is already on its way. _publish resets _asked before it takes _newest, so what is left
        # here while _asked is set will be written. No lock, no constants by name: each takes longer than all the rest.
        if (
            loss.__class__ is float
            and (epoch.__class__ is float or epoch.__class__ is int)
            and message is None
            and total_epochs is None
            and self._asked
            and 0.0 <= epoch < 1e15
            and -1e300 < loss < 1e300  # what is beyond may be valid too
        ):
            self._newest = epoch, loss
            if self._asked:
                return
        if not self._open and not self._reopen():
            return
        with self._lock:
            if not self._open:  # another thread has just written the end
                return
            self._take_newest()
            if epoch is not None:
                self._set_epoch(epoch)
            if loss is not None:
                self._set_loss(loss)
            if message is not None:
                self._message = message if type(message) is str else text(message)
            if total_epochs is not None:
                self._set_total(total_epochs)
            if self._asked:
                return
            if self._overtaken:
                self._overtaken = False
                self._publisher.beat(self._heartbeat)
            self._asked = self._threaded
        try:
            self._publisher.nudge()
        except BaseException:  # Ctrl-C: it must not silence all later updates
            self._asked = False
            raise

    def done(self, message: str = "Training completed") -> None:
        """Write ``done`` with ``epoch = total_epochs``: of a run whose total is unknown, the epochs that it made.

        After :meth:`error` it does nothing.
        """
        self._end("done", message)

    def error(self, error: BaseException | str) -> None:
        """Write ``error`` with the last epoch and loss; the message is the error's type and text, or the text given.

        After :meth:`done` it says that the run has failed all the same.
        """
        self._end("error", describe_error(error))

    def close(self) -> None:
        """Write what has not been written yet and stop. The status stays as it is; call ``done`` or ``error`` first."""
        if not self._is_active():
            return
        if self._status == "running":  # else the end has begun to wait
            self._publisher.renew()
        if self._read_loss() or self._asked or not self._threaded or self._written != self._status:
            self._write_now()
        self._stop()

    def _stop(self) -> None:
        """Stop, without another write."""
        self._active = self._open = False
        live.discard(self)
        if self._sigterm is not None:
            self._sigterm.restore()
        if not self._publisher.stop():
            self._problems.report("stop", f"{self.path}: the disk does not answer; its last status may be missing")

    def __enter__(self) -> Self:
        """Call :meth:`start`, unless that was done."""
        try:
            if not self._active:
                self.start()
        except BaseException as error:  # Ctrl-C: no one will leave a block that was not entered
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Call ``done``, if no end was written, or ``error`` when an exception leaves the block, and close.

        ``SystemExit`` with code 0 is no error. A class derived from it is, such as Lightning's ``SIGTERMException``.
        """
        if error is not None and not (type(error) is SystemExit and error.code in (None, 0)):
            self.error(error)
        elif self._open or self._ended_by_signal:
            self.done()
        self.close()

    def at_exit(self, error: BaseException | None) -> None:
        """Called when the interpreter ends: a run that no one has ended has failed, unless another has its file."""
        if self._overtaken:
            self._stop()
            return
        if self._status == "running":
            unknown = "the program ended before the training was done"
            self.error(unknown if error is None or error is self._error_before else error)
        self.close()

    def in_fork(self) -> None:
        """Called in a forked process: only the process that has started the run writes."""
        self._active = self._open = False
        self._inherited = True

    def __reduce__(self) -> tuple[Any, ...]:
        """As what another process gets a run: for workers, which may have it with their data set."""
        keywords = {
            "message": self._first_message,
            "interval": self._interval,
            "heartbeat": self._heartbeat,
            "on_sigterm": self._on_sigterm,
            "rank": self.rank,
            "durable": self._durable,
        }
        return _copy, (type(self), (self.path, self._first_total), keywords, self._started)

    def overtaken(self) -> None:
        """Called when another run has written the file: no sign of life of this run may replace that."""
        self._overtaken, self._asked = True, False
        self._publisher.beat(None)

    def _is_active(self) -> bool:
        """Whether the run has been started and not closed, once a start that is under way in another thread is."""
        if self._inherited:  # and another thread may have held the lock at the fork
            return False
        with self._lock:
            return self._active

    def _reopen(self) -> bool:
        """Whether an update counts although the run is not running: it was not started, or it has survived SIGTERM."""
        if not self._started:
            self._start(again=False)
        elif self._active and self._ended_by_signal:
            self._status, self._ended_by_signal, self._open = "running", False, True
            self._publisher.beat(self._heartbeat)
        return self._open

    def _install_handler(self) -> None:
        try:
            from pulse._sigterm import SigtermHandler
        except Exception as error:  # of whatever type, as above
            self._problems.report("sigterm", f"on_sigterm has no effect: {error}")
            return
        self._sigterm = SigtermHandler(self._stop_by_signal)
        if not self._sigterm.install():
            self._problems.report("sigterm", "on_sigterm has no effect: start the run in the main thread of Python")

    def _stop_by_signal(self) -> None:
        """Write ``error`` for SIGTERM. If the program survives it, the next update says ``running`` again."""
        # A signal may come in a forked child before it has forgotten its runs.
        if os.getpid() == self._process and not self._overtaken:
            self._end("error", "SIGTERM", by_signal=True)

    def _end(self, status: str, message: str, *, by_signal: bool = False) -> None:
        """Write the end of the run; an error outranks ``done``."""
        if not self._is_active():
            return
        if status == "done":
            self._read_loss()
        with self._lock:
            if self._status == "error" and (status == "done" or by_signal) and not self._ended_by_signal:
                return
            if self._open:
                self._take_newest()
            self._status, self._message, self._ended_by_signal = status, message, by_signal
            self._open = self._overtaken = False
            if status == "done":
                self._total = self._total or self._epoch
                self._epoch = self._total
        self._publisher.beat(None)  # an ended run shows no sign of life
        self._publisher.renew()
        self._write_now()

    def _write_now(self) -> None:
        """Write the present state and wait for it."""
        if not self._publisher.demand():
            self._problems.report("patience", f"{self.path}: the disk does not answer; the training goes on")

    def _publish(self) -> bool:
        """Write the present state; called by the publisher, one call at a time."""
        # A signal handler that waits for this write may have interrupted the thread that holds the lock: go on then.
        locked = self._lock.acquire(timeout=_LOCK_SECONDS)
        stale, self._asked = self._overtaken, False
        if self._open:  # else it has come after the end
            self._take_newest()
        status, epoch, total, loss = self._status, self._epoch, self._total, self._loss
        message, note = self._message, self._loss_note
        if locked:
            self._lock.release()
        if stale:
            return True
        message, durable = with_note(text(message), note), self._durable and status != self._written

        def write() -> None:
            write_training_status(self.path, status, epoch, total, loss, message, durable=durable)

        try:
            with_folder(self.path, write)
            if not self._written:  # here, for a disk that hangs, and once, for it takes some system calls
                self.file = os.path.realpath(self.path)
        except Exception as error:  # whatever it is, the training goes on
            self._problems.report("write", f"the status is not written, and the training goes on: {error}")
            return False
        self._written = status
        overtake(self)
        self._problems.settle("write", f"{self.path}: the status is written again")
        return True


def _copy(kind: type[Pulse], arguments: tuple[Any, ...], keywords: dict[str, Any], started: bool) -> Pulse:
    """A copy of a run, in another process or in this one: as after a fork, it does nothing if the run was started."""
    run = kind(*arguments, **keywords)
    if started:
        run.in_fork()
    return run
