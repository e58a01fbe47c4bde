"""One state for any number of viewers: serialised once, handed to each through a queue of one event."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final

from pulse.panel.states import State, aged, changes, document

__all__ = ["Hub", "Subscription", "event"]

JUDGED_FOR: Final = 1.0
"""For so many seconds an answer is handed out again; then runs are judged anew, although no poll has ended since."""


def event(name: str, data: dict[str, Any]) -> bytes:
    """A server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), encoded(data))


def encoded(data: dict[str, Any]) -> bytes:
    """JSON in ASCII, on one line."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).encode()


class Hub:
    """Has the newest state, and the viewers that wait for the next one. It belongs to the thread of the event loop."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, **constant: Any) -> None:
        """Have no state yet.

        Args:
            clock: a monotonic clock, in seconds.
            constant: members that each whole state carries, such as the interval.
        """
        self.state: State | None = None
        self._clock = clock
        self._published = self._judged = clock()
        self.subscriptions: set[Subscription] = set()
        self._constant = constant
        self._whole: bytes | None = None
        self._first = asyncio.Event()

    def publish(self, state: State) -> None:
        """Make a state the newest and hand the news to every viewer. One that still has news gets the whole state."""
        before, self.state, self._whole = self.state, state, None
        self._published = self._clock()
        self._first.set()
        if before is not None and self.subscriptions:
            news = event("changes", changes(before, state))
            for subscription in self.subscriptions:
                subscription.offer(news)

    def late(self) -> None:
        """Tell the viewers that the server lives although the files could not be polled in time."""
        for subscription in self.subscriptions:
            subscription.remind(b"event: late\ndata: {}\n\n")

    async def now(self) -> State:
        """The newest state as it has to be judged at this moment; it waits for the first one."""
        await self._first.wait()
        assert self.state is not None
        return aged(self.state, self._clock() - self._published)

    async def whole(self) -> bytes:
        """The same as JSON. It is serialised at most once for each state and each second."""
        await self._first.wait()
        if self._whole is None or self._clock() - self._judged >= JUDGED_FOR:
            self._judged = self._clock()
            self._whole = encoded(document(await self.now(), **self._constant))
        return self._whole

    def subscribe(self) -> "Subscription":
        """A new viewer. Close it when the viewer has gone."""
        subscription = Subscription(self)
        self.subscriptions.add(subscription)
        return subscription

    def close(self) -> None:
        """End the streams of all viewers."""
        for subscription in list(self.subscriptions):
            subscription.close()


class Subscription:
    """What one viewer has not been sent yet: at most one event, whatever its speed."""

    def __init__(self, hub: Hub) -> None:
        """Args: hub: where the whole state comes from."""
        self._hub = hub
        self._news: bytes | None = None
        self._needs_whole = True
        self._closed = False
        self._ready = asyncio.Event()
        self._ready.set()

    def offer(self, news: bytes) -> None:
        """Hand over what changed. A viewer that has not taken the last news yet will get everything in its place."""
        if self._news is not None:
            self._needs_whole = True
        self._news = news
        self._ready.set()

    def remind(self, sign: bytes) -> None:
        """Hand over a sign of life, unless there is news to send in any case."""
        if self._news is None and not self._needs_whole:
            self._news = sign
            self._ready.set()

    def close(self) -> None:
        """Forget this viewer; its events end."""
        self._hub.subscriptions.discard(self)
        self._closed = True
        self._ready.set()

    async def events(self) -> AsyncGenerator[bytes, None]:
        """The events: everything first, then the changes."""
        while True:
            await self._ready.wait()
            if self._closed:
                return
            self._ready.clear()
            if self._needs_whole:
                whole = await self._hub.whole()
                self._news, self._needs_whole = None, False
                yield b"event: state\ndata: %s\n\n" % whole
            elif self._news is not None:
                news, self._news = self._news, None
                yield news
