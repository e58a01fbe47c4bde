"""``pulse compare``: exit codes, the three forms, and what cannot be compared: one line, exit code 2."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.commands.compare.command import main
from conformance.reporting.results import Result

Report = Callable[..., Path]
PASS = Result("MET-01", "mode_is_kept:0644", "pass", repro="pulse conformance --case mode_is_kept:0644")
FAIL = Result("MET-01", "mode_is_kept:0644", "fail", "became 0600", repro=PASS.repro)
OTHER = Result("MET-01", "mode_is_kept:0600", "pass")


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the command in this process. Returns exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        return (code, *capsys.readouterr())

    return run


Said = Callable[..., tuple[int, str, str]]


def test_lost_ground_is_exit_code_1_and_says_which_case_and_how_to_repeat_it(said: Said, report: Report) -> None:
    code, stdout, stderr = said(report("old", PASS, OTHER), report("new", FAIL, OTHER, version="2.0"))
    assert (code, stderr) == (1, "")
    lines = [line.strip() for line in stdout.splitlines()]
    assert lines[0] == "demo 1.0 → 2.0 (linux, ext4)"
    at = lines.index("worse")
    assert lines[at + 1].startswith("MET-01 (SHOULD) ")
    assert lines[at + 2 : at + 4] == ["mode_is_kept:0644: pass → fail", "became 0600"]
    assert lines[at + 4].startswith("repeat: ")
    assert lines[at + 4].endswith("--case mode_is_kept:0644")
    assert lines[-1] == "lost ground: 1 case (of 2 cases 1 worse, 0 better, 0 new, 0 gone; 0 fail as before)"


def test_no_lost_ground_is_exit_code_0_although_cases_fail(said: Said, report: Report) -> None:
    code, stdout, _ = said(report("old", FAIL, OTHER), report("new", FAIL, OTHER))
    assert code == 0
    assert stdout.splitlines()[-1] == (
        "no lost ground (of 2 cases 0 worse, 0 better, 0 new, 0 gone; 1 fails as before)"
    )


def test_a_file_is_named_as_well_as_its_folder(said: Said, report: Report) -> None:
    old, new = report("old", PASS), report("new", PASS)
    assert said(old / "results.jsonl", new)[0] == said(old, new / "results.jsonl")[0] == 0


def test_a_clause_that_is_not_measured_any_more_is_named_with_the_reason(said: Said, report: Report) -> None:
    code, stdout, _ = said(
        report("old", FAIL, Result("DOC-01", "a", "pass")),
        report("new", Result("MET-01", "*", "unmeasured", "needs strace"), Result("DOC-01", "a", "pass")),
    )
    assert code == 1
    assert "  MET-01 fail → unmeasured, not measured any more: needs strace" in stdout.splitlines()
    assert "lost ground: 1 clause not measured any more (of " in stdout


def test_json_has_everything(said: Said, report: Report) -> None:
    old, new = report("old", PASS, OTHER), report("new", FAIL, OTHER, version="2.0")
    code, stdout, _ = said(old, new, "--json")
    value = json.loads(stdout)
    assert (code, value["type"], value["format"], value["lost_ground"]) == (1, "comparison", 1, True)
    assert (value["old"]["source"], value["new"]["version"]) == (str(old), "2.0")
    assert (value["compared"], value["still_failing"]) == (2, 0)
    assert value["changes"] == [
        {
            "clause": "MET-01",
            "case": "mode_is_kept:0644",
            "level": "should",
            "kind": "worse",
            "before": "pass",
            "now": "fail",
            "lost": True,
            "message": "became 0600",
            "repro": FAIL.repro,
        }
    ]
    assert value["clauses"] == [
        {"clause": "MET-01", "level": "should", "before": "pass", "now": "fail", "lost": False, "message": ""}
    ]


def test_markdown_is_a_table_for_a_job_summary(said: Said, report: Report) -> None:
    code, stdout, _ = said(report("old", PASS, OTHER), report("new", FAIL, OTHER, version="2.0"), "--markdown")
    assert code == 1
    assert stdout.splitlines()[0] == "### demo 1.0 → 2.0: lost ground"
    assert "| MET-01 (SHOULD) | `mode_is_kept:0644` | pass | fail | became 0600 |" in stdout.splitlines()


def test_markdown_stays_short_and_says_how_much_is_left_out(said: Said, report: Report) -> None:
    many = [Result("MET-01", f"mode:{number}", "pass") for number in range(150)]
    lost = [Result("MET-01", f"mode:{number}", "fail", "x" * 5000) for number in range(150)]
    _, stdout, _ = said(report("old", *many), report("new", *lost), "--markdown")
    assert stdout.count("| MET-01 ") == 100
    assert "… and 50 cases more" in stdout
    assert len(stdout) < 60_000


EVIL = "</td><script>alert(1)</script> | \x1b[2J\x9b31m @all \u202e [x](https://example.org) \r\n # `a`"


@pytest.mark.parametrize("form", [(), ("--json",), ("--markdown",)])
def test_control_characters_and_markup_in_names_are_shown_and_not_obeyed(
    said: Said, report: Report, form: tuple[str, ...]
) -> None:
    before = [Result("MET-01", EVIL, "pass", EVIL, repro=EVIL), OTHER]
    now = [Result("MET-01", EVIL, "fail", EVIL, repro=EVIL), OTHER]
    about = {"name": EVIL, "file_system": EVIL}
    code, stdout, stderr = said(report("old", *before, **about), report("new", *now, version=EVIL, **about), *form)
    assert (code, stderr) == (1, "")
    assert not set(stdout) & set("\x1b\x9b\u202e\r")
    if form == ("--json",):
        assert json.loads(stdout)["changes"][0]["case"] == EVIL
    if form == ("--markdown",):
        assert "<script" not in stdout
        assert "[x](" not in stdout
        assert "@all" not in stdout
        rows = [line for line in stdout.splitlines() if line.startswith("| MET-01 (SHOULD)")]
        assert len(rows) == 1
