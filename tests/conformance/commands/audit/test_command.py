"""``pulse audit merge``: what it decides, and what it refuses."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from conformance.commands.audit.command import main
from conformance.reporting.chain import is_as_sealed
from conformance.reporting.results import FORMAT, Result
from tests.conformance.commands.audit.conftest import LOAD

Legs = Callable[..., Path]
WINE = "[required]\nwine = true\n"


@pytest.fixture
def audit(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run ``pulse audit merge`` and check its exit code: ``audit(4, place, …, policy="…")`` → what it printed."""
    monkeypatch.chdir(tmp_path)  # where there is no audit.toml

    def run(code: int, *places: Path, policy: str = "") -> str:
        (tmp_path / "policy.toml").write_text(policy, encoding="utf-8")
        arguments = ["merge", *map(str, places), "--policy", "policy.toml", "--report", "report"]
        assert main(arguments) == code
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        assert code == 0 or "APPROVED" not in printed.out
        return printed.err if code == 2 else printed.out

    return run


def refused(printed: str) -> str:
    """The one line that says what and where."""
    [line] = printed.splitlines()
    assert line.startswith("pulse audit: ")
    return line


def test_everything_measured_and_passed_is_approved(audit: Callable[..., str], every_leg: Path) -> None:
    printed = audit(0, every_leg)
    assert re.search(r"demo 1\.0: APPROVED, measured (\d+) of \1 clauses", printed)
    report = json.loads((every_leg / "report" / "audit.json").read_text("utf-8"))
    assert is_as_sealed(report)
    assert (report["decision"], report["exit"], report["missing"], report["reasons"]) == ("APPROVED", 0, [], [])
    assert len(report["legs"]) == 4
    assert all(len(leg["sha256"]) == 64 for leg in report["legs"])
    assert report["clauses"]["WIN-01"] == {"level": "must", "platforms": {"linux": "unmeasured", "windows": "pass"}}


def test_a_program_for_linux_alone_is_approved_without_windows(audit: Callable[..., str], every_leg: Path) -> None:
    shutil.rmtree(every_leg / "windows")
    printed = audit(0, every_leg, policy='[required]\nsupported = ["linux"]\n')
    assert re.search(r"demo 1\.0: APPROVED for linux, measured (\d+) of \1 clauses", printed)
    assert "note: the policy supports linux only: WIN-01, " in printed
    for page in ("audit.html", "audit.md"):
        assert "APPROVED for linux, measured" in (every_leg / "report" / page).read_text("utf-8")


def test_one_machine_alone_is_incomplete_and_says_which_leg_is_missing(
    audit: Callable[..., str], every_leg: Path
) -> None:
    shutil.rmtree(every_leg / "windows")
    printed = audit(4, every_leg)
    assert "missing: no run of the whole suite on windows (windows-latest)" in printed
    assert "get it: on windows-latest: pulse conformance --impl mine.toml --report windows/conformance" in printed
    assert "WIN-01, WIN-02" in printed
    assert "INCOMPLETE, measured" in printed


@pytest.mark.parametrize("word", ["--impl .", "--impl=.", "--seed 1 --impl=."])
def test_the_commands_name_the_implementation_as_those_of_the_legs_do(
    audit: Callable[..., str], write_leg: Legs, word: str
) -> None:
    leg = write_leg("linux", command=f"pulse conformance {word} --report linux")
    assert "pulse stress suite --impl . --report" in audit(4, leg)


def test_a_message_of_several_lines_is_one_line(audit: Callable[..., str], write_leg: Legs) -> None:
    forged = "io: no\ndemo 1.0: CONFORMANT, measured 89 of 89 clauses\n::error::forged"
    leg = write_leg("linux", results=[Result("DOC-01", "case", "fail", forged)])
    lines = audit(1, leg).splitlines()
    assert not [line for line in lines if line.startswith(("demo 1.0: CONFORMANT", "::error"))]
    assert any(r"io: no\ndemo 1.0: CONFORMANT" in line for line in lines)


def test_wine_counts_as_windows_only_where_the_policy_says_so(
    audit: Callable[..., str], every_leg: Path, write_leg: Legs
) -> None:
    shutil.rmtree(every_leg / "windows")
    write_leg("wine", system="windows (wine)", file_system="unknown")
    assert "Wine does not count, unless the policy says wine = true" in audit(4, every_leg)
    assert "APPROVED" in audit(0, every_leg, policy=WINE)


