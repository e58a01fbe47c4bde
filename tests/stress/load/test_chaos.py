"""What disturbs a run: the same schedule for the same seed, and blows that are proven to have landed."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil
import pytest

from conformance.system.platform import describe_platform
from stress.load.chaos import Action, Hit, alive, hit, release, schedule, supported
from stress.record.scenario import CHAOS, Chaos


def actions(seed: int, count: int = 500, kinds: tuple[Chaos, ...] = CHAOS, rate: float = 4.0) -> list[Action]:
    return list(itertools.islice(schedule(seed, kinds, rate, writers=3, readers=2), count))


def action(kind: Chaos, limit: str = "") -> Action:
    return Action(0.0, kind, of_writers=kind != "kill-reader", number=0, limit=limit)


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; print('ready', flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"ready"
        yield process
        process.kill()


# The schedule


def test_the_schedule_follows_from_the_seed() -> None:
    assert actions(7) == actions(7)
    assert actions(7) != actions(8)


def test_every_kind_that_was_asked_for_comes_and_no_other() -> None:
    assert {one.kind for one in actions(1)} == {*CHAOS}
    assert {one.kind for one in actions(1, kinds=("pause",))} == {"pause"}


def test_all_are_hit_but_not_those_that_are_gone() -> None:
    drawn = actions(2)
    assert {one.number for one in drawn if one.of_writers} == {0, 1, 2}
    assert {one.number for one in drawn if not one.of_writers} == {0, 1}


def test_each_kind_hits_whom_it_is_for() -> None:
    drawn = actions(3)
    assert {one.of_writers for one in drawn if one.kind in ("kill", "fault")} == {True}
    assert {one.of_writers for one in drawn if one.kind == "kill-reader"} == {False}
    assert {one.of_writers for one in drawn if one.kind == "pause"} == {True, False}
    assert {one.limit for one in drawn if one.kind == "fault"} == {"descriptors", "file size"}
    assert {one.limit for one in drawn if one.kind != "fault"} == {""}


def test_actions_come_one_after_the_other_at_the_rate_that_was_asked_for() -> None:
    drawn = actions(4, count=2000, rate=10.0)
    moments = [one.at for one in drawn]
    assert moments == sorted(moments)
    assert moments[0] > 0
    assert 2000 / moments[-1] == pytest.approx(10.0, rel=0.1)


def test_pauses_and_faults_end_soon() -> None:
    assert all(0 < one.hold <= 0.1 for one in actions(5) if one.kind == "pause")
    assert all(0 < one.hold <= 0.03 for one in actions(5) if one.kind == "fault")


def test_nothing_is_done_when_nothing_was_asked_for() -> None:
    assert list(schedule(1, (), 4.0, 2, 2)) == []


def test_without_readers_only_writers_pause() -> None:
    drawn = itertools.islice(schedule(1, ("pause",), 4.0, writers=2, readers=0), 100)
    assert {one.of_writers for one in drawn} == {True}


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (Action(1.5, "kill", True, 0), "1.500 s: kill writer 1"),
        (Action(1.5, "kill-reader", False, 1), "1.500 s: kill reader 2"),
        (Action(0.25, "pause", False, 0, 0.02), "0.250 s: stop reader 1 for 20 ms"),
        (Action(0.25, "fault", True, 0, 0.01, "file size"), "0.250 s: no file size for writer 1 for 10 ms"),
    ],
)
def test_an_action_in_words(one: Action, words: str) -> None:
    assert one.described() == words


def test_faults_are_for_linux_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stress.load.chaos.sys.platform", "win32")
    assert [kind for kind in CHAOS if supported(kind)] == ["kill", "kill-reader", "pause"]
    monkeypatch.setattr("stress.load.chaos.sys.platform", "linux")
    assert all(supported(kind) for kind in CHAOS)


# Blows


@pytest.mark.parametrize("kind", ["kill", "kill-reader"])
def test_a_kill_ends_the_process(victim: subprocess.Popen[bytes], kind: Chaos) -> None:
    assert hit(action(kind), [psutil.Process(victim.pid)])
    assert victim.wait() != 0


def test_a_pause_stops_the_process_until_it_is_released(
    victim: subprocess.Popen[bytes], eventually: Callable[[Callable[[], object], str], None]
) -> None:
    if describe_platform()["system"] == "windows (wine)":
        pytest.skip("Wine stops a process and does not tell that it stands still")
    process = psutil.Process(victim.pid)
    pause = action("pause")
    hits = hit(pause, [process])
    assert [one.process for one in hits] == [process]
    eventually(lambda: process.status() == psutil.STATUS_STOPPED, "it stands still")
    release(pause, hits)
    eventually(lambda: process.status() != psutil.STATUS_STOPPED, "it goes on")
    victim.communicate(b"")
    assert victim.returncode == 0


@pytest.mark.parametrize("limit", ["descriptors", "file size"])
def test_a_fault_takes_a_limit_away_and_gives_it_back(victim: subprocess.Popen[bytes], limit: str) -> None:
    if sys.platform != "linux":
        pytest.skip("limits of another process can only be changed on Linux")
    process = psutil.Process(victim.pid)
    resource = psutil.RLIMIT_NOFILE if limit == "descriptors" else psutil.RLIMIT_FSIZE
    before = process.rlimit(resource)
    fault = action("fault", limit)
    hits = hit(fault, [process])
    assert [one.process for one in hits] == [process]
    assert hit(fault, [process]) == []  # it is taken away already, and only the first one gives it back
    soft, hard = process.rlimit(resource)
    assert soft < 256 + 1  # less than what any write needs
    assert hard == before[1]
    release(fault, hits)
    assert process.rlimit(resource) == before


def test_a_process_that_has_ended_was_not_hit(victim: subprocess.Popen[bytes]) -> None:
    process = psutil.Process(victim.pid)
    victim.kill()
    victim.wait()
    for kind in filter(supported, CHAOS):
        assert not hit(action(kind, "descriptors"), [process])
        release(action(kind, "descriptors"), [Hit(process, 7)])
    assert not hit(action("kill"), [])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no zombies")
def test_a_process_that_is_dead_and_not_waited_for_is_not_alive(
    victim: subprocess.Popen[bytes], eventually: Callable[[Callable[[], object], str], None]
) -> None:
    process = psutil.Process(victim.pid)
    assert alive([process]) == [process]
    process.kill()
    eventually(lambda: process.status() == psutil.STATUS_ZOMBIE, "it is dead")
    assert alive([process]) == []
    victim.wait()
    assert alive([process]) == []


def test_it_is_enough_when_one_of_several_was_there(victim: subprocess.Popen[bytes]) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as other:
        ended = psutil.Process(other.pid)
        other.wait()
    assert hit(action("kill"), [ended, psutil.Process(victim.pid)])
    assert victim.wait() != 0
