"""What hangs on a disk of the kit's own is let go after a while, and it is said whose fault it was."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from conformance.contract.errors import ImplementationError, Inconclusive, NoAnswer
from stress.powercut.blocks import watch as module
from stress.powercut.blocks.watch import OWN_SECONDS, Watch, waits_for_a_disk


@dataclass
class Server:
    """A server that runs until it is ended."""

    how: str = ""

    def end(self) -> None:
        self.how = "ended by signal 9"

    def ended(self) -> str:
        return self.how


@dataclass
class World:
    """The time, and what the kernel would say."""

    now: float = 0.0
    frozen: bool = False
    waits: bool = False
    server: Server = field(default_factory=Server)

    def watch(self) -> Watch:
        return Watch(Path("mounted"), self.server, clock=lambda: self.now)

    def pass_seconds(self, watch: Watch, seconds: float) -> None:
        """Let this time pass, and look each second."""
        end = self.now + seconds
        while self.now < end:
            self.now += 1
            watch.look()

    def thaw(self, place: Path) -> bool:
        was, self.frozen = self.frozen, False
        return was


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in which nothing hangs."""
    world = World()
    monkeypatch.setattr(module, "thaw", world.thaw)
    monkeypatch.setattr(module, "waits_for_a_disk", lambda: world.waits)
    return world


def fail_in(watch: Watch, error: Exception, before: Callable[[], None] = lambda: None) -> None:
    """A step that fails so, after what happens ``before``."""
    with watch.step("a write"):
        before()
        raise error


@pytest.mark.parametrize("error", [ImplementationError("it refused"), NoAnswer("no answer"), OSError(5, "no disk")])
def test_a_step_that_fails_on_a_disk_that_works_fails_as_it_did(world: World, error: Exception) -> None:
    watch = world.watch()
    with pytest.raises(type(error)) as raised:
        fail_in(watch, error)
    assert raised.value is error


def test_a_writer_is_not_blamed_for_a_disk_whose_server_has_ended(world: World) -> None:
    world.server.how = "ended with exit code 1: OSError: [Errno 28] No space left on device"
    with pytest.raises(Inconclusive, match=r"the server of a disk .* No space left on device"):
        fail_in(world.watch(), ImplementationError("io: Input/output error"))


def test_a_file_system_that_was_left_frozen_is_thawed_and_the_writer_is_blamed(world: World) -> None:
    watch = world.watch()
    world.frozen = True
    with pytest.raises(ImplementationError, match="left the file system frozen"), watch.step("a sync", OWN_SECONDS):
        world.pass_seconds(watch, OWN_SECONDS - 1)
    assert not world.frozen
    assert world.server.how == ""
    with pytest.raises(ImplementationError, match="left the file system frozen"):
        watch.require_thawed()


def test_a_step_of_the_kit_that_hangs_ends_with_the_server_and_blames_no_one(world: World) -> None:
    watch = world.watch()

    def hang() -> None:
        world.pass_seconds(watch, OWN_SECONDS + 1)
        assert world.server.how == "ended by signal 9"
        raise OSError(107, "Transport endpoint is not connected")

    with pytest.raises(Inconclusive, match="has not answered for 60 s: the sync"), watch.step("the sync", OWN_SECONDS):
        hang()


def test_a_writer_may_take_as_long_as_its_own_limit(world: World) -> None:
    watch = world.watch()
    with watch.step("a write"):
        world.pass_seconds(watch, 1000)
    assert world.server.how == ""


@pytest.mark.parametrize(("waits", "error"), [(True, Inconclusive), (False, NoAnswer)])
def test_no_answer_while_it_waits_for_a_disk_says_nothing_about_a_writer(
    world: World, error: type[Exception], *, waits: bool
) -> None:
    """As with sync(2), which waits for the disks of other runs too."""
    watch = world.watch()
    world.waits = waits
    with pytest.raises(error, match="gave no answer within 60 s"):
        fail_in(watch, NoAnswer("gave no answer within 60 s"), lambda: world.pass_seconds(watch, 60))


def test_a_writer_that_waited_for_a_disk_for_a_while_only_is_judged(world: World) -> None:
    watch = world.watch()

    def hang() -> None:
        world.waits = True
        world.pass_seconds(watch, 20)
        world.waits = False
        world.pass_seconds(watch, 40)

    with pytest.raises(NoAnswer):
        fail_in(watch, NoAnswer("gave no answer within 60 s"), hang)


def test_a_process_waits_for_a_disk_when_any_of_its_threads_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Process:
        def children(self, *, recursive: bool) -> list[Process]:
            return [self]

        pid = os.getpid()

    monkeypatch.setattr(psutil, "Process", Process)
    for thread, stat in {"1": "1 (a) D (b) S 1", "2": "2 (a b) R 1"}.items():
        folder = tmp_path / str(os.getpid()) / "task" / thread
        folder.mkdir(parents=True)
        (folder / "stat").write_text(stat, encoding="ascii")
    assert not waits_for_a_disk(tmp_path)
    (folder / "stat").write_text("2 (a b) D 1", encoding="ascii")
    assert waits_for_a_disk(tmp_path)
