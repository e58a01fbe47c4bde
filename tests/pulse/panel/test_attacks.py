"""Attacks on the panel, one by one. Slow clients are in test_protocol.py, more on names and tokens in test_guard.py."""

import asyncio
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pulse import write_training_status
from pulse.panel.fanout import Hub
from pulse.panel.protocol import REFUSAL, Limits

from .conftest import Clocks, app_of, ask, board_of, connected, put, serving, status_of

SCRIPT = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def test_markup_in_a_message_stays_text(tmp_path: Path, clocks: Clocks) -> None:
    hub = Hub()
    hub.publish(board_of(clocks, put(tmp_path / "run.json", message=SCRIPT)).poll())
    answer = asyncio.run(ask(app_of(hub), "/api/status"))
    assert answer.json()["files"][0]["status"]["message"] == SCRIPT
    # A browser that is led to the JSON itself does not take it for a page, and would run nothing in it.
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    page = asyncio.run(ask(app_of(hub), "/"))
    assert SCRIPT.encode() not in page.body


@pytest.mark.parametrize(
    "path",
    [
        "/secret.json",
        "/../secret.json",
        "/static/../../secret.json",
        "/static/..%2f..%2fsecret.json",
        "/static/%2e%2e/secret.json",
        "/static//etc/passwd",
        "/static/C:\\secret.json",
        "/static/",
        "/static/package.json",
        "/static/training-panel.js/",
        "/static/training-panel.js\0.html",
        "/api/status/../../secret.json",
        "/api/status?path=/etc/passwd",
        "/api/status?file=secret.json",
    ],
)
def test_no_path_leads_to_another_file(tmp_path: Path, clocks: Clocks, path: str) -> None:
    put(tmp_path / "secret.json", message="the secret")
    hub = Hub()
    hub.publish(board_of(clocks, put(tmp_path / "run.json")).poll())
    answer = asyncio.run(ask(app_of(hub), path))
    assert answer.status == (200 if path.startswith("/api/status?") else 404)
    assert b"secret" not in answer.body
    assert b"root:" not in answer.body


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_a_link_in_a_folder_shows_nothing_but_a_status(tmp_path: Path, clocks: Clocks) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "password.txt").write_text('{"password": "the secret"}')
    (tmp_path / "runs" / "run.json").symlink_to("../password.txt")
    hub = Hub()
    hub.publish(board_of(clocks, tmp_path / "runs").poll())
    answer = asyncio.run(ask(app_of(hub), "/api/status"))
    assert answer.json()["files"] == []
    assert b"secret" not in answer.body


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_a_file_that_is_followed_and_becomes_a_link_shows_nothing_but_a_status(tmp_path: Path, clocks: Clocks) -> None:
    (tmp_path / "runs").mkdir()
    run = put(tmp_path / "runs" / "run.json")
    foreign = tmp_path / "foreign"
    board = board_of(clocks, tmp_path / "runs", stalled_after=60.0)
    board.poll()
    run.unlink()
    run.symlink_to(foreign)
    status = '"epoch": 1, "total_epochs": 1, "loss": 0, "message": "", "timestamp": 0'
    for content in ('"the secret"', '{"the secret": 1}', f'{{"status": "the secret", {status}}}', "the secret"):
        foreign.write_text(content)
        hub = Hub()
        hub.publish(board.poll())
        answer = asyncio.run(ask(app_of(hub), "/api/status"))
        assert answer.json()["files"][0]["outcome"] == "invalid"
        assert b"secret" not in answer.body


def test_a_page_that_rebinds_its_name_to_this_machine_reads_nothing(tmp_path: Path, clocks: Clocks) -> None:
    hub = Hub()
    hub.publish(board_of(clocks, put(tmp_path / "run.json", message="the secret")).poll())
    for path in ("/", "/api/status", "/api/stream", "/metrics", "/static/training-panel.js"):
        answer = asyncio.run(ask(app_of(hub), path, host="evil.example:8765"))
        assert answer.status == 421
        assert b"secret" not in answer.body


