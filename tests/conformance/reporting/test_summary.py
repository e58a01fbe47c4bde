"""The job summary: what it says of a run, and that nothing an implementation chooses has an effect in it."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
from pathlib import Path

import click
import pytest

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import ImplementationError, OutputError
from conformance.reporting.results import Header, Result, Verdict
from conformance.reporting.summary import append, not_started, summary_file, summary_of
from conformance.reporting.verdict import decide

HEADER = Header(
    kit="1.0",
    implementation={"name": "demo", "version": "3.2"},
    platform={"system": "linux"},
    file_system="ext4",
    python="3.13.0",
    seed=7,
    selection={"clause": [], "case": []},
)
RESULTS = (
    Result("DOC-01", "members:idle", "pass"),
    Result("DOC-02", "no_duplicates:idle", "fail", "epoch occurs twice", repro="pulse conformance --clause DOC-02"),
    Result("DOC-02", "no_duplicates:done", "fail", "loss occurs twice", repro="pulse conformance --clause DOC-02"),
    Result("MET-01", "mode_is_kept:0644", "xfail", "known failure: no chmod (#1); seen: 0600"),
    Result("WIN-01", "*", "unmeasured", "needs Windows"),
    Result("WIN-02", "*", "unmeasured", "needs Windows"),
    Result("RDR-01", "*", "n/a", "no reader"),
)
HOSTILE = [
    "<script>alert(1)</script>",
    "<!-- ",
    "</details>",
    "[click](http://example.org)",
    "![seen](http://example.org/pixel.png)",
    "| a | b |",
    "`code`",
    "line\n# heading\n\n- list",
    "\x1b[31mred\x1b[0m \u202egnp.exe",
    "@everyone #1",
    "::error::forged",
]


def decided(results: tuple[Result, ...]) -> Verdict:
    return decide(results, load_clauses(), (), "linux", strict=False, complete=False)


def summary(*results: Result, header: Header = HEADER) -> str:
    return summary_of(header, results, decided(results))


class TestWhatItSays:
    def test_the_verdict_of_what_and_where(self) -> None:
        lines = summary(*RESULTS).splitlines()
        assert lines[1] == "## demo 3.2: not conformant, measured 3 of 5 clauses"
        assert lines[3] == "linux, ext4, kit 1.0, seed 7"

    def test_a_row_a_group_and_one_for_each_clause_that_is_not_as_it_should_be(self) -> None:
        rows = [line for line in summary(*RESULTS).splitlines() if line.startswith("|")]
        titles = {name: clause.title for name, clause in load_clauses().items()}
        assert rows == [
            "| clause | requirement | outcome | cases | pass | fail | xfail | unmeasured | n/a |",
            "|---|---|---|--:|--:|--:|--:|--:|--:|",
            "| **DOC** | **the document** | **1 of 2** | 3 | 1 | 2 |  |  |  |",
            f"| DOC-02 | {titles['DOC-02']} | **fail** | 2 |  | 2 |  |  |  |",
            "| **MET** | **names, links and permissions** | **0 of 1** | 1 |  |  | 1 |  |  |",
            f"| MET-01 | {titles['MET-01']} (SHOULD) | **xfail** | 1 |  |  | 1 |  |  |",
            "| **RDR** | **the reader** | **n/a** | 1 |  |  |  |  | 1 |",
            "| **WIN** | **Windows** | **0 of 2** | 2 |  |  |  | 2 |  |",
        ]

    def test_the_first_failure_of_a_clause_and_how_to_repeat_it(self) -> None:
        text = summary(*RESULTS)
        assert "\n**fail DOC-02** `no_duplicates:idle` (and 1 more case): epoch occurs twice\n" in text
        assert "\nRepeat it: `pulse conformance --clause DOC-02`\n" in text
        assert "loss occurs twice" not in text

    @pytest.mark.parametrize(
        ("manifest", "wanted"),
        [
            ("implementation.toml", "."),
            ("a b/implementation.toml", "'./a b'"),
            ("mine/other.toml", "./mine/other.toml"),
            ("../implementation.toml", None),
        ],
    )
    def test_the_command_names_what_lies_here_as_from_here(
        self, tmp_path: Path, manifest: str, wanted: str | None
    ) -> None:
        """A reader of a job summary has the project somewhere else."""
        here = tmp_path / "work"
        path = Path(os.path.normpath(here / manifest))
        given = f"pulse conformance --impl {shlex.quote(str(path))} --case 'a b'"
        result = Result("DOC-02", "a b", "fail", "no", repro=given)
        text = summary_of(HEADER, [result], decided((result,)), here)
        said = f"pulse conformance --impl {wanted} --case 'a b'" if wanted else given
        assert f"\nRepeat it: `{said}`\n" in text

    def test_an_implementation_of_the_kit_keeps_its_name(self, tmp_path: Path) -> None:
        result = Result("DOC-02", "a", "fail", "no", repro="pulse conformance --impl go")
        assert "\nRepeat it: `pulse conformance --impl go`\n" in summary_of(HEADER, [result], None, tmp_path)

    def test_what_was_not_measured_and_why(self) -> None:
        partly = Result("CON-04", "threads", "unmeasured", "needs threads")
        text = summary(*RESULTS, partly)
        assert "\n- WIN-01, WIN-02: needs Windows\n- CON-04 in part: needs threads\n" in text
        assert "Not measured" not in summary(RESULTS[0])

    def test_reasons_beside_those_of_the_cases(self) -> None:
        verdict = dataclasses.replace(decided(RESULTS), reasons=("DOC-02 [no_duplicates:idle]: epoch", "2 * 2 cases"))
        text = summary_of(HEADER, RESULTS, verdict)
        assert next(line for line in text.splitlines() if line.startswith("- ")) == r"- 2 \* 2 cases"

    def test_a_run_that_did_not_finish_has_no_verdict(self) -> None:
        assert "\n## demo 3.2: the run did not finish, no verdict\n" in summary_of(HEADER, RESULTS, None)

    def test_a_program_that_did_not_start(self) -> None:
        error = ImplementationError("ended with exit code 1")
        assert not_started("mine", error) == "\n## mine: not judged\n\nended with exit code 1\n\n"


class TestForeignText:
    @pytest.mark.parametrize("text", HOSTILE)
    def test_no_markup_has_an_effect(self, text: str) -> None:
        header = dataclasses.replace(HEADER, implementation={"name": text, "version": text})
        plain = summary(
            Result("DOC-01", "x", "fail", "x", repro="x"), Result("WIN-01", "*", "unmeasured", "x")
        ).splitlines()
        found = summary(
            Result("DOC-01", text, "fail", text, repro=text), Result("WIN-01", "*", "unmeasured", text), header=header
        ).splitlines()
        # No line more, no cell more, no tag more than the summary has by itself.
        assert len(found) == len(plain)
        cells = [len(re.findall(r"(?<!\\)\|", line)) for line in found if line.startswith("|")]
        assert cells == [line.count("|") for line in plain if line.startswith("|")]
        outside = [re.sub(r"(`+) ?.*? ?\1(?!`)", "", line).replace("@<!-- -->", "") for line in found]
        tags = {tag for line in outside for tag in re.findall(r"(?<!\\)<[!/\w]+", line)}
        assert tags <= {"<details", "<summary", "</summary", "</details", "<code", "</code"}
        assert not any(re.search(r"(?<!\\)\]\(", line) for line in outside)
        assert not any(character in "\n".join(found) for character in "\x1b\u202e")
        assert not any(line.startswith("::") for line in found)

    def test_it_stays_below_the_limit_of_a_job_summary(self) -> None:
        text = "<&|" * 20_000
        every = [Result(clause, text, "fail", f"{text} {clause}", repro=text) for clause in load_clauses()]
        every += [Result(clause, "*", "unmeasured", f"{clause} {text}") for clause in load_clauses()]
        assert len(summary(*every).encode()) < 1_048_576


class TestFile:
    def test_it_is_appended_as_utf_8_with_line_feeds(self, tmp_path: Path) -> None:
        path = tmp_path / "summary.md"
        path.write_bytes(b"before\n")
        append(path, "caf\u00e9 \ud800\n")
        assert path.read_bytes() == "before\ncaf\u00e9 \\ud800\n".encode()

    def test_one_that_cannot_be_written_any_more_keeps_the_exit_code_of_the_verdict(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="could not be written") as caught:
            append(tmp_path, "text", 1)
        assert caught.value.exit == 1

    def test_one_that_cannot_be_written_is_refused_before_the_run(self, tmp_path: Path) -> None:
        with pytest.raises(click.UsageError, match="--summary"), summary_file(tmp_path, "mine"):
            pass

    def test_the_folder_of_a_report_need_not_be_there_yet(self, tmp_path: Path) -> None:
        path = tmp_path / "pulse-results" / "summary.md"
        with summary_file(path, "mine"):
            append(path, "text")
        assert path.read_text("utf-8") == "text"

    def test_other_ends_of_the_command_write_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "summary.md"
        with pytest.raises(click.exceptions.Exit), summary_file(path, "mine"):
            raise click.exceptions.Exit(2)
        assert path.read_bytes() == b""

    def test_none_is_no_file(self) -> None:
        with pytest.raises(click.exceptions.Exit), summary_file(None, "mine"):
            raise click.exceptions.Exit(3) from ImplementationError("gone")
