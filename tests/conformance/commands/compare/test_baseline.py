"""``pulse conformance --baseline``: fails on lost ground, and on nothing else."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.cli import main
from conformance.commands.compare.baseline import exit_code
from conformance.reporting.results import Exit, Result, read_results
from conformance.system.platform import describe_platform

ONE_CASE = ("--clause", "DOC-07", "--case", "message:cyrillic", "-n", "0", "--seed", "1")
PASS = Result("DOC-07", "message:cyrillic", "pass")


@pytest.mark.parametrize(
    ("code", "lost", "ends_with"),
    [
        (Exit.CONFORMANT, False, 0),
        (Exit.NOT_CONFORMANT, False, 0),
        (Exit.INCONCLUSIVE, False, 4),
        (Exit.CONFORMANT, True, 1),  # a SHOULD
        (Exit.NOT_CONFORMANT, True, 1),
        (Exit.INCONCLUSIVE, True, 1),
    ],
)
def test_the_exit_code_is_1_for_lost_ground_alone(code: Exit, lost: bool, ends_with: int) -> None:
    assert exit_code(code, lost=lost) == ends_with


@pytest.fixture
def judged(
    make_manifest: Callable[..., Path], adapters: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Judges one case of a writer that behaves, or of one that loses what is not ASCII."""
    manifest = make_manifest(["{python}", "-S", str(adapters / "misbehaving.py"), "behave", "0"])

    def run(*arguments: object, loses: bool = False) -> tuple[int, str, str]:
        text = manifest.read_text("utf-8")
        how = json.dumps(["ascii-only", "0"] if loses else ["behave", "0"])[1:-1]
        manifest.write_text(text.replace('"behave", "0"', how).replace('"ascii-only", "0"', how), encoding="utf-8")
        code = main(["--impl", str(manifest), *ONE_CASE, *map(str, arguments)])
        return (code, *capsys.readouterr())

    return run


Judged = Callable[..., tuple[int, str, str]]


@pytest.fixture
def earlier(report: Callable[..., Path]) -> Callable[[Result], Path]:
    """The report of an earlier run of the same writer on this system, with this result."""

    def write(result: Result) -> Path:
        return report("earlier", result, name="under test", system=describe_platform()["system"])

    return write


Earlier = Callable[[Result], Path]


def test_a_case_that_passed_and_now_fails_fails_the_run(judged: Judged, earlier: Earlier) -> None:
    before = earlier(PASS)
    code, stdout, _ = judged("--baseline", before, loses=True)
    assert code == 1
    assert f"since the baseline {before}" in stdout
    assert "message:cyrillic: pass → fail" in stdout
    assert stdout.splitlines()[-1].startswith("lost ground: 1 case (of 1 case 1 worse")


def test_a_case_that_fails_as_before_does_not_but_the_verdict_is_what_it_is(
    judged: Judged, earlier: Earlier, tmp_path: Path
) -> None:
    before = earlier(dataclasses.replace(PASS, outcome="fail"))
    code, stdout, _ = judged("--baseline", before / "results.jsonl", "--report", tmp_path / "again", loses=True)
    assert code == 0
    assert stdout.splitlines()[-2:] == [
        "no lost ground (of 1 case 0 worse, 0 better, 0 new, 0 gone; 1 fails as before)",
        "exit code 0 instead of 1, by the baseline",
    ]
    footer = read_results(tmp_path / "again" / "results.jsonl")[2]
    assert footer is not None
    assert footer["exit"] == 1


def test_a_baseline_of_something_else_is_refused_before_anything_is_judged(
    judged: Judged, report: Callable[..., Path]
) -> None:
    code, stdout, stderr = judged("--baseline", report("old", PASS, name="another"))
    assert (code, stdout) == (2, "")
    assert "have different implementations: another and under test" in stderr


def test_a_baseline_that_cannot_be_read_is_refused_before_anything_is_prepared(judged: Judged, tmp_path: Path) -> None:
    code, stdout, stderr = judged("--baseline", tmp_path / "missing")
    assert (code, stdout) == (2, "")
    assert f"--baseline {tmp_path / 'missing'}: no such file, or no regular one" in stderr


def test_a_run_that_stops_early_has_nothing_to_compare(judged: Judged, report: Callable[..., Path]) -> None:
    code, stdout, stderr = judged("--baseline", report("old", PASS, name="under test"), "-x")
    assert (code, stdout) == (2, "")
    assert "-x leaves cases out, so that --baseline would find them gone" in stderr


def test_a_report_never_overwrites_its_baseline(judged: Judged, report: Callable[..., Path]) -> None:
    old = report("old", PASS, name="under test")
    before = (old / "results.jsonl").read_bytes()
    code, _, stderr = judged("--baseline", old, "--report", old)
    assert code == 2
    assert "would overwrite it; keep the baseline somewhere else" in stderr
    assert (old / "results.jsonl").read_bytes() == before