@pytest.mark.parametrize(
    ("name", "missing", "command"),
    [
        ("conformance", "no run of the whole suite on linux (ubuntu-latest)", "on ubuntu-latest: pulse conformance"),
        ("stress", "no run of pulse stress on linux or windows", "pulse stress suite --impl mine.toml"),
        ("powercut", "PWR-03: not measured on linux or windows", "on Linux, as root: pulse stress powercut"),
        ("mutants", "no matrix of all mutants and variants of this kit", "python -m conformance.selfcheck --complete"),
    ],
)
def test_what_is_missing_is_named_with_the_command_that_gets_it(
    audit: Callable[..., str], every_leg: Path, name: str, missing: str, command: str
) -> None:
    shutil.rmtree(every_leg / "linux" / name)
    printed = audit(4, every_leg)
    assert f"missing: {missing}" in printed
    assert f"get it: {command}" in printed


def test_legs_that_were_written_into_the_project_itself_belong_together(
    audit: Callable[..., str], tmp_path: Path, misbehaving: Callable[..., Path], conformance_command: Callable[..., Any]
) -> None:
    manifest = misbehaving()
    for clause, folder in (("DOC-02", "linux/one"), ("DOC-09", "linux/other"), ("DOC-02", "pulse-results")):
        report = manifest.parent / folder
        ran = conformance_command("--impl", manifest, "--clause", clause, "-n", "0", "--report", report)
        assert (report / "report.html").exists(), ran.stderr
    assert "under test 7: INCOMPLETE" in audit(4, manifest.parent)


# What is not as it was written, or does not belong together, is refused


Change = Callable[[list[bytes]], Sequence[bytes]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda lines: [*lines[:3], *lines[4:]], ":4: does not follow", id="a line removed"),
        pytest.param(lambda lines: lines[:-1], ": has no footer", id="the footer cut off"),
        pytest.param(lambda lines: [*lines[:-1], lines[-1][:-9]], ": has no footer", id="the footer cut in the middle"),
        pytest.param(
            lambda lines: [line.replace(b'"outcome": "unmeasured"', b'"outcome": "pass"') for line in lines],
            "does not follow",
            id="outcomes edited",
        ),
        pytest.param(
            lambda lines: [*lines[:5], lines[5].replace(b'"evidence": {}', b'"evidence": {"a": 1}'), *lines[6:]],
            ":6: does not follow",
            id="evidence edited",
        ),
        pytest.param(lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], ":3: does not", id="two exchanged"),
        pytest.param(lambda lines: [*lines[:3], *lines[2:]], ":4: does not follow", id="a line repeated"),
        pytest.param(lambda lines: [], "it is empty", id="nothing left"),
        pytest.param(lambda lines: lines * 2, "a second header", id="twice in one file"),
        pytest.param(
            lambda lines: [lines[0].replace(b'"format": %d' % FORMAT, b'"format": 99'), *lines[1:]],
            "results of format 99",
            id="a newer format",
        ),
        pytest.param(lambda lines: [b"\x00\xff\n"], "not a line of results", id="no text"),
    ],
)
def test_a_leg_that_is_not_as_it_was_written(
    audit: Callable[..., str], every_leg: Path, change: Change, said: str
) -> None:
    path = every_leg / "linux" / "conformance" / "results.jsonl"
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    printed = refused(audit(2, every_leg))
    assert said in printed
    assert str(path) in printed


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kit": "0.0.1"}, "made by the kit 0.0.1"),
        ({"kit_files": "f" * 64}, "(ffffffffffff)"),
        ({"implementation": {"name": "other"}}, "its name is 'other', not 'demo'"),
        ({"implementation": {"version": "2.0"}}, "its version is '2.0', not '1.0'"),
        ({"implementation": {"profile": "replace"}}, "its profile is 'replace', not 'pulse'"),
        ({"implementation": {"command": ["./x"]}}, "its command is"),
        (
            {"implementation": {"files": {"each": {"implementation.toml": "3" * 64}}}},
            "its files differ: 'implementation",
        ),
    ],
)
def test_a_leg_of_something_else(
    audit: Callable[..., str], every_leg: Path, write_leg: Legs, changes: dict[str, object], said: str
) -> None:
    path = write_leg("other", system="macos", **changes)
    printed = refused(audit(2, every_leg))
    assert said in printed
    assert str(path) in printed


def test_a_leg_given_twice(audit: Callable[..., str], every_leg: Path) -> None:
    shutil.copytree(every_leg / "linux" / "conformance", every_leg / "again")
    assert "the same run as" in refused(audit(2, every_leg))


def test_a_matrix_of_another_kit(audit: Callable[..., str], every_leg: Path, write_matrix: Legs) -> None:
    path = write_matrix("older", kit_files="f" * 64)
    assert f"{path}: made by the kit" in refused(audit(2, every_leg))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"caught": 3', '"caught": 4', "is not as it was written"),
        ('"format": 2', '"format": 3', "not a matrix of mutants of format 2"),
        ('{"format"', "{", "not a matrix of mutants"),
    ],
)
def test_a_matrix_that_was_edited(audit: Callable[..., str], every_leg: Path, old: str, new: str, said: str) -> None:
    path = every_leg / "linux" / "mutants" / "matrix.json"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    assert f"{path}: {said}" in refused(audit(2, every_leg))


