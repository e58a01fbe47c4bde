"""`pulse judge` on the command line: what it prints, writes and returns, and one line for what cannot be used."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from conformance.commands.judge.answers import Answer
from conformance.commands.judge.command import main
from conformance.commands.judge.inquiry import Judged
from conformance.commands.judge.report import exit_code, repeat
from conformance.reporting.recorded import load_recorded

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the syscall engine needs Linux")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    path = tmp_path / "mine"
    path.mkdir()
    (path / "f").write_text("old\n", encoding="ascii")
    monkeypatch.chdir(path)
    return path


@LINUX
def test_a_finding_with_the_command_that_repeats_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["--budget", "0", "--report", str(tmp_path / "results"), "--", "sh", "-c", "echo new > f"])
    shown, err = capsys.readouterr()
    if "tracing is not allowed" in err:
        pytest.skip("tracing is not allowed here")
    assert code == 1
    assert "a reader can see half of it" in shown
    assert "repeat: pulse judge --target f --budget 0 -- sh -c 'echo new > f'" in shown
    recorded = load_recorded(tmp_path / "results" / "results.jsonl")
    assert (recorded.header.program, recorded.exit) == ("pulse judge", 1)
    outcomes = {result.clause: result.outcome for result in recorded.results}
    assert (outcomes["VIS-01"], outcomes["KIL-01"]) == ("fail", "unmeasured")
    assert {result.case for result in recorded.results} == {"judge[f]"}
    assert (folder / "f").read_text(encoding="ascii") == "old\n"
    assert os.listdir(folder.parent / "temporary") == []


@LINUX
def test_a_program_beside_the_folder_is_found_from_the_copy(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = folder.parent / "beside"
    program.write_text("#!/bin/sh\necho it ran > f\n", encoding="ascii")
    program.chmod(0o755)
    code = main(["--budget", "0", "--", "../beside"])
    shown, err = capsys.readouterr()
    if "tracing is not allowed" in err:
        pytest.skip("tracing is not allowed here")
    assert (code, "f: written in place" in shown) == (1, True), err


@LINUX
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--", "no-such-command"], "no such command in PATH"),
        (["--", "./none"], "no such command in"),
        (
            ["--", "./job.js"],
            "./job.js is not executable: chmod +x, or name its interpreter, as in: pulse judge -- node ./job.js",
        ),
        (["--resume", "./job", "--", "true"], "name its interpreter, as in: pulse judge -- sh ./job"),
        (["--target", "../other", "--", "true"], "outside"),
        (["--target", ".", "--", "true"], "outside"),
        (["--target", "link", "--", "true"], "a symbolic link"),
        (["--target", "sub", "--", "true"], "no regular file"),
        (["--valid", "jsno", "--", "true"], "did you mean json"),
        (["--valid", "'", "--", "true"], "No closing quotation"),
        (["--stdin", "none", "--", "true"], "cannot be read"),
        (["--dir", "none", "--", "true"], "is no folder"),
        ([], "Missing argument"),
    ],
)
def test_what_cannot_be_used(folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    (folder / "sub").mkdir()
    (folder / "link").symlink_to("f")
    for name in ("job.js", "job"):
        (folder / name).touch(0o644)
    assert main(arguments) == 2
    assert said in capsys.readouterr().err
    assert os.listdir(folder.parent / "temporary") == []


@pytest.mark.skipif(sys.platform == "linux", reason="there it works")
def test_elsewhere_it_says_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--", "true"]) == 4
    assert "needs Linux" in capsys.readouterr().err


FOUND = Answer("kill", "yes", "it is empty", "open f", "3:open:kill-after")
NONE = Answer("reader", "no", "in 4 looks")
UNKNOWN = Answer("power", "not measured", "why")


def judged(*answers: Answer, **more: str) -> Judged:
    return Judged("work/f", "written in place", answers, **more)  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ([judged(NONE)], 0),
        ([judged(NONE, Answer("attributes", "not measured", "it did not exist before"))], 0),
        ([judged(NONE, UNKNOWN)], 4),
        ([judged(NONE, UNKNOWN, FOUND)], 1),
        ([judged(NONE), judged(why_not="its bytes differ")], 4),
        ([judged(FOUND), judged(why_not="its bytes differ")], 1),
        ([judged(NONE), Judged("work/log", "appended to", why_not="appended", named=False)], 0),
        ([], 4),
    ],
)
def test_the_exit_code(files: list[Judged], code: int) -> None:
    assert exit_code(files) == code


def test_the_command_that_repeats_has_the_options_that_matter() -> None:
    given = {"folder": Path("/my folder"), "valid": "json", "given": None, "run_seconds": 60.0, "budget": 5}
    assert repeat(["sh", "-c", "x > f"], given, "work/f", FOUND) == (
        "pulse judge --target f --point 3:open:kill-after --dir '/my folder' --valid json -- sh -c 'x > f'"
    )
    assert repeat(["x"], {"run_seconds": 90.0}, "work/f", NONE) == (
        "pulse judge --target f --budget 0 --run-seconds 90 -- x"
    )
