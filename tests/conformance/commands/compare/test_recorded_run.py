"""What `pulse compare` refuses to read: one line that says what and where, exit code 2, and never a traceback."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.commands.compare.command import main
from conformance.commands.compare.recorded_run import load_run, run_from
from conformance.contract.clauses import load_clauses
from conformance.reporting.results import FORMAT, Header, Result, results_file
from conformance.reporting.verdict import decide

Report = Callable[..., Path]
Refused = Callable[..., str]
PASS = Result("MET-01", "mode_is_kept:0644", "pass")
OTHER = Result("MET-01", "mode_is_kept:0600", "pass")


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], report: Report) -> Refused:
    """Compares a path with a good report, as OLD and as NEW. Returns what is said after the command's name."""
    good = report("good", PASS, OTHER)

    def run(path: Path) -> str:
        lines = set()
        for arguments in ((path, good), (good, path)):
            code = main([str(argument) for argument in arguments])
            stdout, stderr = capsys.readouterr()
            assert (code, stdout, stderr.count("\n")) == (2, "", 1)
            lines.add(stderr.removesuffix("\n"))
        [line] = lines
        return line.removeprefix("pulse compare: ")

    return run


def test_what_is_missing_is_named(refused: Refused, tmp_path: Path) -> None:
    missing, empty = tmp_path / "missing", tmp_path / "empty"
    empty.mkdir()
    assert refused(missing) == f"{missing}: no such file, or no regular one"
    assert refused(empty) == f"{empty}: no results.jsonl in it; --report writes one"


def test_two_runs_are_needed(capsys: pytest.CaptureFixture[str], report: Report) -> None:
    folder = report("old", PASS)
    assert main([str(folder), str(folder / "results.jsonl")]) == 2
    assert capsys.readouterr().err.endswith("are one file: nothing could ever be lost\n")
    assert main([str(folder)]) == 2


def test_a_run_that_did_not_finish_is_refused(refused: Refused, report: Report) -> None:
    folder = report("new", PASS, finished=False)
    wanted = "the run did not finish, or the end of the file is missing; run it again"
    assert refused(folder) == f"{folder / 'results.jsonl'}: {wanted}"


def test_a_file_that_may_not_be_read_is_named(refused: Refused, report: Report) -> None:
    if sys.platform == "win32" or os.geteuid() == 0:
        pytest.skip("needs a user that a mode keeps out")
    folder = report("old", PASS)
    (folder / "results.jsonl").chmod(0)
    assert "Permission denied" in refused(folder)


# Not as it was written


