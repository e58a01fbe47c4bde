"""Questions to disks, which may never answer: threads ask them, and nothing waits for long."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

__all__ = ["Asking"]

STEP: Final = 0.1
"""When no answer has come for so many seconds, as many threads again are started."""

Key = TypeVar("Key")
Answer = TypeVar("Answer")


class Asking(Generic[Key, Answer]):
    """Asks questions, each once at a time; one that hangs keeps a thread, and no other question waiting.

    One thread asks them all as long as the disks answer. The threads are daemons: none keeps the process alive.
    """

    def __init__(self, patience: float) -> None:
        """Ask nothing yet.

        Args:
            patience: when no answer has come for so many seconds, :meth:`ask` waits no longer.
        """
        self._patience = patience
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Key, Callable[[], Answer]]] = deque()
        self._open: set[Key] = set()
        self._answers: dict[Key, Answer] = {}
        self._count = 0
        self._threads = 0

    def ask(self, questions: Mapping[Key, Callable[[], Answer]]) -> dict[Key, Answer]:
        """Ask these questions, but for those that an earlier call has asked and that are still open.

        Args:
            questions: what to call, in this order. They must not raise.

        Returns:
            The answers that came since the last call. What is left open goes on, and may be answered at the next one.
        """
        with self._changed:
            new = questions.keys() - self._open
            self._waiting.extend((key, question) for key, question in questions.items() if key in new)
            self._open |= new
            self._start(1)
            count, last = self._count, time.monotonic()
            while self._waiting or not new.isdisjoint(self._open):
                if time.monotonic() - last >= self._patience:
                    break
                self._changed.wait(min(STEP, self._patience))
                if count == self._count:
                    self._start(self._threads)
                else:
                    count, last = self._count, time.monotonic()
            answers, self._answers = self._answers, {}
            return answers

    def _start(self, threads: int) -> None:
        for _ in range(min(threads, len(self._waiting))):
            try:
                threading.Thread(target=self._work, name="pulse-watch-asking", daemon=True).start()
            except RuntimeError:  # the system has no more threads
                return
            self._threads += 1

    def _work(self) -> None:
        """Ask one question after the other until none is left."""
        while True:
            with self._changed:
                if not self._waiting:
                    self._threads -= 1
                    return
                key, question = self._waiting.popleft()
            answer = question()
            with self._changed:
                self._answers[key] = answer
                self._open.remove(key)
                self._count += 1
                if not self._waiting:
                    self._changed.notify_all()
