"""The runs that this process has started and not closed: what becomes of them when the interpreter ends, or forks."""

import atexit
import os
import sys
import threading
from contextlib import suppress
from typing import Protocol

__all__ = ["LiveRun", "end_all", "enlist", "live", "overtake", "unhandled_error"]


class LiveRun(Protocol):
    """A run that has been started and not closed."""

    file: str
    """What its status file is compared by: its path, without links once it was written."""

    def overtaken(self) -> None:
        """Another run has written the file: what it says is not this run's to change, until this one has news."""

    def at_exit(self, error: BaseException | None) -> None:
        """End and close the run; no one else will. ``error`` is what ended the program, if that is known."""

    def in_fork(self) -> None:
        """Do nothing from now on, and touch no lock: another thread of the parent may have held it at the fork."""


live: set[LiveRun] = set()
_LAST = -1000  # below the priorities of multiprocessing's own: after its processes and queues
_registered = 0  # the process of multiprocessing that ends its runs


def unhandled_error() -> BaseException | None:
    """The exception that the interpreter, or a notebook, has reported last."""
    error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)  # last_exc: Python 3.12
    return error if isinstance(error, BaseException) else None


def enlist(run: LiveRun) -> None:
    """Note that a run was started.

    A process that multiprocessing has forked ends by ``os._exit``, without ``atexit``, but it calls its own finalizers.
    """
    global _registered
    live.add(run)
    process = sys.modules.get("multiprocessing.process")
    if process is None or _registered == os.getpid():
        return
    with suppress(Exception):  # of whatever type: it is not complete, or cannot be imported any more
        if process.parent_process() is None:
            return
        from multiprocessing.util import Finalize

        Finalize(None, _end_process, exitpriority=_LAST)
        _registered = os.getpid()


def overtake(run: LiveRun) -> None:
    """Tell the other runs on the same file that ``run`` has written it, as when a notebook's cell is run again."""
    for other in list(live):
        if other is not run and other.file == run.file:
            other.overtaken()


def end_all(error: BaseException | None = None) -> None:
    """At the end of the interpreter; ``error`` is on its way, if that is known."""
    for run in list(live):
        run.at_exit(error or unhandled_error())


def _end_process() -> None:
    """At the end of a process of multiprocessing: wait for its threads first, as the interpreter does before atexit.

    What ended the process is still on its way then, and reported by no one yet.
    """
    here = threading.current_thread()
    while others := [thread for thread in threading.enumerate() if thread is not here and not thread.daemon]:
        for thread in others:
            thread.join()
    error = sys.exception()
    end_all(None if isinstance(error, SystemExit) else error)


def _forget_all() -> None:
    """In a forked child."""
    for run in live:
        run.in_fork()
    live.clear()


atexit.register(end_all)
if sys.platform == "win32":
    pass  # no process is ever forked
else:
    os.register_at_fork(after_in_child=_forget_all)
