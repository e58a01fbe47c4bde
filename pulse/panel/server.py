"""The server: its socket, its end, and what it prints."""

import asyncio
import contextlib
import errno
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import uvicorn

from pulse._streams import complain
from pulse.panel.app import application
from pulse.panel.board import Board
from pulse.panel.fanout import Hub
from pulse.panel.guard import Policy, is_loopback
from pulse.panel.poller import Poller
from pulse.panel.protocol import Limits, guarded_protocol, tune
from pulse.panel.sources import Source

__all__ = [
    "Panel",
    "PanelServer",
    "Settings",
    "address_of",
    "affordable",
    "build",
    "listen",
    "policy_for",
    "print_notes",
    "serve",
]

RESERVED = 64
"""Descriptors that are kept for everything but connections."""
BACKLOG = 256
"""Connections that the kernel holds until they are accepted; each round of the loop accepts as many at most."""
PATIENCE_SECONDS = 0.3
"""How long viewers may take to read the end of their stream when the panel ends."""


@dataclass(frozen=True)
class Settings:
    """What a panel is started with."""

    sources: tuple[Source, ...]
    host: str = "127.0.0.1"
    port: int = 8765
    interval: float = 2.0
    stalled_after: float = 60.0
    limit: int = 500
    connections: int = 500
    token: str | None = None
    """``None``: none on loopback, and one that is made up everywhere else."""
    allow_hosts: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        OSError: the port is in use, or the host is not one of this machine; the message says what to do.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise OSError(f"{host}: {getattr(error, 'strerror', None) or error}: choose another --host") from error
    listener = socket.socket(family, kind, protocol)
    try:
        if sys.platform == "win32":  # there, SO_REUSEADDR would let two panels share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(_advice(error, host, port)) from error
    return listener


def _advice(error: OSError, host: str, port: int) -> str:
    """What went wrong with the socket, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use: choose another with --port, or let the system choose: --port 0"
    if error.errno == errno.EACCES:
        return f"port {port} of {host} is not for you: choose one above 1023 with --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine: choose another --host"
    return f"{host}, port {port}: {error.strerror or error}"


def policy_for(settings: Settings) -> Policy:
    """What is allowed: on loopback, programs of this machine; elsewhere, clients that have the token."""
    names = {"localhost", settings.host.lower(), *map(str.lower, settings.allow_hosts)}
    loopback = is_loopback(settings.host)
    names |= {"127.0.0.1", "::1"} if loopback else {socket.gethostname().lower(), socket.getfqdn().lower()}
    token = settings.token or (None if loopback else secrets.token_urlsafe(32))
    return Policy(frozenset(names), not loopback, token, frozenset(settings.allow_origins))


def serve(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        settings: what to show, and where.
        announce: is called with the address once it can be opened.

    Raises:
        OSError: the address cannot be used; the message says what to do.
    """
    policy = policy_for(settings)
    with listen(settings.host, settings.port) as listener, contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(settings, policy, listener, announce))


@dataclass(frozen=True)
class Panel:
    """A panel that is ready to start."""

    server: "PanelServer"
    poller: Poller
    hub: Hub
    address: str
    """What to open in a browser, with the token if there is one."""


def build(settings: Settings, policy: Policy, listener: socket.socket, limits: Limits) -> Panel:
    """Put a panel together. Call it in the event loop that will run it.

    Args:
        settings: what to show.
        policy: which requests are answered.
        listener: where they come from.
        limits: what a connection may take.
    """
    tune(listener, limits)
    board = Board(settings.sources, limit=settings.limit, stalled_after=settings.stalled_after)
    hub = Hub(interval=settings.interval, stalled_after=settings.stalled_after, stream="stream")
    poller = Poller(board.poll, hub, settings.interval)
    port = listener.getsockname()[1]
    app = application(hub, policy, streams=max(limits.connections * 9 // 10, 1), cookie=f"pulse_panel_{port}")
    config = uvicorn.Config(
        app,
        access_log=False,  # it would have the token, once
        backlog=BACKLOG,
        h11_max_incomplete_event_size=16 * 1024,
        http=guarded_protocol(limits),
        lifespan="off",
        log_config=None,
        log_level="error",
        loop="asyncio",
        proxy_headers=False,
        server_header=False,
        ws="none",
    )
    return Panel(PanelServer(config, hub), poller, hub, address_of(settings.host, port, policy.token))


async def _serve(settings: Settings, policy: Policy, listener: socket.socket, announce: Callable[[str], None]) -> None:
    panel = build(settings, policy, listener, Limits(connections=affordable(settings.connections)))
    panel.poller.start()
    announce(panel.address)
    notes = asyncio.create_task(print_notes(panel.hub))
    try:
        await panel.server.serve(sockets=[listener])
    finally:
        notes.cancel()
        panel.poller.stop()


async def print_notes(hub: Hub) -> None:
    """Print what the first poll found amiss, such as a folder whose name was misspelt."""
    for note in (await hub.now()).notes:
        # The name of a file may hold escape sequences.
        shown = (one if one.isprintable() else one.encode("unicode_escape").decode() for one in note)
        complain(f"pulse panel: {''.join(shown)}")


def address_of(host: str, port: int, token: str | None) -> str:
    """What to open in a browser."""
    if host in ("", "0.0.0.0", "::"):
        host = socket.gethostname()
    query = "" if token is None else f"?token={quote(token, safe='')}"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/{query}"


def affordable(connections: int) -> int:
    """As many connections as there are descriptors for; the limit of this process is raised as far as it may be."""
    if sys.platform == "win32":
        return connections
    import resource

    wanted = connections + Limits().farewells + BACKLOG + RESERVED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    raised = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
        soft = raised
    return max(connections - (wanted - soft), 1)


class PanelServer(uvicorn.Server):
    """uvicorn's server, with an end of its own: streams never end by themselves."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn does it, but a signal that ended the server does not end the process once more."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handled = [signal.SIGINT, signal.SIGTERM]
        before = {number: signal.signal(number, self.handle_exit) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, and cut off the viewers that do not read the end."""
        self._hub.close()
        asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._cut_off)
        await super().shutdown(sockets)

    def _cut_off(self) -> None:
        for connection in list(self.server_state.connections):
            transport: Any = connection.transport
            transport.abort()
