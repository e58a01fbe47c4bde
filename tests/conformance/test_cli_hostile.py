"""Implementations that attack the kit that judges them: what they plant is not believed, what they leave is ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.reporting.results import read_results

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs the syscall engine and subreapers")

Judge = Callable[..., subprocess.CompletedProcess[str]]

PLANTING = """
import glob, json, os, pickle
from pulse.serve import Reference

NAMES = ("faults-replace", "faults-first", "interrupts-replace", "undeclared", "folder-changed", "in-process-real",
         "in-process-posix", "in-process-macos", "in-process-windows", "write-replace")

class Bomb:
    def __reduce__(self):
        return os.mkdir, (BOMB,)

def plant():
    run = os.path.dirname(os.environ["TMPDIR"])
    kits = glob.glob(os.path.join(os.path.dirname(run), "pulse-kit-*"))
    kits += [path + "/notes" for path in kits]
    nothing = json.dumps({"found": {"points": 9, "visits": []}})
    for folder in (run, run + "/findings", run + "/children", *kits):
        os.makedirs(folder, exist_ok=True)
        for name in NAMES:
            for path in (f"{folder}/{name}.json", f"{folder}/{name}.note"):
                with open(path, "w") as file:
                    file.write(nothing if path.endswith("json") else "0" * 64 + chr(10) + nothing)
        with open(f"{folder}/run.pickle", "wb") as file:
            pickle.dump(Bomb(), file)
        for pid in ("0", "1", str(os.getppid()), STRANGER):
            with open(f"{folder}/{pid}", "w") as file:
                file.write("0.0")

real = os.fsync

def swallowed(descriptor):
    try:
        real(descriptor)
    except OSError:
        pass

os.fsync = swallowed

class Implementation(Reference):
    def write(self, path, status):
        plant()
        return super().write(path, status)
"""

LEAVING = """
import os, subprocess
from pulse.serve import Reference

class Implementation(Reference):
    def write(self, path, status):
        if not os.path.exists(MARK):
            nowhere = subprocess.DEVNULL
            words = ["sh", "-c", "setsid sleep 7654321 & setsid sleep 7654321 & echo $! >" + MARK]
            subprocess.run(words, stdin=nowhere, stdout=nowhere, stderr=nowhere)
            with open(MARK + "-child", "w") as file:
                file.write(str(subprocess.Popen(["sleep", "7654321"], stdin=nowhere, stdout=nowhere,
                                                stderr=nowhere, start_new_session=True).pid))
        return super().write(path, status)
"""


@pytest.fixture
def judge(make_manifest: Callable[..., Path], tmp_path: Path) -> Judge:
    """Runs the suite on an implementation of mode ``python`` whose source is given with some constants."""

    def run(source: str, *arguments: str, **constants: str) -> subprocess.CompletedProcess[str]:
        manifest = make_manifest(mode="python", entry_point="hostile:Implementation", profile="pulse")
        head = "".join(f"{name} = {value!r}\n" for name, value in constants.items())
        (manifest.parent / "hostile.py").write_text(head + source, encoding="utf-8")
        temporary = tmp_path / "temporary"
        temporary.mkdir()
        words = [sys.executable, "-m", "conformance.cli", "--impl", str(manifest), *arguments]
        environment = {**os.environ, "TMPDIR": str(temporary)}
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        assert list(temporary.iterdir()) == [], "a folder is left"
        return done

    return run


def test_what_a_writer_plants_beside_its_files_is_not_believed(judge: Judge, tmp_path: Path) -> None:
    """It swallows the errors of fsync, and plants findings that say otherwise, a run to unpickle, and whom to kill."""
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as stranger:
        done = judge(
            PLANTING,
            *("--clause", "FLT-04", "--case", "fault_at_every_operation:FLT-04-replace", "-n", "0"),
            *("--point", "replace:*:sync:EIO"),
            BOMB=str(tmp_path / "bomb"),
            STRANGER=str(stranger.pid),
        )
        assert stranger.poll() is None
        stranger.kill()
    assert done.returncode == 1, done.stderr
    assert "fail FLT-04" in done.stdout
    assert not (tmp_path / "bomb").exists()


@pytest.mark.parametrize("workers", ["0", "1"])
def test_what_a_writer_leaves_running_is_ended_and_said(
    judge: Judge, tmp_path: Path, gone: Callable[[int], bool], workers: str
) -> None:
    """A daemon, another one, and a child in a session of its own."""
    mark, report = tmp_path / "mark", tmp_path / "report"
    selection = ("--clause", "DOC-03", "--case", "status:done", "-n", workers, "--report", str(report))
    done = judge(LEAVING, *selection, "--summary", str(tmp_path / "summary"), MARK=str(mark))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning: 3 processes were left running: sleep 7654321" in done.stdout
    assert "the kit has ended them" in (tmp_path / "summary").read_text(encoding="utf-8")
    assert "3 processes were left running" in (report / "report.html").read_text(encoding="utf-8")
    for path in (mark, tmp_path / "mark-child"):
        assert gone(int(path.read_text(encoding="ascii")))
    lines = [json.loads(line) for line in (report / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    [left] = [line for line in lines if line["type"] == "left"]
    assert len(left["processes"]) == 3
    assert read_results(report / "results.jsonl")[2] is not None
