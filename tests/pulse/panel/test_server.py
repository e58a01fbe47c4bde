"""The socket, the policy, and the end of the server."""

import asyncio
import contextlib
import errno
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from starlette.responses import PlainTextResponse

from pulse.panel import server as server_module
from pulse.panel.guard import Guard, Policy
from pulse.panel.protocol import Limits
from pulse.panel.server import Settings, affordable, build, listen, policy_for, serve
from pulse.panel.sources import source_of

from .conftest import ask, connected, put, serving


class TestListen:
    def test_a_port_in_use_says_what_to_do(self) -> None:
        with listen("127.0.0.1", 0) as first:
            port = first.getsockname()[1]
            with pytest.raises(OSError, match=rf"^port {port} of 127.0.0.1 is in use: .* --port 0$"):
                listen("127.0.0.1", port)

    @pytest.mark.parametrize(
        ("number", "advice"),
        [
            (errno.EACCES, "above 1023"),
            (errno.EADDRNOTAVAIL, "no address of this machine"),
            (errno.ENOBUFS, re.escape(os.strerror(errno.ENOBUFS))),
        ],
    )
    def test_every_other_refusal_says_what_to_do_too(
        self, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
    ) -> None:
        def refuse(self: socket.socket, address: Any) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(socket.socket, "bind", refuse)
        with pytest.raises(OSError, match=advice):
            listen("127.0.0.1", 80)

    @pytest.mark.parametrize("host", ["no such host", "a" * 300])
    def test_a_host_that_does_not_exist(self, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
        def unknown(*_: Any, **__: Any) -> Any:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        if len(host) < 100:  # no test asks a name server
            monkeypatch.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(OSError, match="choose another --host"):
            listen(host, 0)


class TestPolicy:
    def test_on_loopback_no_token_and_only_local_names(self) -> None:
        policy = policy_for(Settings((), allow_hosts=("Proxy.example",), allow_origins=("http://a",)))
        assert policy.hosts == {"127.0.0.1", "::1", "localhost", "proxy.example"}
        assert policy.origins == {"http://a"}
        assert policy.token is None
        assert not policy.addresses

    def test_elsewhere_a_new_token_each_time(self) -> None:
        first, second = (policy_for(Settings((), host="0.0.0.0")) for _ in range(2))
        assert first.addresses
        assert first.token != second.token
        assert len(first.token or "") >= 40
        assert socket.gethostname().lower() in first.hosts

    def test_a_token_that_was_given_is_needed_everywhere(self) -> None:
        assert policy_for(Settings((), token="given-by-the-user")).token == "given-by-the-user"
        assert policy_for(Settings((), host="0.0.0.0", token="given-by-the-user")).token == "given-by-the-user"


@pytest.mark.parametrize(
    ("host", "token", "address"),
    [
        ("127.0.0.1", None, "http://127.0.0.1:80/"),
        ("::1", None, "http://[::1]:80/"),
        ("0.0.0.0", "secret", f"http://{socket.gethostname()}:80/?token=secret"),
    ],
)
def test_the_address_to_open(host: str, token: str | None, address: str) -> None:
    assert server_module.address_of(host, 80, token) == address


@pytest.mark.parametrize("token", ["abcdefgh+ijklmnop/qr==", "a#b&c%d%20e?f;g,h", '"quoted\\"\'~`$()<>|{}'])
def test_the_address_works_whatever_the_token(token: str) -> None:
    guard = Guard(PlainTextResponse("inside"), Policy(frozenset({"127.0.0.1"}), token=token))
    address = server_module.address_of("127.0.0.1", 80, token)
    moved = asyncio.run(ask(guard, address.removeprefix("http://127.0.0.1:80")))
    assert moved.status == 303
    cookie = moved.headers["set-cookie"].split("; HttpOnly")[0]
    assert asyncio.run(ask(guard, "/", cookie=cookie)).body == b"inside"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
class TestAffordable:
    """The limit of descriptors, which is not changed for real."""

    WANTED = 500 + Limits().farewells + server_module.BACKLOG + server_module.RESERVED

    @pytest.fixture
    def limit(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], list[tuple[int, int]]]:
        """Sets the soft and the hard limit; returns what they are changed to later."""
        import resource

        def pretend(soft: int, hard: int) -> list[tuple[int, int]]:
            changed: list[tuple[int, int]] = []
            monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
            monkeypatch.setattr(resource, "setrlimit", lambda _, both: changed.append(both))
            return changed

        return pretend

    def test_enough(self, limit: Callable[[int, int], list[tuple[int, int]]]) -> None:
        for soft in (self.WANTED, -1):
            assert limit(soft, -1) == []
            assert affordable(500) == 500

    @pytest.mark.parametrize("hard", [4096, -1])
    def test_too_few_but_the_limit_can_be_raised(
        self, limit: Callable[[int, int], list[tuple[int, int]]], hard: int
    ) -> None:
        changed = limit(256, hard)
        assert affordable(500) == 500
        assert changed == [(self.WANTED, hard)]

    def test_too_few_in_any_case(self, limit: Callable[[int, int], list[tuple[int, int]]]) -> None:
        limit(256, self.WANTED - 100)
        assert affordable(500) == 400
        limit(16, 16)
        assert affordable(500) == 1

    def test_a_refusal_to_raise_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import resource

        def refuse(*_: Any) -> None:
            raise ValueError("not allowed")

        monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
        monkeypatch.setattr(resource, "setrlimit", refuse)
        assert affordable(500) == 1


