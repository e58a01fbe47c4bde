"""``pulse stress``: usage, exit codes, the results file, the command that repeats a run, and Ctrl-C."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from conformance.reporting.results import read_results
from stress.cli import main
from stress.commands import load as command
from stress.commands import options
from stress.commands.options import StressPlan
from stress.load.plan import LoadPlan
from stress.load.sampler import Show
from stress.record.folder_record import Finding, FolderRecord, Overlap, Totals
from stress.record.json_codec import from_json
from stress.record.scenario import Goal
from tests.stress.samples import a_record

Judged = Callable[..., tuple[int, str, str]]


@pytest.fixture
def judged(temporary: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Judged:
    """Runs the command in this process. Returns exit code, stdout and stderr; no file may be left."""
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        assert list(temporary.iterdir()) == []
        return (code, *capsys.readouterr())

    return run


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


RECORD = a_record(
    seconds=1.0,
    totals=Totals(reads=5000, writes=100, acknowledged=100, distinct=90, changes=90),
    overlap=Overlap(20, 20),
)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Callable[[FolderRecord | BaseException], list[Path]]:
    """Puts a record, or an error, in the place of each folder's run. Returns the folders that are used."""

    def see(result: FolderRecord | BaseException) -> list[Path]:
        folders: list[Path] = []

        def run_in_folder(plan: LoadPlan, show: Show) -> FolderRecord:
            assert list(plan.folder.iterdir()) == []
            (plan.folder / "left by the run").touch()
            folders.append(plan.folder)
            if isinstance(result, BaseException):
                raise result
            return replace(result, scenario=plan.scenario, folder=plan.shown_as)

        monkeypatch.setattr(command, "run_in_folder", run_in_folder)
        return folders

    return see


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


# Verdicts


@pytest.mark.parametrize(
    ("changes", "code", "word"),
    [
        ({}, 0, "CONFORMANT"),
        ({"counts": {"torn": 1}, "findings": (Finding("torn", 0.5, "torn: half of it"),)}, 1, "NOT CONFORMANT"),
        ({"doubts": ("12 reads; at least 1,000 are needed",)}, 4, "INCONCLUSIVE"),
    ],
)
def test_the_exit_code_is_the_verdict(
    judged: Judged, seen: Callable[..., list[Path]], changes: dict[str, Any], code: int, word: str
) -> None:
    seen(replace(RECORD, **changes))
    exit_code, stdout, _ = judged("--impl", "variant:plain", "--seed", "5")
    assert exit_code == code
    assert any(line.endswith(f"seed 5): {word}") for line in stdout.splitlines())
    assert "seed 5" in stdout.splitlines()[0]
    assert all(doubt in stdout for doubt in changes.get("doubts", ()))


def test_every_folder_is_used_and_each_has_its_results(
    judged: Judged, seen: Callable[..., list[Path]], tmp_path: Path
) -> None:
    places = [tmp_path / "one", tmp_path / "two"]
    for place in places:
        place.mkdir()
    folders = seen(RECORD)
    judged("--impl", "variant:plain", "--dir", places[0], "--dir", places[1], "--report", tmp_path / "report")
    assert [folder.parent for folder in folders] == places
    assert [list(place.iterdir()) for place in places] == [[], []]
    _, results, _ = read_results(tmp_path / "report" / "results.jsonl")
    assert {shlex.split(result["repro"])[-1] for result in results} == set(map(str, places))


def test_a_crash_of_the_kit_is_no_verdict(judged: Judged, seen: Callable[..., list[Path]]) -> None:
    seen(RuntimeError("reader 1 ended without an answer"))
    code, stdout, stderr = judged("--impl", "variant:plain")
    assert code == 4
    assert "reader 1 ended without an answer" in stderr
    assert "this says nothing about the implementation" in stderr
    assert "CONFORMANT" not in stdout


def test_an_implementation_that_does_not_start(judged: Judged, tmp_path: Path) -> None:
    manifest = tmp_path / "implementation.toml"
    manifest.write_text(
        '[implementation]\nname = "none"\nlanguage = "none"\nprofile = "replace"\nroles = ["writer"]\n'
        'mode = "serve"\ncommand = ["./not-there"]\n',
        encoding="utf-8",
    )
    code, _, stderr = judged("--impl", manifest)
    assert code == 3
    assert "cannot be started" in stderr


def test_an_interrupted_run_stops_and_has_no_verdict(
    judged: Judged, seen: Callable[..., list[Path]], tmp_path: Path
) -> None:
    folders = seen(replace(RECORD, complete=False, doubts=("the run was interrupted",)))
    code, stdout, _ = judged(
        "--impl", "variant:plain", "--dir", tmp_path, "--dir", tmp_path, "--report", tmp_path / "report"
    )
    assert code == 130
    assert len(folders) == 1
    assert "interrupted: the results cover only the part of the run before that" in stdout
    _, results, footer = read_results(tmp_path / "report" / "results.jsonl")
    assert footer is None
    assert {result["outcome"] for result in results} == {"unmeasured"}


# Real runs


def test_a_run_of_the_reference_and_what_is_written_of_it(judged: Judged, tmp_path: Path) -> None:
    report = tmp_path / "report"
    code, stdout, stderr = judged(
        *("--size", "256,64KiB", "--until", "300000 reads"),
        *("--round-seconds", "0.5", "--report", report, "--seed", "3"),
    )
    assert (code, stderr) == (0, "")
    assert "CONFORMANT" in stdout
    header, results, footer = read_results(report / "results.jsonl")
    assert header["seed"] == 3
    assert [(result["clause"], result["outcome"]) for result in results] == [("CON-01", "pass"), ("CON-03", "pass")]
    assert footer is not None
    assert footer["verdict"] == "conformant"
    lines = [json.loads(line) for line in (report / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["type"] for line in lines] == ["header", "stress", "result", "result", "footer"]
    record = from_json({name: value for name, value in lines[1].items() if name != "type"})
    assert record.complete
    assert record.totals.reads >= 300_000
    assert record.control.caught > 0
    assert "<html" in (report / "report.html").read_text(encoding="utf-8")
    repeated = shlex.split(results[0]["repro"])
    assert repeated[2:] == ["--size", "256,65536", "--until", "300000 reads", *repeated[6:]]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to consoles, not to processes")
def test_control_c_leaves_a_summary_and_nothing_else(
    stress_command: Callable[..., subprocess.Popen[str]],
    eventually: Callable[[Callable[[], object], str], None],
    gone: Callable[[int], bool],
    temporary: Path,
    tmp_path: Path,
) -> None:
    report = tmp_path / "report"
    with stress_command(
        *("--impl", "variant:plain", "--writers", "1", "--readers", "1", "--size", "256"),
        *("--until", "1e12 reads", "--report", report),
    ) as kit:
        assert kit.stdout is not None
        for line in kit.stdout:
            if line.rstrip().endswith(": load"):
                break
        processes = [child.pid for child in psutil.Process(kit.pid).children(recursive=True)]
        kit.send_signal(signal.SIGINT)
        stdout, stderr = kit.communicate(timeout=60)
    assert kit.returncode == 130, stderr
    assert len(processes) >= 3
    eventually(lambda: all(gone(pid) for pid in processes), "all processes are gone")
    assert list(temporary.iterdir()) == []
    assert "Traceback" not in stderr
    assert "interrupted: the results cover only the part of the run before that" in stdout
    _, results, footer = read_results(report / "results.jsonl")
    assert footer is None
    assert {result["outcome"] for result in results} == {"unmeasured"}
    assert all("the run was interrupted" in result["message"] for result in results)
    assert (report / "report.html").is_file()
