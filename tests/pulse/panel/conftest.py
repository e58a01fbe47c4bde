"""What the tests of the panel share: status files, requests without a socket, and a panel that serves on loopback."""

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pulse import serialise
from pulse.panel.app import application
from pulse.panel.board import Board
from pulse.panel.fanout import Hub
from pulse.panel.guard import Policy
from pulse.panel.protocol import Limits
from pulse.panel.server import Panel, Settings, build, listen, policy_for
from pulse.panel.sources import source_of

NOW = 1_800_000_000
PATIENCE = 120.0
"""Seconds: no file system of a test takes so long, however busy the machine."""
LOCAL = Policy(frozenset({"127.0.0.1", "localhost"}))


class Clocks:
    """A monotonic clock and a wall clock that go on only when they are told to."""

    def __init__(self) -> None:
        self.monotonic, self.wall = 1000.0, float(NOW)

    def pass_by(self, seconds: float) -> None:
        """Let time pass, for both."""
        self.monotonic += seconds
        self.wall += seconds


def put(path: Path, status: str = "running", epoch: float = 1.0, **members: Any) -> Path:
    """Put a status file there, last modified when its timestamp says."""
    whole = {"status": status, "epoch": epoch, "total_epochs": 4.0, "loss": 0.5, "message": "", "timestamp": NOW}
    path.write_bytes(serialise(whole | members))
    return path


def board_of(clocks: Clocks, *arguments: Path | str, **options: Any) -> Board:
    """A board that shows what a command line names."""
    sources = [source_of(str(argument)) for argument in arguments]
    chosen = {"clock": lambda: clocks.monotonic, "wall_clock": lambda: clocks.wall, "patience": PATIENCE, **options}
    return Board(sources, **chosen)


@dataclass(frozen=True)
class Answer:
    """What an application sent."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


async def ask(app: Any, path: str, method: str = "GET", **headers: str) -> Answer:
    """One request to an ASGI application, without a socket; underscores of header names become dashes."""
    bare, _, query = path.partition("?")
    given = {"host": "127.0.0.1:8765"} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {
        "type": "http",
        "method": method,
        "path": bare,
        "raw_path": bare.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 8765),
        "client": ("127.0.0.1", 5),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given.items()],
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = sent[0]
    found = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], found, b"".join(part.get("body", b"") for part in sent[1:]))


def app_of(hub: Hub, policy: Policy = LOCAL) -> Any:
    """The application, with what a panel on loopback allows."""
    return application(hub, policy)


@asynccontextmanager
async def serving(*arguments: Path, limits: Limits | None = None, **settings: Any) -> AsyncIterator[tuple[Panel, int]]:
    """A panel that serves on loopback, and its port. It polls every 20 ms."""
    chosen = Settings(tuple(source_of(str(one)) for one in arguments), port=0, **{"interval": 0.02, **settings})
    with listen(chosen.host, 0) as listener:
        panel = build(chosen, policy_for(chosen), listener, limits or Limits())
        port = listener.getsockname()[1]
        panel.poller.start()
        task = asyncio.create_task(panel.server.serve(sockets=[listener]))
        try:
            while not panel.server.started:
                await asyncio.sleep(0)
            yield panel, port
        finally:
            panel.server.should_exit = True
            await task
            panel.poller.stop()


@asynccontextmanager
async def connected(port: int, path: str | None = None) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
    """A connection to a served panel; with a path, a request for it is sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        if path is not None:
            writer.write(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n".encode())
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def status_of(reader: StreamReader) -> int:
    """The status of the answer that begins here."""
    return int((await reader.readline()).split()[1])


@pytest.fixture
def clocks() -> Clocks:
    """Clocks that stand still."""
    return Clocks()