def test_the_end_does_not_wait_for_viewers(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            serving(put(tmp_path / "run.json")) as (panel, port),
            connected(port, "/api/stream") as (reading, _),
            connected(port, "/api/stream") as (_, stuck),
        ):
            while len(panel.hub.subscriptions) < 2:
                await asyncio.sleep(0)
            stuck.transport.pause_reading()  # type: ignore[attr-defined]  # the transport of a socket has it
            panel.server.should_exit = True
            assert (await reading.read()).endswith(b"0\r\n\r\n")
            while panel.server.server_state.connections:
                await asyncio.sleep(0)

    asyncio.run(scenario())


def test_a_connection_that_does_not_close_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "PATIENCE_SECONDS", 0.0)

    async def scenario() -> None:
        async with serving(put(tmp_path / "run.json")) as (panel, port), connected(port) as (reader, _):
            while not panel.server.server_state.connections:
                await asyncio.sleep(0)
            (connection,) = panel.server.server_state.connections
            monkeypatch.setattr(connection, "shutdown", lambda: None)
            panel.server.should_exit = True
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""

    asyncio.run(scenario())


def test_a_server_in_another_thread_leaves_the_signals_alone(tmp_path: Path) -> None:
    def run() -> None:
        async def scenario() -> None:
            async with serving(put(tmp_path / "run.json")):
                pass

        asyncio.run(scenario())

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join(120.0)
    assert not thread.is_alive()
    assert signal.getsignal(signal.SIGINT) is before


def test_serving_until_ctrl_c(tmp_path: Path) -> None:
    pages: list[bytes] = []

    def open_and_interrupt(address: str) -> None:
        def visit() -> None:
            with urlopen(address, timeout=120.0) as page:
                pages.append(page.read())
            signal.raise_signal(signal.SIGINT)

        threading.Thread(target=visit).start()

    before = signal.getsignal(signal.SIGINT)
    serve(Settings((source_of(str(put(tmp_path / "run.json"))),), port=0), open_and_interrupt)
    assert b"<training-panel" in pages[0]
    assert signal.getsignal(signal.SIGINT) is before


def test_the_terminal_says_what_the_first_poll_found_amiss(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> None:
        settings = Settings((source_of(f"{tmp_path}/emp\x1bty/"),), port=0)
        with listen("127.0.0.1", 0) as listener:
            panel = build(settings, policy_for(settings), listener, Limits())
            panel.poller.start()
            await server_module.print_notes(panel.hub)
            panel.poller.stop()

    asyncio.run(scenario())
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("pulse panel: ")
    assert "emp\\x1bty: " in line


@pytest.fixture
def panel(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """``pulse panel`` as a process, and its address."""
    command = [sys.executable, "-m", "pulse", "panel", "--port", "0", str(put(tmp_path / "run.json"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().split()[-1]
        process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="no signal can be sent to one process alone")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_process_cleanly_with_viewers_connected(
    panel: tuple["subprocess.Popen[str]", str], number: signal.Signals
) -> None:
    process, address = panel
    with urlopen(f"{address}api/stream", timeout=120.0) as viewer:
        assert viewer.readline() == b"event: state\n"
        process.send_signal(number)
        _, complaints = process.communicate(timeout=120.0)
        assert (process.returncode, complaints) == (0, "")
