"""The repro by itself: no kit to import, an empty environment, a broken writer that it shows and a correct one."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import pulse
from conformance.report_bug.plan import planned
from conformance.report_bug.write import write_bug_report
from conformance.reporting.results import Header, Result
from conformance.subject.manifest import Manifest

HEADER = Header("1.0", {"name": "x", "version": "1"}, {"system": "linux"}, "ext4", "3.13", 1, {})
CASES = {
    "sync-before-rename": Result("PWR-01", "every_disk_state_is_old_or_new:replace", "fail", "empty"),
    "failed-rename": Result("FLT-06", "failed_replace_is_not_a_copy:x", "fail", "copied"),
    "full-disk": Result("FLT-10", "full_disk:disk-full", "fail", "torn"),
}
ALONE = ["unshare", "--mount", *([] if getattr(os, "geteuid", int)() == 0 else ["--map-root-user"])]
# The interpreter that the environment of the tests was made with, without the packages that are installed there.
PYTHON = [getattr(sys, "_base_executable", sys.executable), "-S"]
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


def possible() -> bool:
    """Whether this machine has what an empty environment and the repro need."""
    if not (sys.platform == "linux" and shutil.which("strace") and shutil.which("unshare")):
        return False
    return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not possible(), reason="needs Linux, strace, and namespaces")


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    words = [*ALONE, *PYTHON, "repro.py"]
    return subprocess.run(words, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=200, check=False)


def a_report(folder: Path, check: str, manifest: Manifest) -> Path:
    (report,) = planned([CASES[check]])
    write_bug_report(folder / report.name, report, HEADER, manifest)
    return folder / report.name


@pytest.fixture
def broken(tmp_path: Path) -> Manifest:
    """The usual shell script: no sync, `mv` copies after a failed rename, and a full disk leaves the temp."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "save").write_text('#!/bin/sh\ncat > "$2.tmp" && mv "$2.tmp" "$2"\n', encoding="utf-8")
    (folder / "save").chmod(0o755)
    return Manifest("mine", "shell", "replace", ("writer",), "oneshot", folder, "mine", ("./save",))


@pytest.fixture
def correct(tmp_path: Path) -> Manifest:
    """The reference, which lies in the folder of its manifest, as a library would be installed there."""
    folder = tmp_path / "reference"
    here = Path(pulse.__file__).parent
    shutil.copytree(here, folder / "pulse", ignore=shutil.ignore_patterns("__pycache__", "panel"))
    shutil.copytree(here / "panel", folder / "pulse" / "panel", ignore=shutil.ignore_patterns("__pycache__"))
    return Manifest(
        "pulse", "python", "pulse", ("writer",), "python", folder, "reference", callable="pulse.serve:Reference"
    )


def test_the_environment_is_empty(tmp_path: Path) -> None:
    words = [*ALONE, *PYTHON, "-c", "import conformance"]
    done = subprocess.run(words, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError" in done.stderr


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("sync-before-rename", "no fsync of status.json.tmp between its last write and the rename"),
        ("failed-rename", "failed with EXDEV, the target is new (answer: ok)"),
        ("full-disk", "this is left in the folder: ['status.json.tmp']"),
    ],
)
def test_the_failure_of_a_broken_writer_is_shown(tmp_path: Path, broken: Manifest, check: str, said: str) -> None:
    done = run(a_report(tmp_path, check, broken))
    assert (done.returncode, said in done.stdout) == (1, True), (done.stdout, done.stderr)


@pytest.mark.parametrize("check", CASES)
def test_a_correct_writer_passes(tmp_path: Path, correct: Manifest, check: str) -> None:
    done = run(a_report(tmp_path, check, correct))
    assert (done.returncode, done.stdout) == (0, "it does not happen here\n"), done.stderr


def test_torn_bytes_are_kept(tmp_path: Path, broken: Manifest) -> None:
    (broken.folder / "save").write_text('#!/bin/sh\ncat > "$2"\n', encoding="utf-8")
    folder = a_report(tmp_path, "full-disk", broken)
    done = run(folder)
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert "the target is torn: " in done.stdout
    assert (folder / "torn.bin").read_bytes().startswith(b"20000 xxx")


def test_a_program_that_cannot_be_started_is_no_failure(tmp_path: Path, broken: Manifest) -> None:
    done = run(a_report(tmp_path, "sync-before-rename", replace(broken, mode="serve", command=("./gone",))))
    assert done.returncode == 2
    assert "this machine cannot tell: the program cannot be started" in done.stderr


def test_a_set_up_runs_once(tmp_path: Path, broken: Manifest) -> None:
    setup = (("sh", "-c", "echo x >> built"),)
    folder = a_report(tmp_path, "failed-rename", replace(broken, setup=setup))
    assert [run(folder).returncode for _ in range(2)] == [1, 1]
    assert (folder / "program" / "built").read_text() == "x\n"
    assert json.loads((folder / "subject.json").read_text())["setup"] == [["sh", "-c", "echo x >> built"]]
