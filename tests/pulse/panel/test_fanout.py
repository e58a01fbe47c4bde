"""One state for any number of viewers."""

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from pulse.panel import fanout
from pulse.panel.fanout import Hub

from .conftest import Clocks, board_of, put


def kind(event: bytes) -> str:
    return event.split(b"\n")[0].decode()


async def take(events: AsyncGenerator[bytes, None]) -> str:
    return kind(await anext(events))


def test_a_viewer_gets_everything_first_and_then_what_changed(tmp_path: Path, clocks: Clocks) -> None:
    async def viewer() -> list[str]:
        board = board_of(clocks, put(tmp_path / "run.json"))
        hub = Hub(interval=2.0)
        events = hub.subscribe().events()
        first = asyncio.create_task(take(events))
        await asyncio.sleep(0)  # it waits for the first state
        hub.publish(board.poll())
        hub.publish(board.poll())
        seen = [await first]
        for _ in range(2):
            waiting = asyncio.create_task(take(events))
            await asyncio.sleep(0)
            hub.publish(board.poll())
            seen.append(await waiting)
        return seen

    assert asyncio.run(viewer()) == ["event: state", "event: changes", "event: changes"]


def test_a_slow_viewer_has_one_event_waiting_at_most_and_then_gets_the_newest_state(
    tmp_path: Path, clocks: Clocks
) -> None:
    async def viewer() -> tuple[str, float, str]:
        board = board_of(clocks, tmp_path / "run.json")
        hub = Hub()
        hub.publish(board.poll())
        events = hub.subscribe().events()
        await take(events)
        for epoch in (1.0, 2.0, 3.0):
            put(tmp_path / "run.json", epoch=epoch)
            hub.publish(board.poll())
        name, data = (await anext(events)).decode().split("\n")[:2]
        hub.publish(board.poll())
        return name, json.loads(data.removeprefix("data: "))["files"][0]["status"]["epoch"], await take(events)

    assert asyncio.run(viewer()) == ("event: state", 3.0, "event: changes")


def test_a_state_is_serialised_once_for_all_viewers(
    tmp_path: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    serialised: list[dict[str, object]] = []
    honest = fanout.encoded

    def counted(data: dict[str, object]) -> bytes:
        serialised.append(data)
        return honest(data)

    monkeypatch.setattr(fanout, "encoded", counted)

    async def viewers() -> None:
        board = board_of(clocks, put(tmp_path / "run.json"))
        hub = Hub(clock=lambda: clocks.monotonic)
        hub.publish(board.poll())
        several = [hub.subscribe().events() for _ in range(200)]
        assert {await anext(events) for events in several} == {await anext(hub.subscribe().events())}
        hub.publish(board.poll())
        assert len({await anext(events) for events in several}) == 1

    asyncio.run(viewers())
    assert len(serialised) == 2


def test_while_no_poll_ends_runs_are_judged_at_the_time_of_the_answer(tmp_path: Path, clocks: Clocks) -> None:
    async def answers() -> list[tuple[str, float, float]]:
        hub = Hub(clock=lambda: clocks.monotonic)
        hub.publish(board_of(clocks, put(tmp_path / "run.json"), stalled_after=60.0).poll())
        given = []
        for seconds in (0.0, 59.5, 2.0):
            clocks.pass_by(seconds)
            whole = json.loads(await hub.whole())
            (file,) = whole["files"]
            given.append((file["liveness"], whole["clock"], file["last_look_age_seconds"]))
            assert (await hub.now()).rows[0].file["liveness"] == file["liveness"]
        return given

    assert asyncio.run(answers()) == [("fresh", 0.0, 0.0), ("fresh", 59.5, 59.5), ("stalled", 61.5, 61.5)]


def test_viewers_are_reminded_that_the_server_lives(tmp_path: Path, clocks: Clocks) -> None:
    async def viewer() -> list[str]:
        board = board_of(clocks, tmp_path / "run.json")
        hub = Hub()
        hub.publish(board.poll())
        new, idle, busy = (hub.subscribe() for _ in range(3))
        events = [subscription.events() for subscription in (new, idle, busy)]
        await take(events[1])
        await take(events[2])
        hub.publish(board.poll())
        await take(events[1])
        hub.late()
        return [await take(one) for one in events]

    # Those that have something to come need no reminder.
    assert asyncio.run(viewer()) == ["event: state", "event: late", "event: changes"]


def test_closing_ends_every_stream(tmp_path: Path, clocks: Clocks) -> None:
    async def viewer() -> tuple[int, int, list[bytes]]:
        hub = Hub()
        hub.publish(board_of(clocks, tmp_path / "run.json").poll())
        events = hub.subscribe().events()
        await anext(events)
        waiting = asyncio.create_task(_rest(events))
        await asyncio.sleep(0)
        before = len(hub.subscriptions)
        hub.close()
        return before, len(hub.subscriptions), await waiting

    assert asyncio.run(viewer()) == (1, 0, [])


async def _rest(events: AsyncGenerator[bytes, None]) -> list[bytes]:
    return [event async for event in events]
