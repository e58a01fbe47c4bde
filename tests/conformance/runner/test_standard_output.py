"""Standard output that is full, closed, or a pipe that no program reads any more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest

from conformance.reporting.results import Exit

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full, as Linux has it")
COMMANDS = {
    "suite": ["conformance.cli", "--clause", "LIF-01", "-n", "0"],
    "suite with workers": ["conformance.cli", "--clause", "LIF-01", "-n", "1"],
    "list": ["conformance.cli", "--list"],
    "help": ["stress.cli", "--help"],
    "load": ["stress.cli", "--until", "1 writes"],
    "explain": ["conformance.commands.explain", "VIS-01"],
}


def command(words: list[str], stdout: IO[Any] | int) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *words], stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)


@needs_full
@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_one_is_said_in_one_line(name: str) -> None:
    with FULL.open("w") as full:
        done = command(COMMANDS[name], full)
    assert done.returncode == Exit.INCONCLUSIVE
    [line] = done.stderr.splitlines()
    assert line.endswith("standard output could not be written: [Errno 28] No space left on device")


@needs_full
def test_a_full_one_hides_no_failure() -> None:
    with FULL.open("w") as full:
        words = ["--impl", "mutant:rename-error-swallowed", "--clause", "FLT-01", "--case", "*name-too-long*"]
        done = command(["conformance.cli", *words, "-n", "0"], full)
    assert (done.returncode, len(done.stderr.splitlines())) == (Exit.NOT_CONFORMANT, 1)


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe is another error there")
@pytest.mark.parametrize("name", COMMANDS)
def test_a_pipe_that_is_closed_is_quiet(name: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", *COMMANDS[name]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == Exit.INTERRUPTED


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_a_closed_one_is_said_in_one_line() -> None:
    words = ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-m", *COMMANDS["suite"]]
    done = subprocess.run(words, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == Exit.INCONCLUSIVE
    assert done.stderr == "pulse conformance: standard output could not be written: [Errno 9] Bad file descriptor\n"


@needs_full
@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("results.jsonl", Exit.USAGE, "results.jsonl could not be written: [Errno 28]"),
        ("report.html", Exit.INCONCLUSIVE, "report.html could not be written: [Errno 28]"),
        ("junit.xml", Exit.INCONCLUSIVE, "junit.xml could not be written: [Errno 28]"),
    ],
)
def test_a_report_that_cannot_be_written_is_named(tmp_path: Path, name: str, code: Exit, says: str) -> None:
    (tmp_path / name).symlink_to(FULL)
    done = command([*COMMANDS["suite"], "--report", str(tmp_path)], subprocess.DEVNULL)
    assert done.returncode == code
    assert says in done.stderr.splitlines()[-1]
