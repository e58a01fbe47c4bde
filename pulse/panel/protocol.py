"""HTTP connections that cannot hold the server: a cap, and deadlines for requests and for viewers that do not read."""

import asyncio
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["REFUSAL", "Limits", "guarded_protocol"]

REFUSAL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 10\r\nconnection: close\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 41\r\n\r\n"
    b"Too many connections: try again in 10 s.\n"
)


@dataclass(frozen=True)
class Limits:
    """What one connection, and all of them, may take."""

    connections: int = 500
    """At most so many are served at a time; others get a 503."""
    request_seconds: float = 10.0
    """The header of a request has to be complete by then."""
    stuck_seconds: float = 20.0
    """A viewer that reads nothing for so long is cut off."""
    farewell_seconds: float = 1.0
    """How long a refused connection may take to read the refusal …"""
    farewells: int = 100
    """… and how many may do so at a time; beyond that they are only closed."""


def guarded_protocol(limits: Limits) -> type[H11Protocol]:
    """The class of connections that uvicorn is given."""
    farewells: set[asyncio.Transport] = set()

    class Guarded(H11Protocol):
        """One connection."""

        _refused = False
        _deadline: asyncio.TimerHandle | None = None
        _stuck: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
            if len(self.connections) < limits.connections:
                super().connection_made(transport)
                self._await_request()
                return
            self._refused = True
            self.transport = transport
            transport.write(REFUSAL)
            if len(farewells) >= limits.farewells:
                transport.close()
                return
            # With the request unread, a close would reset the connection, and the client might not see why.
            farewells.add(transport)
            with suppress(OSError):  # it has read the refusal and is gone
                transport.write_eof()
            self._deadline = self.loop.call_later(limits.farewell_seconds, transport.abort)

        def connection_lost(self, exc: Exception | None) -> None:
            farewells.discard(self.transport)
            for timer in (self._deadline, self._stuck):
                if timer is not None:
                    timer.cancel()
            if not self._refused:
                super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._refused:
                return
            super().data_received(data)
            if self._is_answering():
                self._forget_deadline()
            elif self._deadline is None:
                self._await_request()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self._is_answering():  # the next request had come already
                self._forget_deadline()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._stuck = self.loop.call_later(limits.stuck_seconds, self.transport.abort)

        def resume_writing(self) -> None:
            assert self._stuck is not None  # writing was paused before
            self._stuck.cancel()
            super().resume_writing()

        def _is_answering(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _await_request(self) -> None:
            self._deadline = self.loop.call_later(limits.request_seconds, self.transport.abort)

        def _forget_deadline(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return Guarded


def tune(listener: socket.socket, limits: Limits) -> None:
    """Let the system end connections whose other side has vanished without a word; accepted sockets inherit it."""
    user_timeout: Any = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux
    if user_timeout is not None:
        listener.setsockopt(socket.IPPROTO_TCP, user_timeout, int(limits.stuck_seconds * 1000))
