"""What a run does: its name in results, and the goals and sizes that a user writes."""

import dataclasses
import shlex
from pathlib import Path

import pytest

from stress.commands.load import stress
from stress.record.scenario import (
    CHAOS,
    GOALS,
    LARGEST,
    PAUSE_ON_WINDOWS,
    SIZES,
    Goal,
    Scenario,
    as_on,
    command_line,
    parse_goal,
    parse_size,
)


@pytest.mark.parametrize(
    ("scenario", "name"),
    [
        (Scenario(sizes=(256,)), "2x2-256B"),
        (Scenario(sizes=(4096, 1 << 20, 100)), "2x2-4KiB-1MiB-100B"),
        (Scenario(), "2x2"),
        (Scenario(writers=3, readers=1), "3x1"),
        (Scenario(targets=4), "2x2-4-targets"),
        (Scenario(rate=0.5), "2x2-0.5-a-second"),
        (Scenario(chaos=("kill", "pause")), "2x2-kill-pause"),
        (Scenario(sharing="delete", read_pause=0.002), "2x2"),
        (Scenario(sharing="plain", chaos=("kill",)), "2x2-plain-kill"),
        (Scenario(targets=2, rate=100, chaos=("fault",)), "2x2-2-targets-100-a-second-fault"),
    ],
)
def test_the_name_says_what_is_unusual(scenario: Scenario, name: str) -> None:
    assert scenario.name == name


def test_on_windows_readers_share_and_pause_unless_the_scenario_says_how() -> None:
    usual = as_on("win32", Scenario(writers=3))
    assert usual == Scenario(writers=3, sharing="delete", read_pause=PAUSE_ON_WINDOWS)
    own = Scenario(sharing="plain", read_pause=0.5)
    assert as_on("win32", own) == own
    assert as_on("linux", Scenario()) == as_on("darwin", Scenario()) == Scenario()


def test_a_scenario_can_be_a_key() -> None:
    assert {Scenario(seed=1): "one"}[Scenario(seed=1)] == "one"


def test_the_largest_document_with_white_space_is_within_the_limit_of_the_contract() -> None:
    assert LARGEST < 1 << 20
    assert max(SIZES) <= 1 << 20


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("1e9 reads", Goal(1_000_000_000, "reads")),
        (" 10000 kills ", Goal(10_000, "kills")),
        ("2.5E3writes", Goal(2_500, "writes")),
        ("1 Reads", Goal(1, "reads")),
    ],
)
def test_a_goal_is_a_number_and_what_is_counted(text: str, goal: Goal) -> None:
    assert parse_goal(text) == goal


@pytest.mark.parametrize(
    "text", ["", "reads", "10", "10 files", "-1 reads", "0 reads", "0.9 kills", "1e reads", "1 2 reads"]
)
def test_anything_else_is_no_goal_and_the_error_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="such as '1e9 reads'") as caught:
        parse_goal(text)
    assert all(kind in str(caught.value) for kind in GOALS)


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("256", 256), ("256B", 256), ("4KiB", 4096), ("4 k", 4096), ("1MiB", 1 << 20), ("1m", 1 << 20)],
)
def test_a_size_is_bytes_with_a_unit(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "KiB", "-1", "1.5KiB", "4KB", "1048577", "2MiB", "1 GiB"])
def test_a_size_that_the_contract_does_not_allow_is_refused_with_the_limit(text: str) -> None:
    with pytest.raises(ValueError, match="from 0 to 1MiB"):
        parse_size(text)


def test_every_kind_of_chaos_has_its_own_name() -> None:
    assert CHAOS == ("kill", "kill-reader", "pause", "fault")


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario(seconds=None, goal=Goal(1_000_000, "reads")),
        Scenario(
            writers=4, readers=1, targets=3, sizes=(256, 1 << 20), rate=50.0, read_pause=0.002, pipeline=1, seed=7
        ),
        Scenario(seconds=1.0, sharing="plain", read_pause=0.25),
        Scenario(chaos=CHAOS, chaos_rate=0.5, round_seconds=0.25, seconds=3.5, stop_at_first=True),
    ],
)
def test_the_command_line_of_a_scenario_says_all_that_it_is(scenario: Scenario) -> None:
    words = shlex.split(command_line(scenario, [("impl", "mutant:name"), ("dir", "/a folder")]))
    assert words[:2] == ["pulse", "stress"]
    given = stress.make_context("stress", words[2:]).params
    assert given["impl"] == "mutant:name"
    assert given["folders"] == (Path("/a folder"),)
    fields = {field.name for field in dataclasses.fields(Scenario)} - {"first_writer", "chaos"}
    given["read_pause"] = given["read_pause"] or 0.0  # which it is by default
    assert {name: given[name] for name in fields} == {name: getattr(scenario, name) for name in fields}
    assert (given["chaos"] or ()) == scenario.chaos
