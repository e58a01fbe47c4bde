"""`pulse report-bug`: folders for the failures of a results file, and one line for what cannot be used."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.commands.report_bug.command import main
from conformance.reporting.results import Header, Result, ResultsFile

MANIFEST = """
[implementation]
name = "mine"
language = "shell"
profile = "replace"
roles = ["writer"]
mode = "oneshot"
command = ["./save"]
"""
MakeResults = Callable[..., Path]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "implementation.toml").write_text(MANIFEST, encoding="utf-8")
    (folder / "save").write_text('#!/bin/sh\ncat > "$2"\n', encoding="utf-8")
    (folder / ".hidden").write_text("secret", encoding="utf-8")
    return folder / "implementation.toml"


@pytest.fixture
def results(tmp_path: Path, mine: Path) -> MakeResults:
    def make(*cases: tuple[str, str], impl: str = "", name: str = "mine") -> Path:
        folder = tmp_path / "results"
        folder.mkdir(exist_ok=True)
        header = Header(
            kit="1.0",
            implementation={"name": name, "version": "1"},
            platform={"system": "linux"},
            file_system="ext4",
            python="3.13",
            seed=1,
            selection={},
        )
        repro = f"pulse conformance --impl '{impl or mine.as_posix()}' --clause X"
        with (folder / "results.jsonl").open("w", encoding="utf-8", newline="\n") as stream:
            file = ResultsFile(stream)
            file.header(header)
            for clause, case in cases:
                file.result(Result(clause, case, "fail", "why", {"trace": ["0 open"]}, repro=repro))
        return folder

    return make


def test_each_failure_becomes_a_folder(
    tmp_path: Path, results: MakeResults, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "to"
    assert (
        main([str(results(("VIS-01", "order_of_operations:VIS-01-replace"), ("MET-04", "link"))), "--to", str(to)]) == 0
    )
    printed = capsys.readouterr().out
    assert "2 reports, 1 with a repro; of 2 cases" in printed
    assert "MET-04-link: Requirement not met: a symbolic link at the target is treated as declared (evidence" in printed
    scripted, plain = to / "VIS-01-target-is-only-replaced", to / "MET-04-link"
    assert sorted(path.name for path in plain.iterdir()) == ["ISSUE.md", "evidence.json", "program", "trace.txt"]
    assert sorted(path.name for path in (plain / "program").iterdir()) == ["implementation.toml", "save"]
    assert sorted(path.name for path in (scripted / "program").iterdir()) == ["implementation.toml", "save"]
    assert json.loads((scripted / "subject.json").read_text(encoding="utf-8")) == {
        "check": "target-is-only-replaced",
        "mode": "oneshot",
        "profile": "replace",
        "command": ["./save"],
        "callable": "",
        "setup": [],
        "folder": "program",
    }
    assert json.loads((plain / "evidence.json").read_text(encoding="utf-8"))[0]["case"] == "link"
    for script in scripted.glob("*.py"):
        assert "conformance" not in script.read_text(encoding="utf-8")


def test_a_run_without_failures_has_nothing_to_report(
    tmp_path: Path, results: MakeResults, capsys: pytest.CaptureFixture[str], mine: Path
) -> None:
    file = results() / "results.jsonl"
    assert main([str(file), "--to", str(tmp_path / "to"), "--impl", str(mine)]) == 0
    assert "0 reports, 0 with a repro; of 0 cases" in capsys.readouterr().out
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize(
    ("impl", "name", "options", "said"),
    [
        ("", "mine", ["--clause", "XYZ-1"], "--clause XYZ-1: no such clause"),
        ("", "another", [], "is 'mine', and the results are of 'another'"),
        ("mutant:in-place", "mine", [], "mutant:in-place: is a part of the kit"),
        ("/no/such/implementation.toml", "mine", [], "--impl names the implementation that was judged"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_line(
    tmp_path: Path,
    results: MakeResults,
    capsys: pytest.CaptureFixture[str],
    impl: str,
    name: str,
    options: list[str],
    said: str,
) -> None:
    folder = results(("VIS-01", "order_of_operations:VIS-01-replace"), impl=impl, name=name)
    assert main([str(folder), "--to", str(tmp_path / "to"), *options]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "to").exists()


def test_a_report_that_is_there_is_kept(
    tmp_path: Path, results: MakeResults, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(results(("VIS-01", "order_of_operations:VIS-01-replace"))), "--to", str(tmp_path / "to")]
    assert main(words) == 0
    issue = tmp_path / "to" / "VIS-01-target-is-only-replaced" / "ISSUE.md"
    issue.write_text("mine", encoding="utf-8")
    assert main(words) == 2
    assert "is there already" in capsys.readouterr().err
    assert issue.read_text(encoding="utf-8") == "mine"


def test_another_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results.jsonl").write_text("hello\n", encoding="utf-8")
    assert main([str(tmp_path)]) == 2
    assert "not a line of results" in capsys.readouterr().err
