"""Starting an implementation that may be killed meanwhile: whose fault a failed start is, and when it is given up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from conformance.contract.errors import ImplementationError
from conformance.contract.manifest import Manifest
from conformance.subject.client import OneshotImplementation, ServeImplementation
from conformance.subject.launch import LaunchOptions
from stress.clients.restart import MOST_STARTS, Started, start_despite_kills
from stress.record.shared_counters import Counters

if TYPE_CHECKING:
    from tests.stress.conftest import Script


@pytest.fixture
def start(
    script: Script, manifest: Manifest, launch_options: LaunchOptions, counters: Counters
) -> Callable[[int], Started]:
    """Starts the scripted implementation, when so many kills are known already."""
    return lambda kills: start_despite_kills(manifest, launch_options, counters, kills)


def killed(counters: Counters, *kills: int) -> Callable[[], None]:
    """Starts that so many kills hit, one after the other; later ones work."""
    left = iter(kills)

    def begin() -> None:
        if count := next(left, 0):
            counters.add("kills", count)
            raise ImplementationError("ended with exit code -9 instead of answering", "")

    return begin


def failing(times: int) -> Callable[[], None]:
    """So many starts fail by themselves."""
    left = iter(range(times))

    def begin() -> None:
        if next(left, None) is not None:
            raise ImplementationError("cannot be started", "the reason why")

    return begin


@pytest.mark.parametrize(("serve", "kind"), [(True, ServeImplementation), (False, OneshotImplementation)])
def test_one_that_starts_is_started_once(
    start: Callable[[int], Started], script: Script, serve: bool, kind: type
) -> None:
    script.serve = serve
    started = start(0)
    assert isinstance(started.implementation, kind)
    assert (started.kills, started.spoilt) == (0, 0)
    assert script.story == ["start"]


def test_what_is_started_is_the_manifests_with_its_launch_options(
    manifest: Manifest, launch_options: LaunchOptions, counters: Counters, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Manifest, LaunchOptions]] = []
    monkeypatch.setattr("stress.clients.restart.start", lambda *arguments: asked.append(arguments))
    start_despite_kills(manifest, launch_options, counters, 0)
    assert asked == [(manifest, launch_options)]


@pytest.mark.parametrize("times", [1, 3, MOST_STARTS - 1])
def test_a_kill_while_it_starts_is_a_kill_and_it_is_started_again(
    start: Callable[[int], Started], script: Script, counters: Counters, times: int
) -> None:
    script.begin = killed(counters, *[1] * times)
    started = start(0)
    assert (started.kills, started.spoilt) == (times, times)
    assert script.story == ["start"] * (times + 1)


def test_kills_of_the_same_start_spoil_one(start: Callable[[int], Started], script: Script, counters: Counters) -> None:
    script.begin = killed(counters, 2)
    started = start(0)
    assert (started.kills, started.spoilt) == (2, 1)


def test_one_that_is_killed_again_and_again_before_it_starts_is_given_up(
    start: Callable[[int], Started], script: Script, counters: Counters
) -> None:
    script.begin = killed(counters, *[1] * MOST_STARTS)
    with pytest.raises(ImplementationError, match=f"killed {MOST_STARTS} times in a row before it could start"):
        start(0)
    assert script.story == ["start"] * MOST_STARTS


def test_one_that_cannot_start_is_an_error(start: Callable[[int], Started], script: Script) -> None:
    script.begin = failing(1)
    with pytest.raises(ImplementationError, match="cannot be started") as raised:
        start(0)
    assert raised.value.stderr == "the reason why"
    assert script.story == ["start"]


def test_a_kill_that_is_known_already_excuses_nothing(
    start: Callable[[int], Started], script: Script, counters: Counters
) -> None:
    counters.add("kills", 3)
    script.begin = failing(1)
    with pytest.raises(ImplementationError, match="cannot be started"):
        start(3)
    assert script.story == ["start"]


def test_a_kill_excuses_one_failed_start_only(
    start: Callable[[int], Started], script: Script, counters: Counters
) -> None:
    counters.add("kills", 1)
    script.begin = failing(2)
    with pytest.raises(ImplementationError, match="cannot be started"):
        start(0)
    assert script.story == ["start", "start"]


def test_a_kill_that_spoilt_no_start_is_left_to_excuse_a_later_death(
    start: Callable[[int], Started], counters: Counters
) -> None:
    counters.add("kills", 1)
    started = start(0)
    assert (started.kills, started.spoilt) == (0, 0)
