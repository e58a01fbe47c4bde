"""The thread that polls the files, so that a file system that hangs does not hang the server."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from pulse.panel.fanout import Hub
from pulse.panel.states import State

__all__ = ["Poller"]


class Poller:
    """Polls at each interval, and hands the states to the hub in the event loop's thread."""

    def __init__(self, poll: Callable[[], State], hub: Hub, interval: float, patience: float | None = None) -> None:
        """Start nothing yet.

        Args:
            poll: what looks at the files.
            hub: what gets the states.
            interval: between two polls, in seconds.
            patience: after how many seconds without a state the viewers are reminded; ``None`` for two intervals.
        """
        self._poll, self._hub, self._interval = poll, hub, interval
        self._patience = max(2 * interval, 2.0) if patience is None else patience
        self._stop = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handed_over = 0
        self._watch: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start polling. Call it in the event loop; the thread is a daemon, for it may hang in a read for ever."""
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, name="pulse-panel-poller", daemon=True).start()
        self._watch_over(-1)

    def stop(self) -> None:
        """Stop after the poll that is under way. Call it in the event loop."""
        self._stop.set()
        if self._watch is not None:
            self._watch.cancel()

    def _run(self) -> None:
        assert self._loop is not None
        due = time.monotonic()
        while not self._stop.is_set():
            state = self._poll()
            if self._stop.is_set():
                return
            with suppress(RuntimeError):  # the loop has just been closed
                self._loop.call_soon_threadsafe(self._hand_over, state)
            # Polls that take longer than the interval do not pile up.
            due = max(due + self._interval, time.monotonic())
            self._stop.wait(due - time.monotonic())

    def _hand_over(self, state: State) -> None:
        self._handed_over += 1
        self._hub.publish(state)

    def _watch_over(self, before: int) -> None:
        """Remind the viewers that the server lives, as long as there are no news for them."""
        if self._handed_over == before:
            self._hub.late()
        assert self._loop is not None
        self._watch = self._loop.call_later(self._patience, self._watch_over, self._handed_over)
