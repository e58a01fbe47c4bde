"""What the commands print alike, and the results file that they write."""

from __future__ import annotations

import io
from pathlib import Path

import click
import pytest
from rich.console import Console

from conformance.clauses import load_clauses
from conformance.reporting.results import Header, Result, read_results
from conformance.reporting.verdict import decide
from conformance.subject.manifest import Manifest
from stress.reporting.terminal import PIPED_WIDTH, header_of, new_console, print_verdict, results_file


@pytest.fixture
def header(manifest: Manifest) -> Header:
    return header_of(manifest, {"version": "7"}, ["ext4", "tmpfs"], 5, {"clause": ["CON-01"]})


def printed(header: Header, *results: Result) -> str:
    stream = io.StringIO()
    clauses = {result.clause: load_clauses()[result.clause] for result in results}
    verdict = decide(results, clauses, (), "linux", strict=False, complete=False)
    print_verdict(Console(file=stream, width=PIPED_WIDTH), header, list(results), verdict)
    return stream.getvalue()


def test_the_header_says_what_was_judged_and_where(header: Header) -> None:
    assert header.implementation["name"] == "scripted"
    assert header.implementation["version"] == "7"
    assert (header.file_system, header.seed, header.selection) == ("ext4, tmpfs", 5, {"clause": ["CON-01"]})


def test_where_there_is_no_terminal_lines_have_a_fixed_width() -> None:
    assert new_console().width == PIPED_WIDTH


def test_a_pass_is_one_line_of_the_table_and_the_verdict(header: Header) -> None:
    text = printed(header, Result("CON-01", "under_load", "pass", "all was well"))
    assert "CON-01" in text
    assert "all was well" not in text
    assert text.endswith("seed 5): CONFORMANT\n")
    assert "scripted 7 (" in text


def test_a_failure_is_told_with_its_first_example_and_how_to_repeat_it(header: Header) -> None:
    evidence = {"examples": [{"found": "half a [bold]document", "trace": ["open", "read"]}, {"found": "another one"}]}
    text = printed(header, Result("CON-01", "under_load", "fail", "7 torn", evidence, "pulse stress --seed 5"))
    assert "fail CON-01 [under_load]\n  7 torn\n  found: half a [bold]document\n  trace: \n    open\n    read\n" in text
    assert "repeat: pulse stress --seed 5" in text
    assert "another one" not in text
    assert text.endswith("NOT CONFORMANT\n")


def test_a_known_failure_is_told_in_one_line(header: Header) -> None:
    text = printed(header, Result("CON-01", "under_load", "xfail", "known failure: in place"))
    assert "xfail CON-01 [under_load] known failure: in place" in text


def test_what_is_unmeasured_is_told_once(header: Header) -> None:
    doubts = [
        Result(clause, "under_load", "unmeasured", "12 reads", inconclusive=True) for clause in ("CON-01", "CON-03")
    ]
    text = printed(header, *doubts)
    assert text.count("unmeasured: under_load: 12 reads") == 1
    assert text.endswith("INCONCLUSIVE\n")


def test_results_go_into_a_folder_that_is_made(tmp_path: Path, header: Header) -> None:
    report = tmp_path / "deep" / "report"
    with results_file(report) as file:
        assert file is not None
        file.header(header)
        file.record("stress", {"folder": "here"})
        file.result(Result("CON-01", "under_load", "pass"))
    read, results, footer = read_results(report / "results.jsonl")
    assert (read["seed"], [result["clause"] for result in results], footer) == (5, ["CON-01"], None)


def test_without_a_report_nothing_is_written() -> None:
    with results_file(None) as file:
        assert file is None


def test_a_folder_that_cannot_be_made_is_usage(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(click.UsageError, match="cannot be written"), results_file(tmp_path / "file" / "report"):
        raise AssertionError("there is no file")
