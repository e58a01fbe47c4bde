"""Commands that repeat: which options they have, and how values are written."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.reporting.repeat import as_started, changed_options, repeat_command


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


REPEAT = "pulse conformance --impl x --clause DOC-01"
NO_TOX = {"PATH": ""}


@pytest.mark.parametrize(
    ("arguments", "command", "wanted"),
    [
        (["python", "-m", "pulse", "conformance", "-x"], REPEAT, f"python -m {REPEAT}"),
        (["/x y/python3", "-P", "-m", "pulse", "stress"], REPEAT, f"'/x y/python3' -P -m {REPEAT}"),
        (["python", "-m", "conformance.cli", "--impl"], REPEAT, "python -m conformance.cli --impl x --clause DOC-01"),
        (["python", "-m", "stress"], "pulse stress --writers 3", "python -m stress --writers 3"),
        (["python", "-m", "conformance.cli"], "pulse stress -x", "python -m pulse stress -x"),
        (["python", "-m", "pytest", "tests"], REPEAT, REPEAT),
        (["python", "-c", "import execnet"], REPEAT, REPEAT),
        (["/venv/bin/python", "/venv/bin/pulse", "conformance"], REPEAT, f"/venv/bin/{REPEAT}"),
        (["python", "-m", "pulse"], "another program", "another program"),
        ([], REPEAT, REPEAT),
    ],
)
def test_a_command_is_repeated_as_it_was_started(arguments: list[str], command: str, wanted: str) -> None:
    assert as_started(command, arguments, NO_TOX) == wanted


@pytest.mark.skipif(sys.platform == "win32", reason="there a program needs an ending to be found")
def test_a_program_on_the_path_is_named_without_its_folder(tmp_path: Path) -> None:
    program = tmp_path / "pulse"
    program.touch(mode=0o755)
    assert as_started(REPEAT, ["python", str(program)], {"PATH": str(tmp_path)}) == REPEAT


@pytest.mark.skipif(sys.platform == "win32", reason="there a program needs an ending to be found")
def test_a_command_that_the_kit_has_started_is_repeated_by_the_program_on_the_path(tmp_path: Path) -> None:
    """``pulse audit`` starts the others with ``-P -m``, which is no command that a user has typed."""
    (tmp_path / "pulse").touch(mode=0o755)
    path, python = {"PATH": str(tmp_path)}, str(tmp_path / "python3")
    stress = "pulse stress suite -k small"
    assert as_started(stress, [python, "-P", "-m", "stress", "suite"], path) == stress
    here = [python, "-m", "stress", "suite"]  # perhaps what lies in the current folder
    assert as_started(stress, here, path) == f"{python} -m stress suite -k small"
    other = ["/other/python3", "-P", "-m", "stress", "suite"]
    assert as_started(stress, other, path) == "/other/python3 -P -m stress suite -k small"


@pytest.mark.parametrize(
    ("environment", "command", "wanted"),
    [
        ("conformance", REPEAT, "tox -e conformance -- --impl x --clause DOC-01"),
        ("powercut", "pulse stress powercut --only 3", "tox -e powercut -- --only 3"),
        ("stress", "pulse stress suite -k small", "tox -e stress -- -k small"),
        ("stress", "pulse stress --writers 3", "/tox/bin/pulse stress --writers 3"),
        ("wine", REPEAT, f"tox -e wine -- {REPEAT}"),
    ],
)
def test_a_user_of_tox_gets_a_command_of_tox(environment: str, command: str, wanted: str) -> None:
    variables = {"TOX_ENV_NAME": environment, "PATH": "/tox/bin"}
    assert as_started(command, ["/tox/bin/python", "/tox/bin/pulse", "stress"], variables) == wanted
