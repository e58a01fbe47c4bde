"""Calls that may hang in a dead file system, each in a thread that is left behind when it does."""

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

__all__ = ["Patience"]

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")

MOST_THREADS: Final = 256
"""While so many calls hang, only keys that answered last time are tried."""

STEP: Final = 0.1
"""When no answer has come for so many seconds, as many threads again are started."""


@dataclass
class _Batch(Generic[Key, Result]):
    """What one :meth:`Patience.ask` wants to know. Its threads share it, and each step of theirs is atomic."""

    waiting: deque[Key]
    total: int
    results: dict[Key, Result] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)


class Patience(Generic[Key, Result]):
    """Makes one call for each key, and does not wait for those that hang. One thread calls :meth:`ask`."""

    def __init__(self, call: Callable[[Key], Result], seconds: float) -> None:
        """Call nothing yet.

        Args:
            call: what is asked, in other threads; it must not raise.
            seconds: the time without any answer, and without another thread to try, after which the rest is not waited
                for.
        """
        self._call, self._seconds = call, seconds
        self._under_way: dict[Key, _Batch[Key, Result]] = {}
        self._answered: set[Key] = set()

    @property
    def hung(self) -> frozenset[Key]:
        """The keys whose calls have not ended, as far as the last :meth:`ask` knows."""
        return frozenset(self._under_way)

    def ask(self, keys: Iterable[Key]) -> dict[Key, Result]:
        """The results for the keys that answer.

        A key that does not is left out. Its call stays the only one for this key until it ends, and what it brings then
        is the answer of the next time.
        """
        late = self._late()
        wanted = dict.fromkeys(keys)
        results = {key: late[key] for key in wanted if key in late}
        missing = [key for key in wanted if key not in late and key not in self._under_way]
        if len(self._under_way) >= MOST_THREADS:
            missing = [key for key in missing if key in self._answered]
        if missing:
            results |= self._answers_of(missing)
        self._answered = results.keys() & wanted.keys()
        return results

    def _late(self) -> dict[Key, Result]:
        """The results that came after they were waited for."""
        late = {key: batch.results[key] for key, batch in self._under_way.items() if key in batch.results}
        for key in late:
            del self._under_way[key]
        return late

    def _answers_of(self, keys: list[Key]) -> dict[Key, Result]:
        # Those that answered come first: others may take all the threads.
        batch: _Batch[Key, Result] = _Batch(deque(sorted(keys, key=lambda key: key not in self._answered)), len(keys))
        threads = self._start(batch, 1)
        answers, last = 0, time.monotonic()
        while not batch.ended.wait(min(STEP, self._seconds)):
            if answers != len(batch.results):
                answers, last = len(batch.results), time.monotonic()
                continue
            # Twice as many each time: a hundred that hang must not hold up the last for a hundred times as long.
            room = MOST_THREADS - len(self._under_way) - threads
            started = self._start(batch, min(max(threads, 1), room, len(batch.waiting)))
            if started:
                threads, last = threads + started, time.monotonic()
            elif time.monotonic() - last >= self._seconds:
                break
        not_tried = set(_taken(batch.waiting))
        results = dict(batch.results)
        self._under_way |= {key: batch for key in keys if key not in results and key not in not_tried}
        return results

    def _start(self, batch: _Batch[Key, Result], count: int) -> int:
        for started in range(count):
            try:
                threading.Thread(target=self._work, args=(batch,), name="pulse-patience", daemon=True).start()
            except RuntimeError:  # the system has no more threads
                return started
        return max(count, 0)

    def _work(self, batch: _Batch[Key, Result]) -> None:
        for key in _taken(batch.waiting):
            batch.results[key] = self._call(key)
            if len(batch.results) == batch.total:
                batch.ended.set()


def _taken(waiting: deque[Key]) -> Iterator[Key]:
    """The keys of a queue, each taken by one thread only."""
    with suppress(IndexError):
        while True:
            yield waiting.popleft()