def lines_of(folder: Path) -> list[bytes]:
    return (folder / "results.jsonl").read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [],
        lambda lines: lines[1:],
        lambda lines: lines[:-1],
        lambda lines: [*lines[:-1], lines[-1][:-9]],
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: [lines[0], lines[2], lines[1], lines[3]],
        lambda lines: [*lines[:2], *lines[1:]],
        lambda lines: [*lines, *lines],
        lambda lines: [line.replace(b'"outcome": "pass"', b'"outcome": "fail"') for line in lines],
        lambda lines: [line.replace(b'"evidence": {}', b'"evidence": {"a": 1}') for line in lines],
        lambda lines: [line.replace(b'"name": "demo"', b'"name": "other"') for line in lines],
        lambda lines: [lines[0].replace(b'"format": ', b'"format": 9'), *lines[1:]],
        lambda lines: [b"[" * 100_000 + b"\n", *lines[1:]],
        lambda lines: [b"PK\x03\x04 \xff\n"],
        lambda lines: [b"\n"],
        lambda lines: [b"7\n"],
    ],
    ids=[
        *("empty", "header-removed", "footer-removed", "cut", "line-removed", "reordered", "line-twice", "file-twice"),
        *("outcome-edited", "evidence-edited", "header-edited", "newer-format", "deep", "no-text", "blank", "number"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_named(
    refused: Refused, report: Report, change: Callable[[list[bytes]], list[bytes]]
) -> None:
    folder = report("bad", PASS, OTHER)
    path = folder / "results.jsonl"
    path.write_bytes(b"".join(change(lines_of(folder))))
    assert refused(folder).startswith(str(path))


# As it was written, by another program or another kit


@pytest.fixture
def written(tmp_path: Path, header: Callable[..., Header]) -> Callable[..., Path]:
    """A whole results file with this header and these lines of type ``result``, whatever they are. Returns its path."""

    def write(head: dict[str, Any] | None = None, *lines: dict[str, Any]) -> Path:
        with results_file(tmp_path / "written") as file:
            assert file is not None
            file.record("header", {"format": FORMAT, **dataclasses.asdict(header()), **(head or {})})
            for line in lines:
                file.record("result", line)
            results = [PASS] * len(lines)
            file.footer(decide(results, load_clauses(), (), "linux", strict=False, complete=False))
        return tmp_path / "written" / "results.jsonl"

    return write


Written = Callable[..., Path]


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ({"implementation": None}, "the header has no 'implementation', or it is no object"),
        ({"implementation": {"name": "demo"}}, "a line of type 'header' has no 'version', or it is no text"),
        ({"platform": {"system": 7}}, "a line of type 'header' has no 'system', or it is no text"),
        ({"selection": []}, "the header has no 'selection', or it is no object"),
        ({"selection": {"clause": "MET-01"}}, "'clause' of the header's selection is no list of texts"),
        ({"selection": {"case": [7]}}, "'case' of the header's selection is no list of texts"),
        ({"file_system": None}, "a line of type 'header' has no 'file_system', or it is no text"),
    ],
)
def test_a_header_that_lacks_something_is_named(
    refused: Refused, written: Written, head: dict[str, Any], says: str
) -> None:
    path = written(head, dataclasses.asdict(PASS))
    assert refused(path) == f"{path}: {says}"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"clause": "MET-99"}, "this kit has no clause 'MET-99'; compare with the kit that wrote it"),
        ({"clause": None}, "a line of type 'result' has no 'clause', or it is no text"),
        ({"case": 7}, "a line of type 'result' has no 'case', or it is no text"),
        ({"outcome": "passed"}, "MET-01 [mode_is_kept:0644] has the outcome 'passed'; there are pass, fail, error"),
        ({"outcome": None}, "a line of type 'result' has no 'outcome', or it is no text"),
        ({"message": []}, "a line of type 'result' has no 'message', or it is no text"),
        ({"repro": None}, "a line of type 'result' has no 'repro', or it is no text"),
        ({"blame": "nature"}, "MET-01 [mode_is_kept:0644] has the blame 'nature'"),
    ],
)
def test_a_result_that_this_kit_does_not_know_is_named(
    refused: Refused, written: Written, change: dict[str, Any], says: str
) -> None:
    path = written(None, {**dataclasses.asdict(PASS), **change})
    assert refused(path).startswith(f"{path}: {says}")


def test_what_a_file_says_is_no_sequence_for_the_terminal(refused: Refused, written: Written) -> None:
    said = refused(written(None, {**dataclasses.asdict(PASS), "clause": "\x1b[2J\nMET"}))
    assert "\x1b" not in said


def test_a_run_is_the_same_as_read_from_its_report(report: Report, header: Callable[..., Header]) -> None:
    about: dict[str, Any] = {"selection": {"clause": ("MET-*",), "level": ("quick",)}, "roles": ("writer", "reader")}
    path = report("old", PASS, OTHER, **about)
    assert run_from(header(**about), [PASS, OTHER], str(path), path) == load_run(path)


def test_what_else_a_line_has_is_passed_over(written: Written) -> None:
    path = written({"more": 1}, {**dataclasses.asdict(PASS), "more": [1, 2]})
    assert load_run(path).cases[(PASS.clause, PASS.case)].outcome == "pass"


def test_a_file_without_the_member_flaky_has_none_that_are(written: Written) -> None:
    line = dataclasses.asdict(PASS)
    del line["flaky"]
    assert not load_run(written(None, line)).cases[(PASS.clause, PASS.case)].flaky
