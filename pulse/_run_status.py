"""The status of a command that is run, whether or not the command writes the same file itself.

What the command writes is never replaced by less: its epoch and loss are kept, and so is its own ``done`` or
``error``.
"""

import time
from collections.abc import Callable
from functools import partial

from pulse._folders import with_folder
from pulse._problems import Problems
from pulse._publisher import Pacing, Publisher
from pulse._values import text
from pulse.reader import read_status
from pulse.status import Status, TrainingStatus, encode, present_time
from pulse.writer import publish, write_training_status

__all__ = ["RunStatus", "ended", "refresh_timestamp"]


class _Superseded(Exception):
    """The file has changed since it was read."""


def ended(found: Status | None, began: Status, failure: str | None) -> Status:
    """The status of a command that has ended.

    Args:
        found: what the file holds; ``None`` when it holds no valid status.
        began: what was written when the command was started.
        failure: why the command has failed; ``None`` when it has not.

    Returns:
        ``found``, when it is an end that the command has written itself; else ``done`` or ``error`` with the epoch and
        the loss of the command, if it has written any.
    """
    if found is not None and found["status"] in ("done", "error"):
        return found
    last = began if found is None else found
    epoch, loss, total = last["epoch"], last["loss"], last["total_epochs"] or began["total_epochs"]
    if failure is not None:
        return TrainingStatus.create("error", epoch, total, loss, text(failure))
    total = total or epoch
    return TrainingStatus.create("done", total, total, loss, "Training completed")


def refresh_timestamp(path: str, seen: Status) -> bool:
    """Write a status again with the present time, unless the file no longer holds it.

    The file is compared just before it is replaced: what another program writes before that moment is kept.

    Returns:
        Whether it was written.

    Raises:
        OSError: it could not be written.
    """

    def check() -> None:
        if read_status(path).status != seen:
            raise _Superseded

    try:
        publish(path, encode(_now(seen)), durable=False, before_replace=check)
    except _Superseded:
        return False
    return True


def _now(status: Status) -> Status:
    """``status`` with the present time."""
    now = status.copy()
    now["timestamp"] = present_time()
    return now


class RunStatus:
    """Writes the status of one command: its start, a sign of life now and then, its end."""

    def __init__(
        self,
        path: str,
        total_epochs: float,
        message: str,
        heartbeat: float | None,
        problems: Problems,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set up; nothing is written before :meth:`start`.

        Args:
            path: the status file.
            total_epochs: epochs planned; 0 when unknown.
            message: what the file says until the command says something itself.
            heartbeat: after how many seconds an unchanged file gets a new timestamp; ``None`` for never.
            problems: where failed writes are reported.
            clock: a monotonic clock, in seconds.
        """
        self._path = path
        self._problems = problems
        self._began = TrainingStatus.create("running", 0.0, total_epochs, 0.0, text(message))
        self._before: Status | None = None  # what an earlier run has left
        self._seen: Status | None = None
        self._attempted = self._written = False
        self._late = False  # whether the command may have been started before the first attempt
        self._end: tuple[str | None] | None = None
        self._publisher = Publisher(self._publish, Pacing(0.0, heartbeat), clock)

    def start(self) -> None:
        """Write ``running``. It makes the file's folder if there is none."""
        self._publisher.start()
        self._late = not self._wait()

    def end(self, failure: str | None) -> None:
        """Write ``done``, or ``error`` with why the command has failed, unless the command has written its own end."""
        self._end = (failure,)
        self._publisher.beat(None)
        self._publisher.renew()
        self._wait()
        self._publisher.stop()

    def _wait(self) -> bool:
        answered = self._publisher.demand()
        if not answered:
            self._problems.report("patience", f"{self._path}: the disk does not answer; the command goes on")
        return answered

    def _publish(self) -> bool:
        try:
            if self._end is not None:
                self._write_end(self._end[0])
            elif self._written:
                self._beat()
            else:
                self._write_start()
        except Exception as error:  # whatever it is, the command goes on
            self._problems.report("write", f"the status is not written, and the command goes on: {error}")
            return False
        self._problems.settle("write", f"{self._path}: the status is written again")
        return True

    def _write_start(self) -> None:
        """Write the start, unless the command, which a disk that fails or hangs does not hold up, was faster."""
        found = read_status(self._path).status
        if not self._attempted:
            self._attempted = True
            if found is None or not self._late or found["timestamp"] < self._began["timestamp"]:
                self._before = found
        if found == self._before:
            self._seen = self._began = _now(self._began)
            with_folder(self._path, partial(write_training_status, self._path, **self._began))
        self._written = True

    def _beat(self) -> None:
        """Refresh the timestamp of a running status that has not changed since the last time."""
        found = read_status(self._path).status
        if found is not None and found["status"] == "running" and found == self._seen:
            refresh_timestamp(self._path, found)
            found = read_status(self._path).status
        self._seen = found

    def _write_end(self, failure: str | None) -> None:
        found = read_status(self._path).status
        ours = self._written or found != self._before  # else it is what an earlier run has left
        end = ended(found if ours else None, self._began, failure)
        if end != found:
            with_folder(self._path, partial(write_training_status, self._path, **end))
