"""The thread that polls."""

import asyncio
import threading
from pathlib import Path

from pulse.panel.fanout import Hub
from pulse.panel.poller import Poller
from pulse.panel.states import State

from .conftest import Clocks, board_of


class Recorder(Hub):
    """A hub that notes what it is given, and says so."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[str] = []
        self.news = asyncio.Event()

    def publish(self, state: State) -> None:
        """Note a state."""
        self._note("state")

    def late(self) -> None:
        """Note a reminder."""
        self._note("late")

    def _note(self, what: str) -> None:
        self.noted.append(what)
        self.news.set()

    async def until(self, count: int, what: str) -> None:
        """Wait for so many notes of a kind."""
        while self.noted.count(what) < count:
            self.news.clear()
            await self.news.wait()


def test_it_polls_at_once_and_then_at_each_interval(tmp_path: Path, clocks: Clocks) -> None:
    async def run() -> int:
        hub = Recorder()
        poller = Poller(board_of(clocks, tmp_path / "run.json").poll, hub, 0.001)
        poller.start()
        await hub.until(3, "state")
        poller.stop()
        return hub.noted.count("state")

    assert asyncio.run(run()) >= 3  # on a busy machine more polls have ended by now


def test_a_poll_that_hangs_is_noticed_and_the_end_does_not_wait_for_it(tmp_path: Path, clocks: Clocks) -> None:
    state = board_of(clocks, tmp_path / "run.json").poll()
    go_on, ended = threading.Event(), threading.Event()

    def hang() -> State:
        go_on.wait(120.0)
        ended.set()
        return state

    async def run() -> list[str]:
        hub = Recorder()
        poller = Poller(hang, hub, 0.001, patience=0.001)
        poller.start()
        await hub.until(2, "late")
        poller.stop()
        go_on.set()
        await asyncio.to_thread(ended.wait, 120.0)
        return hub.noted

    assert set(asyncio.run(run())) == {"late"}


def test_stopping_before_the_start_does_nothing(tmp_path: Path, clocks: Clocks) -> None:
    async def run() -> None:
        Poller(board_of(clocks, tmp_path / "run.json").poll, Recorder(), 1.0).stop()

    asyncio.run(run())
