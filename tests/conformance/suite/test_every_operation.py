"""The cases of the syscall engine, where the kit itself was started in an unusual way."""

import subprocess
import sys
from pathlib import Path

import pytest

from conformance.reporting.results import Exit, read_results

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the syscall engine needs Linux")

INTERRUPTS = ("--clause", "FLT-09", "--case", "interrupt_at_every_boundary", "--point", "replace:[0-3]:*", "-n", "0")


def run(impl: str, report: Path, *before: str) -> tuple[int, str, str]:
    """Run the suite. Returns the exit code, and outcome and message of its only case."""
    command = [sys.executable, "-m", "conformance.cli", "--impl", impl, *INTERRUPTS, "--report", str(report)]
    code = subprocess.run([*before, *command], stdin=subprocess.DEVNULL, capture_output=True).returncode
    _, [result], _ = read_results(report / "results.jsonl")
    return code, result["outcome"], result["message"]


def test_interrupts_are_measured_where_the_kit_was_started_with_sigint_ignored(tmp_path: Path) -> None:
    background = ("sh", "-c", 'trap "" INT HUP; exec "$@"', "sh")
    code, outcome, message = run("mutant:temp-made-before-the-try", tmp_path, *background)
    assert (code, outcome) == (Exit.NOT_CONFORMANT, "fail")
    assert "behind" in message


def test_an_implementation_that_ignores_sigint_itself_is_not_judged(tmp_path: Path) -> None:
    (tmp_path / "deaf.py").write_text(
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nfrom conformance.mutation.honest import Honest\n",
        encoding="utf-8",
    )
    manifest = tmp_path / "implementation.toml"
    manifest.write_text(
        '[implementation]\nname = "deaf"\nlanguage = "python"\nprofile = "pulse"\nroles = ["writer", "reader"]\n'
        'mode = "python"\ncallable = "deaf:Honest"\n',
        encoding="utf-8",
    )
    _, outcome, message = run(str(manifest), tmp_path / "report")
    assert outcome == "unmeasured"
    assert message.startswith("the implementation ignores SIGINT (")


IN_RECOVERY = ("--clause", "KIL-01", "--case", "kill_in_the_write_after_a_kill:KIL-01", "-n", "0")
ITS_POINTS = ("--point", "replace:*:create:kill-after/*:rename:kill-after")


def test_what_only_the_write_after_a_kill_breaks_is_found_with_depth_2_and_repeated_by_its_point(
    tmp_path: Path,
) -> None:
    mutant = ("--impl", "mutant:orphan-published-without-a-look")
    command = [sys.executable, "-m", "conformance.cli", *mutant, *IN_RECOVERY, "--report", str(tmp_path)]
    assert subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode == Exit.USAGE
    deep = subprocess.run([*command, "--depth", "2", *ITS_POINTS], stdin=subprocess.DEVNULL, capture_output=True)
    _, [result], _ = read_results(tmp_path / "results.jsonl")
    assert (deep.returncode, result["outcome"]) == (Exit.NOT_CONFORMANT, "fail")
    point = result["evidence"]["point"]
    assert "/" in point
    assert result["repro"].endswith(f"--depth 2 --point {point}")
