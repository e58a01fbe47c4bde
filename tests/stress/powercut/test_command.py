"""``pulse stress powercut``: usage, what cannot be started, machines that cannot cut, and the results file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.reporting.results import Result, read_results
from stress.cli import main
from stress.powercut import experiment
from stress.powercut.blocks.results import FORESEEN_ALONE


@pytest.fixture
def judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs the command in this process, on a machine that has no means. Returns exit code, stdout and stderr."""
    parent = tmp_path / "temporary"
    parent.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(parent))
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        assert list(parent.iterdir()) == []
        return (code, *capsys.readouterr())

    return run


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nothing",), "No such command"),
        (
            ("powercut", "--file-system", "btrfs", "--way", "random"),
            "can be cut at every block only: give --way blocks",
        ),
        (("powercut", "--way", "never"), "'never' is not one of 'random', 'boundaries', 'blocks'"),
        (("powercut", "--file-system", "floppy"), "'floppy' is not one of ext4, ext4-auto_da_alloc"),
        (("powercut", "--file-system", "floppy"), "of another type, mkfs.floppy must be here"),
        (("powercut", "--only", "-1"), "neither a number nor the name of a state"),
        (("powercut", "--only", "0-2-1-p0of2"), "neither a number nor the name of a state"),
        (("powercut", "--only", "0-2-1-0-p0of2", "--way", "random"), "is for cuts at every block: give --way blocks"),
        (("powercut", "--keep", "kept", "--way", "random"), "--keep is for cuts at every block: give --way blocks"),
        (("powercut", "--cuts", "0"), "--cuts"),
        (("powercut", "--impl", "no/such/manifest"), "no such manifest"),
        (("powercut", "--impl", "mutant:none"), "no such mutant"),
    ],
)
def test_usage(judged: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], says: str) -> None:
    code, _, stderr = judged(*arguments)
    assert code == 2
    assert says in stderr


def test_a_report_that_cannot_be_written_is_usage(judged: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, _, stderr = judged("powercut", "--report", tmp_path / "file" / "report")
    assert code == 2
    assert "cannot be written" in stderr


def test_a_folder_in_which_nothing_can_be_kept_is_usage(
    judged: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    code, _, stderr = judged("powercut", "--keep", tmp_path / "file" / "kept")
    assert code == 2
    assert "kept: cannot be written: " in stderr


def test_the_name_of_a_state_selects_the_cuts_at_every_block(
    judged: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    judged("powercut", "--file-system", "ext4", "--only", "0-2-1-0-p0of2", "--report", tmp_path)
    _, results, _ = read_results(tmp_path / "results.jsonl")
    assert {result["case"] for result in results} == {"cut_at_every_block:ext4"}


def test_a_way_in_which_a_file_system_cannot_be_cut_is_named(judged: Callable[..., tuple[int, str, str]]) -> None:
    _, _, stderr = judged("powercut", "--file-system", "btrfs", "--way", "random", "--way", "blocks")
    assert "btrfs can be cut at every block only" in stderr


def test_an_implementation_that_does_not_start(judged: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    manifest = tmp_path / "implementation.toml"
    manifest.write_text(
        '[implementation]\nname = "none"\nlanguage = "none"\nprofile = "replace"\nroles = ["writer"]\n'
        'mode = "serve"\ncommand = ["./not-there"]\n',
        encoding="utf-8",
    )
    code, _, stderr = judged("powercut", "--impl", manifest)
    assert code == 3
    assert "cannot be started" in stderr


def test_without_means_every_case_is_unmeasured(judged: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    names = ("--file-system", "ext4", "--file-system", "btrfs")
    code, stdout, _ = judged("powercut", *names, "--seed", "5", "--report", tmp_path / "report")
    assert code == 4
    assert "INCONCLUSIVE" in stdout
    assert "cut_at_random:ext4: needs" in stdout  # the reason, once
    assert "cut_at_every_block:btrfs: as above" in stdout
    header, results, footer = read_results(tmp_path / "report" / "results.jsonl")
    assert header["seed"] == 5
    assert {result["outcome"] for result in results} == {"unmeasured"}
    assert {result["clause"] for result in results} == {"PWR-02", "PWR-03", "PWR-04"}
    assert {result["case"] for result in results} == {
        "cut_at_random:ext4",
        "cut_at_every_boundary:ext4",
        "cut_at_every_block:ext4",
        "cut_at_every_block:btrfs",
    }
    assert footer is not None
    assert footer["reasons"] == ["nothing was measured"]
    assert (tmp_path / "report" / "report.html").is_file()


def test_what_is_selected_is_all_that_is_tried(judged: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    judged("powercut", "--file-system", "xfs", "--way", "random", "--report", tmp_path)
    _, results, _ = read_results(tmp_path / "results.jsonl")
    assert {result["case"] for result in results} == {"cut_at_random:xfs"}


def test_power_cuts_do_not_concern_a_reader(judged: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    manifest = tmp_path / "implementation.toml"
    manifest.write_text(
        '[implementation]\nname = "reader"\nlanguage = "python"\nprofile = "pulse"\nroles = ["reader"]\n'
        'mode = "python"\ncallable = "conformance.mutation.honest:Honest"\n',
        encoding="utf-8",
    )
    _, stdout, _ = judged("powercut", "--impl", manifest)
    assert "the implementation does not have the role writer" in stdout


@pytest.mark.parametrize("unseen", [True, False])
def test_what_pwr_01_would_find_is_said_after_the_verdict(
    judged: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, *, unseen: bool
) -> None:
    """A writer that is wrong may be lucky on the file systems of this machine."""
    evidence = {FORESEEN_ALONE: ["torn"]} if unseen else {}
    passed = Result("PWR-03", "cut_at_every_block:btrfs", "pass", "0 torn", evidence)
    monkeypatch.setattr(experiment, "results", lambda run, plan: iter([passed]))
    _, stdout, _ = judged("powercut", "--impl", "mutant:truncate-in-place", "--way", "blocks")
    last = stdout.splitlines()[-1]
    assert last.startswith("PWR-01, which asks the model alone, would fail here: ") == unseen
    assert last.endswith("--impl mutant:truncate-in-place --clause PWR-01") == unseen


def test_a_crash_of_the_kit_is_no_verdict(
    judged: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def crash(kind: object) -> str:
        raise OSError("the kit's own trouble")

    monkeypatch.setattr(experiment, "require_means", crash)
    code, _, _ = judged("powercut", "--report", tmp_path)
    assert code == 4
    _, results, _ = read_results(tmp_path / "results.jsonl")
    errors = [result for result in results if result["outcome"] == "error"]
    assert {(error["clause"], error["blame"]) for error in errors} == {("PWR-03", "kit")}
    assert {"the kit's own trouble" in error["message"] for error in errors} == {True}
