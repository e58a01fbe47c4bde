"""``pulse stress``: exit codes, the results file, and Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from conformance.contract.errors import Unmeasured
from conformance.reporting.results import read_results
from stress.commands import load as command
from stress.disk import KINDS, require_means
from stress.load.plan import LoadPlan
from stress.load.sampler import Show
from stress.record.folder_record import Finding, FolderRecord, Overlap, Totals
from stress.record.json_codec import from_json
from tests.stress.samples import a_record

if TYPE_CHECKING:
    from tests.stress.commands.conftest import Judged


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


# Verdicts


@pytest.mark.parametrize(
    ("changes", "code", "word"),
    [
        ({}, 0, "clauses measured: passed"),
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
    assert any(
        re.search(rf"seed 5\): (\d+ of \d+ )?{word}(, measured \d+ of \d+ clauses)?$", line)
        for line in stdout.splitlines()
    )
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
    assert "clauses measured: passed" in stdout
    header, results, footer = read_results(report / "results.jsonl")
    assert header["seed"] == 3
    assert [(result["clause"], result["outcome"]) for result in results] == [("CON-01", "pass"), ("CON-03", "pass")]
    assert footer is not None
    assert footer["verdict"].endswith("clauses measured: passed")
    lines = [json.loads(line) for line in (report / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["type"] for line in lines] == ["header", "stress", "result", "result", "footer"]
    record = from_json({name: value for name, value in lines[1].items() if name not in ("type", "chain")})
    assert record.complete
    assert record.totals.reads >= 300_000
    assert record.control.caught > 0
    assert "<html" in (report / "report.html").read_text(encoding="utf-8")
    repeated = shlex.split(results[0]["repro"])
    assert repeated[2:] == ["--size", "256,65536", "--until", "300000 reads", *repeated[6:]]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the namespaces of the sandbox")
@pytest.mark.parametrize("where", ["in a folder", "on a new disk"])
def test_a_run_in_the_sandbox(judged: Judged, tmp_path: Path, where: str) -> None:
    """As root the writer is another user, too, who finds its targets, also below folders of the kit's."""
    as_root = sys.platform == "linux" and os.geteuid() == 0
    if where == "on a new disk":
        try:
            require_means(KINDS["ext4"])
        except Unmeasured as error:
            pytest.skip(str(error))
    place = ("--disk", "ext4") if where == "on a new disk" else ("--dir", tmp_path)
    user = ("--user", "nobody") if as_root else ()
    code, stdout, stderr = judged("--sandbox", *user, *place, "--until", "100 writes", "--seed", "3")
    if "--sandbox: it cannot be made here" in stderr:
        pytest.skip(stderr)
    assert code in (0, 4), stdout + stderr  # 4: too few reads on a busy machine
    assert re.search(r"(\d+) of \1 writes acknowledged", stdout)


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
