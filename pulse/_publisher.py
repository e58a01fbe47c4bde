"""Writes in a thread of its own, so that a training never waits for a disk: the latest state wins.

A caller asks for a write (:meth:`Publisher.nudge`) or waits for one (:meth:`Publisher.demand`). ``SimpleQueue.put`` is
the one call between the threads that may be interrupted by a signal handler that makes the same call.
"""

import math
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

__all__ = ["LONGEST_PAUSE", "PATIENCE", "Pacing", "Publisher"]

LONGEST_PAUSE = 30.0
"""The longest pause between two attempts while writes fail, in seconds."""

PATIENCE = 10.0
"""How long a caller waits for the disk, in seconds: a disk that hangs must not hold up a training for ever."""

_LONGEST_WAIT = 86400.0  # in seconds; what a lock may wait for has a limit, which is a matter of the system


@dataclass
class Pacing:
    """When to write next. Times are seconds of a monotonic clock.

    Attributes:
        interval: the shortest time from the start of one write to the start of the next, unless a caller waits for it.
        heartbeat: the longest time between two writes; ``None`` when nothing is written without being asked.
        earliest: when a write that was asked for may start.
        beat: when a write is due that was not asked for.
        failures: attempts that have failed since the last write that succeeded.
    """

    interval: float
    heartbeat: float | None
    earliest: float = -math.inf
    beat: float = math.inf
    failures: int = 0

    def due(self, asked: bool) -> float:
        """When to write, given whether a write was asked for; ``inf`` for never."""
        return min(self.earliest, self.beat) if asked else self.beat

    def attempted(self, start: float, end: float, succeeded: bool) -> None:
        """Take note of an attempt. A slow disk is given as long a rest as it took, and one that fails ever longer."""
        pause = max(self.interval, 2.0 * (end - start))
        self.failures = 0 if succeeded else self.failures + 1
        if self.failures:
            pause = max(pause, min(2.0 ** min(self.failures - 1, 10), LONGEST_PAUSE))  # 2.0 ** 1024 is an error
        self.earliest = start + pause
        self.beat = math.inf if self.heartbeat is None else start + max(self.heartbeat, pause)


class Publisher:
    """Calls a function in a thread of its own: at once when a caller waits for it, paced when not."""

    def __init__(self, publish: Callable[[], bool], pacing: Pacing, clock: Callable[[], float]) -> None:
        """Set up; nothing runs before :meth:`start`.

        Args:
            publish: writes the present state; returns whether it succeeded. What it raises counts as a failure.
            pacing: when it is called.
            clock: a monotonic clock, in seconds.
        """
        self._publish = publish
        self._pacing = pacing
        self._clock = clock
        self._wake: queue.SimpleQueue[threading.Event | None] = queue.SimpleQueue()
        self._asked = False
        self._waiting: list[threading.Event] = []
        self._stopping = False
        self._patient = True  # whether callers wait: not again for a disk that one has waited for in vain
        self._thread: threading.Thread | None = None

    @property
    def threaded(self) -> bool:
        """Whether a thread does the work; if not, every call does what is due itself."""
        return self._thread is not None

    def start(self) -> bool:
        """Start the thread; returns whether the system allowed it."""
        thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no more threads, or the interpreter is shutting down
            return False
        self._thread = thread
        return True

    def nudge(self) -> None:
        """Ask for a write as soon as the pace allows it."""
        self._wake.put(None)
        if self._thread is None:
            self.turn()

    def demand(self) -> bool:
        """Write now; returns whether an attempt was finished within :data:`PATIENCE`.

        When a caller has waited in vain, the next one does not wait before the disk answers, or :meth:`renew`.
        """
        attempted = threading.Event()
        self._wake.put(attempted)
        if self._thread is None:
            self.turn()
        answered = attempted.wait(PATIENCE if self._patient else 0.0)
        self._patient = answered
        return answered

    def renew(self) -> None:
        """Let the next callers wait for the disk once more, for :data:`PATIENCE` in all."""
        self._patient = True

    def beat(self, heartbeat: float | None) -> None:
        """Change the heartbeat; it counts from the next write, but ``None`` ends it at once."""
        self._pacing.heartbeat = heartbeat
        if heartbeat is None:
            self._pacing.beat = math.inf

    def stop(self) -> bool:
        """End the thread; returns whether it ended within :data:`PATIENCE`, which may be over (:meth:`demand`).

        What no caller waits for is not written any more. What one has waited for in vain is, if the disk answers yet.
        """
        thread, self._thread = self._thread, None
        self._stopping = True
        self._wake.put(None)
        if thread is None:
            return True
        thread.join(PATIENCE if self._patient else 0.0)
        return not thread.is_alive()

    def turn(self) -> float | None:
        """Write if it is time to.

        Returns:
            The seconds until the next turn without a call, a day at most; ``None`` when there is none.
        """
        while not self._wake.empty():
            self._take(self._wake.get())
        start = self._clock()
        if self._waiting or start >= self._pacing.due(self._asked):
            waiting, self._waiting, self._asked = self._waiting, [], False
            succeeded = self._attempt()
            self._patient = True
            self._pacing.attempted(start, self._clock(), succeeded)
            self._asked = not succeeded
            for event in waiting:
                event.set()
        due = self._pacing.due(self._asked)
        return None if due == math.inf else min(max(due - self._clock(), 0.0), _LONGEST_WAIT)

    def _attempt(self) -> bool:
        try:
            return self._publish()
        except Exception:  # of whatever type: what was published is tried again
            return False
        except BaseException:
            if threading.current_thread() is threading.main_thread():  # Ctrl-C comes to no other thread
                raise
            return False  # SystemExit, of a log handler of the program's own: it must not end all writing

    def _take(self, item: threading.Event | None) -> None:
        if item is None:
            self._asked = True
        else:
            self._waiting.append(item)

    def _run(self) -> None:
        while not self._stopping:
            with suppress(queue.Empty):
                self._take(self._wake.get(timeout=self.turn()))
        while not self._wake.empty():
            self._take(self._wake.get())
        if self._waiting:
            self.turn()
