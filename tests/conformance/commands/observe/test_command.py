"""`pulse observe` as a command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.commands.observe import command, report
from conformance.commands.observe.command import main
from conformance.commands.observe.watching import Stop, Watched, looking
from conformance.reporting.results import Exit, read_results


def replace(target: Path, text: str) -> None:
    temp = target.with_name("t")
    temp.write_text(text, encoding="utf-8")
    os.replace(temp, target)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "watched" / "f.json"
    path.parent.mkdir()
    path.write_text("{}", encoding="utf-8")
    return path


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look comes after one more write by rename."""

    def watch(files: list[Watched], stopped: Stop, **how: object) -> float:
        with looking(files) as look:
            for number in range(3):
                look()
                replace(files[0].path, f'{{"n": {number}}}')
            look()
        return 1.0

    monkeypatch.setattr(command, "watch", watch)


def test_a_correct_writer_ends_with_0_and_each_answer_says_out_of_how_many(
    target: Path, writes: None, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([str(target), "--for", "1s"])
    shown = capsys.readouterr().out
    assert (code, "3 changes seen" in shown) == (Exit.CONFORMANT, True), shown
    assert "a reader finds it empty or torn    no            in 4 reads" in shown
    assert "note: whole is: valid json" in shown
    assert "1 file watched: 0 findings in 6 answers; 4 reads (" in shown


def test_the_results_are_in_the_kits_own_format(target: Path, writes: None, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    assert main([str(target), "--for", "1s", "--report", str(folder)]) == Exit.CONFORMANT
    header, results, footer = read_results(folder / "results.jsonl")
    assert (header["program"], header["selection"]) == ("pulse observe", {"file": [str(target)]})
    assert header["implementation"]["files"] == {"why_not": "nothing was started"}
    assert [result["case"].split("[")[0] for result in results] == [
        f"observe-{question}" for question in ("torn", "missing", "place", "older", "attributes", "temps")
    ]
    assert {result["outcome"] for result in results} == {"pass"}
    assert results[0]["counts"] == {"of": 4}
    assert results[0]["repro"].startswith("pulse observe --for 1 --every 0.001 ")
    assert footer is not None
    assert footer["exit"] == Exit.CONFORMANT


def test_a_torn_file_ends_with_1(target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target.write_text("{", encoding="utf-8")
    assert main([str(target), "--for", "0s", "--valid", "json"]) == Exit.NOT_CONFORMANT
    shown = capsys.readouterr().out
    assert "a reader finds it empty or torn    yes\n      of 1 read: 1 no whole json, the first at " in shown
    assert "1 file watched: 1 finding in 6 answers" in shown


def test_a_file_that_is_not_there_yet_is_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "later"), "--for", "0s"]) == Exit.INCONCLUSIVE
    shown = capsys.readouterr().out
    assert "later does not exist yet" in shown
    assert "not judged: it did not exist in 1 look" in shown
    assert "inconclusive: not everything could be measured" in shown


def test_a_file_that_does_not_change_is_inconclusive(target: Path) -> None:
    assert main([str(target), "--for", "0s"]) == Exit.INCONCLUSIVE


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["."], "is a folder, and no file"),
        (["none/f"], "there is no folder"),
        (["f", "--for", "soon"], "is no duration; write it as 500ms, 30s, 10m"),
        (["f", "--valid", "jsn"], "is neither a kind (json"),
        (["f", "--report", "."], "where nothing is written"),
        ([], "Missing argument 'FILE...'"),
    ],
)
def test_usage_errors_say_what_to_do(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == Exit.USAGE
    assert said in " ".join(capsys.readouterr().err.split())
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFO in a folder")
def test_a_fifo_is_refused_and_not_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "f")
        assert main([str(tmp_path / "f")]) == Exit.USAGE
        assert "is a FIFO, and no file" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_ends_the_watch_with_the_report_so_far(target: Path) -> None:
    words = [sys.executable, "-m", "conformance.commands.observe.command", str(target), "--every", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert first.endswith("until Ctrl-C\n")
    assert rest.startswith("reading at full speed, with")
    assert "1 file watched: 0 findings in 6 answers" in rest
    assert process.returncode == Exit.INCONCLUSIVE


def test_a_name_moves_no_cursor_and_a_terminal_sees_how_far_it_is(
    target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    watched = [command._watched(target, "", None)]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    report.show_progress(watched, 12.0)
    report.end_progress()
    report.say("a\x1b[2Jb\nc")
    printed = capsys.readouterr()
    assert "12 s: 0 reads, 0 changes" in printed.err
    assert printed.out == "a\\x1b[2Jb\\nc\n"
    watched[0].end()


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ({"refused": 3}, "it may not be read: refused in 3 of 3 looks; run it as a user who may"),
        ({"other": 3}, "a folder is there, and no file, in 3 looks"),
    ],
)
def test_a_file_without_a_read_is_not_judged(target: Path, states: dict[str, int], said: str) -> None:
    watched = command._watched(target, "", None)
    watched.end()
    watched.tally.looks = 3
    watched.tally.states.update(states)
    watched.tally.instead.update(["a folder"] if "other" in states else [])
    assert report._why_not(watched) == said


def test_what_was_not_seen_is_said(target: Path) -> None:
    watched = command._watched(target, "", None)
    watched.end()
    watched.lost = 1
    watched.tally.looks = 5
    watched.tally.states["busy"] = 2
    assert report._notes(watched) == [
        "the system dropped events 1 time; what they would say is not counted",
        "2 of 5 looks came while it was being replaced",
    ]


def test_a_line_of_results_is_json(target: Path, tmp_path: Path) -> None:
    main([str(target), "--for", "0s", "--report", str(tmp_path / "r")])
    for line in (tmp_path / "r" / "results.jsonl").read_text(encoding="utf-8").splitlines():
        assert json.loads(line)["type"] in ("header", "result", "footer")
