"""Commands that repeat: which options they have, and how values are written."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.reporting.repeat import changed_options, repeat_command


@dataclass(frozen=True)
class Plan:
    kills: int = 100
    start_seconds: float = 10.0
    parent: Path | None = None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, []),
        (False, []),
        (True, ["--name"]),
        (0, ["--name", "0"]),
        (2_000_000_000, ["--name", "2000000000"]),
        (2.5, ["--name", "2.5"]),
        (3.0, ["--name", "3"]),
        (("kill", "pause"), ["--name", "kill,pause"]),
        (Path("a folder"), ["--name", "a folder"]),
        ("'; true", ["--name", "'; true"]),
        ("", ["--name", ""]),
    ],
)
def test_a_value_is_written_as_the_command_reads_it(value: object, words: list[str]) -> None:
    assert shlex.split(repeat_command("pulse stress", [("name", value)])) == ["pulse", "stress", *words]


def test_an_option_of_one_letter_has_one_hyphen() -> None:
    assert repeat_command("pulse conformance", [("n", 0)]) == "pulse conformance -n 0"


def test_a_command_can_be_given_more_options() -> None:
    first = repeat_command("pulse stress", [("impl", "a b")])
    assert repeat_command(first, [("only", 3)]) == "pulse stress --impl 'a b' --only 3"


def test_only_options_that_differ_from_their_defaults_are_given() -> None:
    assert changed_options(Plan(), Plan()) == []
    changed = changed_options(Plan(7, 2.0, Path("x")), Plan(), names={"parent": "dir"}, leave_out=("kills",))
    assert changed == [("start-seconds", 2.0), ("dir", Path("x"))]