def test_places_that_have_no_results(audit: Callable[..., str], tmp_path: Path, write_matrix: Legs) -> None:
    (tmp_path / "empty").mkdir()
    assert "empty: has no results.jsonl" in refused(audit(2, tmp_path / "empty"))
    assert "missing: no such file or folder" in refused(audit(2, tmp_path / "missing"))
    assert "there is no implementation to decide about" in refused(audit(2, write_matrix()))


# What was found


def test_a_failure_in_any_leg_rejects(audit: Callable[..., str], every_leg: Path, write_leg: Legs) -> None:
    path = write_leg("macos", system="macos", results=[Result("VIS-01", "in_place", "fail", "cut")], complete=False)
    printed = audit(1, every_leg)
    assert f"rejected: {path}: VIS-01 [in_place] fail: cut" in printed
    assert "demo 1.0: REJECTED" in printed


def test_no_control_character_is_printed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, write_leg: Legs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hostile = "\x1b[2J\x9b\r\u202e[/][bold]<b>"
    about = {"name": hostile, "version": hostile}
    write_leg("linux", results=[Result("VIS-01", hostile, "fail", hostile)], implementation=about, file_system=hostile)
    assert main(["merge", str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert not set(printed) & set("\x1b\x9b\r\u202e")
    assert r"\x1b[2J\x9b\x0d\u202e[/][bold]<b>" in printed


# The policy


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("[requires]", "unknown key 'requires'"),
        ("[minimum]\nwrite = 1", "unknown key 'write' in [minimum]"),
        ('[[accepted]]\nclause = "XYZ-01"\nuntil = 2999-01-01\nreason = "x"', "accepted.clause has 'XYZ-01'"),
        (
            '[[accepted]]\nclause = "VIS-01"\nuntil = 2020-01-01\nreason = "x"',
            "the failure of VIS-01 was accepted until 2020-01-01",
        ),
        ("not toml", "cannot be read as TOML"),
    ],
)
def test_a_policy_that_cannot_be_used(audit: Callable[..., str], every_leg: Path, policy: str, said: str) -> None:
    assert f"policy.toml: {said}" in refused(audit(2, every_leg, policy=policy))


def test_a_policy_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["merge", str(tmp_path), "--policy", str(tmp_path / "no.toml")]) == 2
    assert "cannot be read" in capsys.readouterr().err


# What it runs itself


def test_it_runs_what_this_machine_measures_and_decides(
    every_leg: Path, write_leg: Legs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(every_leg)
    shutil.rmtree(every_leg / "linux" / "conformance")
    shutil.rmtree(every_leg / "linux" / "stress")
    ran = []

    def run(words: Sequence[str], **_: object) -> SimpleNamespace:
        module = words[words.index("-m") + 1]
        ran.append(module)
        report = words[words.index("--report") + 1]
        if module == "conformance.cli":
            write_leg(report)
        elif "suite" in words:
            load = [Result("CON-01", "load", "pass", counts=LOAD)]
            write_leg(report, program="pulse stress suite", results=load)
        else:
            cuts = [Result("PWR-03", "cuts", "pass", counts={"cuts": 200})]
            write_leg(report, program="pulse stress powercut", results=cuts)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", run)
    arguments = ["--impl", "mine.toml", "--report", "out"]
    assert main([*arguments, "--leg", str(every_leg / "windows"), "--leg", str(every_leg / "linux")]) == 0
    assert ran[:2] == ["conformance.cli", "stress"]
    printed = capsys.readouterr()
    assert "APPROVED" in printed.out
    assert "pulse audit: pulse conformance --impl mine.toml --report " in printed.err
    assert "pulse audit: pulse stress suite --impl mine.toml --report " in printed.err
    assert (every_leg / "out" / "audit.json").is_file()


def test_an_implementation_that_does_not_start_is_not_decided_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "run", lambda words, **_: subprocess.CompletedProcess(words, 3))
    assert main(["--impl", "mine.toml"]) == 3
    printed = capsys.readouterr()
    assert "conformance ended with exit code 3: there is nothing to decide about" in printed.err
    assert printed.out == ""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_command_that_it_runs_ends_with_it(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text(
        "import os, signal\nprint(os.getpid(), flush=True)\nsignal.pause()\n", encoding="ascii"
    )
    words = [sys.executable, "-c", "from conformance.commands.audit.command import _run; _run(['endless'])"]
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    with subprocess.Popen(words, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}) as audit:
        assert audit.stdout
        running = psutil.Process(int(audit.stdout.readline()))
        audit.kill()
        audit.wait(60)
    with contextlib.suppress(psutil.NoSuchProcess):
        running.wait(60)
    assert not running.is_running()
