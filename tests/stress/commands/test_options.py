"""The options of ``pulse stress``: usage errors, the plan, and the command that repeats it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stress.commands import load as command
from stress.commands import options
from stress.commands.options import StressPlan
from stress.record.scenario import Goal

if TYPE_CHECKING:
    from tests.stress.commands.conftest import Judged


@pytest.fixture
def planned(judged: Judged, monkeypatch: pytest.MonkeyPatch) -> Callable[..., StressPlan]:
    """The plan that the command makes of these arguments."""
    seen: list[StressPlan] = []

    def note(plan: StressPlan) -> int:
        seen.append(plan)
        return 0

    monkeypatch.setattr(command, "_run", note)

    def ask(*arguments: object) -> StressPlan:
        code, _, stderr = judged(*arguments)
        assert (code, stderr) == (0, "")
        return seen.pop()

    return ask


# Usage


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--impl", "no/such/manifest"), "no such manifest"),
        (("--impl", "mutant:none"), "no such mutant"),
        (("--reader", "variant:none"), "no such variant"),
        (("--writers", "0"), "--writers"),
        (("--readers", "0"), "--readers"),
        (("--targets", "101"), "--targets"),
        (("--size", "2MiB"), "from 0 to 1MiB"),
        (("--until", "many reads"), "such as '1e9 reads'"),
        (("--chaos", "kill,typo"), "'typo' is not a kind of chaos; choose from kill, kill-reader, pause, fault"),
        (("--seconds", "0"), "--seconds"),
        (("--reader", "reference", "--readers", "1"), "--reader needs --readers 2 or more"),
        (("--impl", "shell", "--reader", "reference"), "does not read what"),
        (("--sharing", "share"), "--sharing"),
        (("--sandbox", "--dask", "tcp://127.0.0.1:9", "--dir", "/tmp"), "--sandbox: not with --dask"),
        (("nothing",), "No such command"),
    ],
)
def test_usage(judged: Judged, arguments: tuple[str, ...], says: str) -> None:
    code, _, stderr = judged(*arguments)
    assert code == 2
    assert says in stderr


def test_a_reader_alone_is_judged_with_a_writer_of_the_kit(judged: Judged, tmp_path: Path) -> None:
    manifest = tmp_path / "implementation.toml"
    manifest.write_text(
        '[implementation]\nname = "only reads"\nlanguage = "python"\nprofile = "pulse"\nroles = ["reader"]\n'
        'mode = "python"\ncallable = "conformance.mutation.honest:Honest"\n',
        encoding="utf-8",
    )
    code, _, stderr = judged("--impl", manifest)
    assert code == 2
    assert "only reads does not write: judge it with --reader only reads --impl variant:plain" in stderr


def test_chaos_that_this_system_cannot_do_is_usage(judged: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "supported", lambda kind: kind != "fault")
    code, _, stderr = judged("--chaos", "kill,fault")
    assert code == 2
    assert "--chaos fault: only Linux can do that" in stderr


def test_a_new_file_system_is_of_linux_alone(judged: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "SYSTEM", "win32")
    code, _, stderr = judged("--disk", "ext4")
    assert code == 2
    assert "--disk: only Linux makes file systems on loop devices; give a folder with --dir" in stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there it is meant")
def test_sharing_is_of_windows_alone(judged: Judged) -> None:
    code, _, stderr = judged("--sharing", "plain")
    assert code == 2
    assert "--sharing: only on Windows can an open file prevent its replacement" in stderr


def test_a_folder_that_is_not_there_is_usage(judged: Judged, tmp_path: Path) -> None:
    code, _, stderr = judged("--impl", "variant:plain", "--dir", tmp_path / "nowhere")
    assert code == 2
    assert "cannot make a folder there" in stderr


def test_a_report_that_cannot_be_written_is_usage(judged: Judged, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, _, stderr = judged("--impl", "variant:plain", "--report", tmp_path / "file" / "report")
    assert code == 2
    assert "cannot be written" in stderr


# What is asked for


def test_the_default_is_ten_seconds_and_with_a_goal_no_limit(
    planned: Callable[..., StressPlan],
) -> None:
    assert (planned().scenario.seconds, planned().scenario.goal) == (10.0, None)
    scenario = planned("--until", "1e9 reads").scenario
    assert (scenario.seconds, scenario.goal) == (None, Goal(10**9, "reads"))
    scenario = planned("--until", "5 kills", "--seconds", "3").scenario
    assert (scenario.seconds, scenario.goal) == (3.0, Goal(5, "kills"))


@pytest.mark.parametrize(
    ("arguments", "sharing", "pause"),
    [
        ((), "delete", 0.002),
        (("--sharing", "plain"), "plain", 0.002),
        (("--read-pause", "0"), "delete", 0.0),
        (("--sharing", "plain", "--read-pause", "0.02"), "plain", 0.02),
    ],
)
def test_on_windows_readers_share_and_pause_and_the_command_says_when_they_do_not(
    planned: Callable[..., StressPlan],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    sharing: str,
    pause: float,
) -> None:
    monkeypatch.setattr(options, "SYSTEM", "win32")
    first = planned(*arguments)
    assert (first.scenario.sharing, first.scenario.read_pause) == (sharing, pause)
    assert planned(*shlex.split(first.repro)[2:]) == first


def test_kinds_of_chaos_have_one_order_whatever_the_user_wrote(planned: Callable[..., StressPlan]) -> None:
    """The same seed gives the same schedule then."""
    assert planned("--chaos", "pause,kill").scenario.chaos == planned("--chaos", "kill,pause").scenario.chaos


def test_without_a_seed_every_run_has_its_own(planned: Callable[..., StressPlan]) -> None:
    assert planned("--seed", "7").scenario.seed == 7
    assert len({planned().scenario.seed for _ in range(5)}) > 1


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--impl", "variant:plain", "--reader", "reference", "--readers", "4"),
        ("--size", "256,4KiB", "--until", "1e3 writes", "--rate", "0.5", "--pipeline", "9"),
        ("--chaos", "kill,pause", "--chaos-rate", "12.5", "--targets", "3", "--seconds", "2"),
        ("--stop-at-first", "--strict", "--answer-seconds", "3", "--read-pause", "0.25", "--round-seconds", "1"),
    ],
)
def test_the_command_that_repeats_a_run_means_the_same(
    planned: Callable[..., StressPlan], arguments: tuple[str, ...]
) -> None:
    first = planned(*arguments)
    words = shlex.split(first.repro)
    assert words[:2] == ["pulse", "stress"]
    assert planned(*words[2:]) == first