def test_many_more_connections_than_places(tmp_path: Path) -> None:
    """Here 300 for 20 places, which stay open while the next ones come; `python -m bench.panel` opens 10,000."""
    count = 300

    async def scenario() -> tuple[int, int]:
        refused = 0
        path = put(tmp_path / "run.json")
        # However slow the machine, no connection is cut off for its silence, which would free a place.
        limits = Limits(connections=20, farewells=10, farewell_seconds=0.2, request_seconds=300.0)
        async with (
            serving(path, limits=limits) as (panel, port),
            connected(port, "/api/stream") as (viewer, _),
        ):
            assert await status_of(viewer) == 200
            opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
            most = len(panel.server.server_state.connections)
            for reader, _ in opened[19:]:
                refused += await reader.read(len(REFUSAL)) == REFUSAL
            await viewer.readuntil(b"event: changes")
            for _, writer in opened:
                writer.transport.abort()
            await asyncio.sleep(0)
        return refused, most

    assert asyncio.run(scenario()) == (count - 19, 20)


@pytest.mark.parametrize("kind", ["10 GB", "FIFO", "socket", "folder"])
def test_a_target_that_is_no_status_file_is_named_and_holds_nothing_up(
    tmp_path: Path, clocks: Clocks, kind: str, make_special_file: Callable[[str, Path], None]
) -> None:
    target = tmp_path / "target.json"
    match kind:
        case "10 GB":
            if sys.platform == "win32":
                pytest.skip("a sparse file takes its whole size there")
            with target.open("wb") as file:
                file.truncate(10 * 1024**3)
        case "folder":
            target.mkdir()
        case _:
            make_special_file(kind, target)
    board = board_of(clocks, f"{tmp_path}/*.json", put(tmp_path / "run.json"))
    rows = {row.file["name"]: row.file["liveness"] for row in board.poll().rows}
    assert rows == {"run": "fresh", "target": "unreadable"}


def test_a_folder_with_5000_files(tmp_path: Path, clocks: Clocks) -> None:
    document = put(tmp_path / "0.json").read_bytes()
    for number in range(1, 5000):
        (tmp_path / f"{number}.json").write_bytes(document if number % 2 else b"{}")
    state = board_of(clocks, tmp_path, limit=500).poll()
    assert len(state.rows) == 500
    assert "--limit" in state.notes[0]


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0, -1e9, 1e9])
def test_a_wall_clock_that_jumps_kills_no_run_and_revives_none(tmp_path: Path, clocks: Clocks, jump: float) -> None:
    alive, dead = put(tmp_path / "alive.json"), put(tmp_path / "dead.json")
    board = board_of(clocks, alive, dead, stalled_after=60.0)
    board.poll()
    for step in range(1, 40):
        clocks.pass_by(2.0)
        clocks.wall += jump if step % 5 == 0 else 0.0
        put(alive, epoch=1.0 + step / 40, timestamp=max(0, int(clocks.wall)))
        liveness = {row.file["name"]: row.file["liveness"] for row in board.poll().rows}
        assert liveness == {"alive": "fresh", "dead": "stalled" if step * 2.0 > 60.0 else "fresh"}


def test_a_file_that_is_replaced_all_the_time_is_always_readable(tmp_path: Path, clocks: Clocks) -> None:
    target = put(tmp_path / "run.json", epoch=0.0)
    stop = threading.Event()
    writes = 0

    def write() -> None:
        nonlocal writes
        while not stop.is_set():
            writes += 1
            write_training_status(target, "running", epoch=float(writes), total_epochs=1e9, message="x" * 500)

    board = board_of(clocks, target)
    board.poll()  # at first sight the timestamps of the writer's clock would count
    writer = threading.Thread(target=write)
    writer.start()
    epochs: list[float] = []
    try:
        while len(epochs) < 300:
            (row,) = board.poll().rows
            assert row.file["liveness"] == "fresh", row.file["detail"]
            epochs.append(row.file["status"]["epoch"])
    finally:
        stop.set()
        writer.join()
    assert epochs == sorted(epochs)
    assert epochs[-1] > epochs[0]
