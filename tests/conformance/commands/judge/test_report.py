"""What `pulse judge` prints of an inquiry."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conformance.commands.judge.answers import Answer
from conformance.commands.judge.folder import Measured
from conformance.commands.judge.inquiry import Judged, Wish
from conformance.commands.judge.report import Report, repeat, results_of
from conformance.reporting.results import Exit

GIVEN = {"folder": Path(), "valid": None, "given": None, "run_seconds": 60.0}
LOST = Answer("power", "yes", "it is empty", "rename t → f")
LATER = Answer("kill", "yes", "it is empty", "unlink t", "4:rename:kill-before/1:unlink:kill-after", 9, 9, 1)
DEPTH = {"wish": Wish(), "courses": [], "deeper_points": 0, "deeper_tried": 0}
UNSEEN = Answer("kill", "not measured", "no point was hit", tried=0, of=4)


def inquiry(**changes: Any) -> Any:
    """An inquiry of which only what is printed is there."""
    report = SimpleNamespace(outside=changes.pop("outside", ()), outlived=changes.pop("outlived", False))
    printed = changes.pop("printed", "")
    status = changes.pop("status", 0)
    ended = SimpleNamespace(status=status, operations=[1, 2], seconds=0.5, report=report, printed=printed)
    traced = SimpleNamespace(ended=ended)
    return SimpleNamespace(**{"traced": traced, "notes": [], "points": 0, "tried": 0, **DEPTH, **changes})


def test_what_is_not_judged_is_said_beside_what_is(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(["prog"], GIVEN)
    report.copied(Path("/mine"), Measured(3, 2048, ("s", "t")))
    of_prog = inquiry(status=3, outside=tuple("abcdefg"), outlived=True, notes=["its outputs differ"], printed="a\nb\n")
    report.first(
        of_prog, [Judged("work/f", "replaced by t", (LOST,), whole="old bytes"), Judged("work/g", "", (), "a link")]
    )
    shown = capsys.readouterr().out
    assert "copied 3 items (2 KiB) of /mine, without 2 that are sockets or devices" in shown
    assert "2 operations in the folder, which ends with exit code 3" in shown
    assert "exit code 3\n  it printed: a\n  it printed: b\n" in shown
    assert "note: its outputs differ" in shown
    assert "which is not judged: a, b, c, d, e and 2 more" in shown
    assert "a process of it still ran when it ended, and was stopped" in shown
    assert "g\n  not judged: a link" in shown
    assert "rename t → f: it is empty\n      repeat: pulse judge --target f --budget 0 -- prog" in shown
    assert "-- prog\n      why, and the usual fix: pulse explain PWR-01\n" in shown


def test_a_question_is_explained_once(capsys: pytest.CaptureFixture[str]) -> None:
    Report(["prog"], GIVEN).first(inquiry(), [Judged(name, "", (LOST,)) for name in ("work/f", "work/g")])
    assert capsys.readouterr().out.count("pulse explain PWR-01") == 1


def test_what_was_not_measured_is_no_answer(capsys: pytest.CaptureFixture[str]) -> None:
    later = (LATER, UNSEEN, UNSEEN)
    Report(["prog"], GIVEN).last(inquiry(points=9, tried=9), [Judged("work/f", "", (LOST, *later))], None, Path())
    assert "1 file judged: 2 findings in 2 answers; 2 not measured; 9 of 9 points tried (" in capsys.readouterr().out
    Report(["prog"], GIVEN).last(inquiry(points=9, tried=9), [Judged("work/f", "", (LOST,))], None, Path())
    assert "1 file judged: 1 finding in 1 answer; 9 of 9 points tried (" in capsys.readouterr().out


def test_what_it_wrote_past_the_copy_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(["prog"], GIVEN)
    report.copied(Path("/mine"), Measured(1, 1))
    report.first(inquiry(outside=("/mine/state.json", "/elsewhere/f")), [])
    shown = capsys.readouterr().out
    assert "note: it wrote /mine/state.json itself, not the copy: its path is absolute; use a relative path" in shown
    assert "note: it also writes outside of the folder, which is not judged: /elsewhere/f" in shown


@pytest.mark.parametrize(
    ("printed", "given", "hint"),
    [("Overwrite? ", None, True), ("Overwrite? ", Path("answers"), False), ("done\n", None, False)],
)
def test_a_command_that_asks_and_writes_nothing_may_need_stdin(
    capsys: pytest.CaptureFixture[str], printed: str, given: Path | None, hint: bool
) -> None:
    Report(["prog"], {**GIVEN, "given": given}).first(inquiry(printed=printed), [])
    shown = capsys.readouterr().out
    assert "it wrote no file in the folder" in shown
    assert ("; if it asks for input: --stdin FILE" in shown) == hint


def test_without_a_file_there_is_nothing_to_judge(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(["prog"], GIVEN)
    report.first(inquiry(), [])
    assert report.last(inquiry(notes=["one more"], points=4, tried=1), [], None, Path()) == Exit.INCONCLUSIVE
    shown = capsys.readouterr().out
    assert "it wrote no file in the folder" in shown
    assert "note: one more" in shown
    assert "1 of 4 points tried; more with --budget" in shown
    assert "inconclusive: not everything could be judged" in shown


def test_only_a_terminal_is_shown_the_progress(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Report(["prog"], GIVEN).progress(1, 9)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    report = Report(["prog"], GIVEN)
    report.progress(1, 9)
    report.last(inquiry(points=9, tried=9), [], None, Path())
    assert capsys.readouterr().err.startswith("\r1 of 9 points\r ")


def test_results_say_what_was_not_measured() -> None:
    lost, unseen = results_of([Judged("work/f", "", (LOST, UNSEEN))], ["prog"], GIVEN)
    assert (lost.clause, lost.case, lost.outcome, lost.inconclusive) == ("PWR-01", "judge[f]", "fail", False)
    assert lost.evidence == {"seen": "it is empty", "operation": "rename t → f"}
    assert (unseen.clause, unseen.outcome, unseen.inconclusive) == ("KIL-01", "unmeasured", True)
    assert unseen.counts == {"points": 0}


def test_a_finding_of_the_next_run_is_repeated_with_its_two_points_and_the_depth() -> None:
    assert repeat(["prog"], GIVEN, "work/f", LATER) == (
        "pulse judge --target f --point 4:rename:kill-before/1:unlink:kill-after --depth 2 -- prog"
    )
    [result] = results_of([Judged("work/f", "", (LATER,))], ["prog"], GIVEN)
    assert result.evidence["point"] == LATER.point


def test_how_much_of_the_next_runs_was_tried(capsys: pytest.CaptureFixture[str]) -> None:
    deeper = inquiry(points=4, tried=4, wish=Wish(depth=2), courses=[1, 2], deeper_points=9, deeper_tried=3)
    Report(["prog"], GIVEN).last(deeper, [], None, Path())
    shown = capsys.readouterr().out
    assert "4 of 4 points tried, and 3 of 9 in 2 differing next runs; more with --budget" in shown
