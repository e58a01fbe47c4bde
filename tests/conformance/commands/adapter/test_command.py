"""`pulse adapter check` as a command."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from conformance.commands.adapter import command
from conformance.commands.adapter.checks import Step
from conformance.commands.adapter.command import main
from conformance.contract.manifest import Manifest
from conformance.reporting.results import Exit

FAULTY = Path(__file__).with_name("faulty.py")
LINE = shlex.join([sys.executable, str(FAULTY)])


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """What the adapter does, instead of what one would do."""
    found: list[Step] = []
    monkeypatch.setattr(command, "checked", lambda *of: found)
    return found


def test_each_step_is_a_line_and_each_fault_has_what_to_do(
    steps: list[Step], capsys: pytest.CaptureFixture[str]
) -> None:
    steps += [
        Step("starts", "ok"),
        Step("writes", "wrong", "a line\x1b[2J " * 12, "write it"),
        Step("ends", "not tried"),
        Step("is quick", "note", "slow", "be quick"),
    ]
    assert main(["check", "--command", "adapter 'with a space'"]) == Exit.NOT_CONFORMANT
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert lines[0] == "the command (serve, replace): adapter 'with a space'"
    assert lines[1] == "  ok         starts"
    assert "      → write it" in lines
    assert lines[-1] == "4 steps: 1 wrong, 1 not tried"
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in shown


def test_notes_alone_end_with_0(steps: list[Step]) -> None:
    steps.append(Step("is quick", "note", "slow", "be quick"))
    assert main(["check", "--command", LINE]) == Exit.CONFORMANT


def test_a_command_that_is_right_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["check", "--command", LINE, "--start-seconds", "60", "--answer-seconds", "60"])
    shown = capsys.readouterr().out
    assert (code, "9 steps: 0 wrong" in shown) == (Exit.CONFORMANT, True), shown


def test_a_manifest_is_found_as_for_the_suite(
    steps: list[Step], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "implementation.toml").write_text(
        '[implementation]\nname = "mine"\nlanguage = "c"\nprofile = "replace"\nroles = ["writer"]\n'
        'mode = "serve"\ncommand = ["mine"]\n',
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    assert main(["check"]) == Exit.CONFORMANT
    assert main(["check", str(tmp_path)]) == Exit.CONFORMANT
    assert capsys.readouterr().out.count("mine (serve, replace): mine") == 2


def test_a_set_up_that_fails_is_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setup = [[sys.executable, "-c", "import sys; sys.exit('no compiler')"]]
    (tmp_path / "implementation.toml").write_text(
        '[implementation]\nname = "mine"\nlanguage = "c"\nprofile = "replace"\nroles = ["writer"]\n'
        f'mode = "serve"\ncommand = ["mine"]\nsetup = {setup}\n',
        encoding="utf-8",
    )
    assert main(["check", str(tmp_path)]) == Exit.NOT_CONFORMANT
    shown = " ".join(capsys.readouterr().out.split())
    assert "wrong set-up set-up command ended with exit code 1" in shown
    assert "put the manifest at the root of your project" in shown
    assert "no compiler" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "none"], "none: no such manifest"),
        (["check", "--command", "'"], "No closing quotation"),
        (["check", "--command", ""], "names no command"),
        (["check", ".", "--command", "a"], "not both"),
        (["examine"], "No such command 'examine'"),
    ],
)
def test_usage_errors_end_with_2(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == Exit.USAGE
    assert said in " ".join(capsys.readouterr().err.split())


def test_the_command_is_a_writer_in_the_current_folder() -> None:
    manifest = command._of_command("a b", "oneshot", "json")
    assert isinstance(manifest, Manifest)
    assert (manifest.command, manifest.mode, manifest.profile, manifest.folder) == (
        ("a", "b"),
        "oneshot",
        "json",
        Path.cwd(),
    )
