"""Connections that try to hold the server."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn.server import ServerState

from pulse.panel import protocol
from pulse.panel.protocol import REFUSAL, Limits

from .conftest import connected, put, serving, status_of

QUICK = 0.05
"""Seconds, for limits that a test waits for."""


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 60.0))


async def body_of(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    return await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))


async def is_cut_off(reader: asyncio.StreamReader) -> bool:
    try:
        while await reader.read(65536):
            pass
    except ConnectionError:
        pass
    return True


def test_one_connection_serves_several_requests(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            serving(put(tmp_path / "run.json")) as (_, port),
            connected(port, "/api/status") as (reader, writer),
        ):
            assert b'"run"' in await body_of(reader)
            again = f"GET /api/status HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n".encode()
            writer.write(again * 2)  # the second before the first is answered
            assert b'"run"' in await body_of(reader)
            assert b'"run"' in await body_of(reader)
            writer.write(again[:20])
            await asyncio.sleep(0)
            writer.write(again[20:])
            assert b'"run"' in await body_of(reader)

    run(scenario)


def test_a_request_that_never_ends_is_cut_off(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            serving(put(tmp_path / "run.json"), limits=Limits(request_seconds=QUICK)) as (panel, port),
            connected(port) as (reader, writer),
        ):
            writer.write(b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ")
            assert await is_cut_off(reader)
            assert panel.server.server_state.connections == set()

    run(scenario)


def test_so_is_a_connection_without_a_request(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            serving(put(tmp_path / "run.json"), limits=Limits(request_seconds=QUICK)) as (_, port),
            connected(port) as (reader, _),
        ):
            assert await is_cut_off(reader)

    run(scenario)


def test_so_is_a_second_request_that_never_ends(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            serving(put(tmp_path / "run.json"), limits=Limits(request_seconds=QUICK)) as (_, port),
            connected(port, "/api/status") as (reader, writer),
        ):
            await body_of(reader)
            writer.write(b"GET")
            assert await is_cut_off(reader)

    run(scenario)


def test_a_viewer_that_reads_nothing_is_cut_off_and_holds_no_one_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = put(tmp_path / "run.json")
        async with (
            serving(path, limits=Limits(stuck_seconds=QUICK), interval=0.001) as (panel, port),
            connected(port, "/api/stream") as (reader, _),
        ):
            with socket.create_connection(("127.0.0.1", port)) as stuck:
                stuck.sendall(f"GET /api/stream HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n".encode())
                while len(panel.hub.subscriptions) < 2:
                    await asyncio.sleep(0)
                seen = 0
                while len(panel.hub.subscriptions) == 2:
                    put(path, epoch=float(seen), message="x" * 4000)
                    await reader.readuntil(b"event: ")
                    seen += 1
                assert seen > 10

    run(scenario)


def test_a_viewer_that_catches_up_in_time_stays(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            serving(put(tmp_path / "run.json")) as (panel, port),
            connected(port, "/api/stream") as (reader, _),
        ):
            assert await status_of(reader) == 200
            (connection,) = panel.server.server_state.connections
            connection.pause_writing()
            connection.resume_writing()
            connection.resume_writing()
            await reader.readuntil(b"event: changes")

    run(scenario)


class TestTooMany:
    def test_they_are_refused_politely_and_the_others_are_served(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with serving(put(tmp_path / "run.json"), limits=Limits(connections=2, farewells=3)) as (panel, port):
                async with connected(port, "/api/stream") as (viewer, _), connected(port):
                    assert await status_of(viewer) == 200
                    while len(panel.server.server_state.connections) < 2:
                        await asyncio.sleep(0)
                    for _ in range(3):
                        async with connected(port, "/") as (refused, _):
                            assert await refused.read() == REFUSAL
                    assert len(panel.server.server_state.connections) == 2
                    await viewer.readuntil(b"event: changes")
                while panel.server.server_state.connections:
                    await asyncio.sleep(0)
                async with connected(port, "/") as (served, _):
                    assert await status_of(served) == 200

        run(scenario)

    @pytest.mark.parametrize("farewells", [0, 1])
    def test_even_when_they_do_not_leave(self, tmp_path: Path, farewells: int) -> None:
        async def scenario() -> None:
            limits = Limits(connections=1, farewells=farewells, farewell_seconds=QUICK)
            async with (
                serving(put(tmp_path / "run.json"), limits=limits) as (_, port),
                connected(port, "/api/stream") as (viewer, _),
            ):
                assert await status_of(viewer) == 200
                async with connected(port) as (refused, writer):
                    assert await refused.readexactly(len(REFUSAL)) == REFUSAL
                    writer.write(b"GET / HTTP/1.1\r\n")
                    assert await is_cut_off(refused)

        run(scenario)

    def test_one_that_is_gone_before_the_end_of_the_refusal_is_no_error(self) -> None:
        calls: list[str] = []

        class Transport(asyncio.Transport):
            def write(self, data: Any) -> None:
                calls.append("write")

            def write_eof(self) -> None:
                calls.append("end")
                raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

            def abort(self) -> None:
                calls.append("abort")

        async def refuse() -> None:
            config = uvicorn.Config(PlainTextResponse(""), log_config=None, lifespan="off")
            state = ServerState()
            connection = protocol.guarded_protocol(Limits(connections=0, farewell_seconds=0.0))(config, state, {})
            transport = Transport()
            connection.connection_made(transport)
            while "abort" not in calls:
                await asyncio.sleep(0)
            connection.connection_lost(None)

        asyncio.run(refuse())
        assert calls == ["write", "end", "abort"]

    def test_the_refusal_is_whole(self) -> None:
        head, _, body = REFUSAL.partition(b"\r\n\r\n")
        assert f"content-length: {len(body)}".encode() in head


def test_the_system_is_asked_to_notice_viewers_that_vanish(monkeypatch: pytest.MonkeyPatch) -> None:
    options: list[Any] = []

    class Listener:
        def setsockopt(self, *arguments: Any) -> None:
            options.append(arguments)

    listener: Any = Listener()
    monkeypatch.setattr(socket, "TCP_USER_TIMEOUT", 18, raising=False)
    protocol.tune(listener, Limits(stuck_seconds=20.0))
    monkeypatch.delattr(socket, "TCP_USER_TIMEOUT")
    protocol.tune(listener, Limits())
    assert options == [(socket.IPPROTO_TCP, 18, 20_000)]
