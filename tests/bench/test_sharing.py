"""The measurements of docs/windows.md: what is counted, and how the tables show it."""

import itertools
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from bench.sharing.__main__ import FIGURES, PAGE, PLAN, READERS, load, main
from bench.sharing.measure import Case, NotMeasuredError, Result, Write, add_up, measure, write_for
from bench.sharing.reader import WAYS, read
from bench.sharing.tables import markdown_tables, with_tables
from conformance.oracle import payload

READER = (sys.executable, "-m", "bench.sharing.reader", "open")
CASE = Case("plain", "simple", "x", "read", readers=2, pause=2, seconds=0.5)
COUNTED: dict[str, Any] = {"machine": "Wine, 2 cores", "longest": 0.0123, "first_error": "", "ok": 9000, "missing": 1}
RESULT = Result(
    **vars(CASE), **COUNTED, written=1500, lost={"5": 400, "32": 100}, torn=0, refused={"EACCES": 999}, temps=0
)
WROTE: dict[str, Any] = {"written": 8, "lost": {"5": 2}, "longest": 0.5, "first_error": "denied"}


@pytest.mark.parametrize("writer", ["simple", "reference"])
def test_readers_see_whole_documents_while_the_writer_writes(writer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_until_each_has_read(write: Write, target: Path, seconds: float) -> dict[str, Any]:
        sizes = {output: output.stat().st_size for output in target.parents[1].glob("reader-*")}
        wrote = write_for(write, target, seconds)
        while not wrote["written"] or any(output.stat().st_size == size for output, size in sizes.items()):
            wrote = write_for(write, target, seconds)
        return wrote

    monkeypatch.setattr("bench.sharing.measure.write_for", write_until_each_has_read)
    result = measure(replace(CASE, writer=writer), READER, "here")
    assert result.written > 0
    assert result.ok > 0
    assert (result.missing, result.torn, result.temps) == (0, 0, 0)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("raise SystemExit(3)", "exited with 3"),
        ("import time; print('ok', flush=True); time.sleep(999)", "no attempt"),
    ],
)
def test_a_reader_that_does_not_read_is_no_measurement(
    program: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(NotMeasuredError, match=message):
        measure(CASE, (sys.executable, "-c", program), "here")
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_ends_during_the_load_is_no_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_until_they_have_ended(*_: object) -> dict[str, Any]:
        for reader in psutil.Process().children():
            while reader.is_running() and reader.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.01)
        return WROTE

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("bench.sharing.measure.write_for", write_until_they_have_ended)
    program = "import time; print('ok', flush=True); time.sleep(0.3)"
    with pytest.raises(NotMeasuredError, match="exited with 0"):
        measure(CASE, (sys.executable, "-c", program), "here")
    assert list(tmp_path.iterdir()) == []


def test_the_counts_of_the_readers_are_added_up() -> None:
    result = add_up(CASE, "here", WROTE, [Counter({"ok": 5, "32": 2}), Counter({"ok": 5, "missing": 2, "32": 2})], 1)
    assert (result.written, result.lost, result.writes) == (8, {"5": 2}, 10)
    assert (result.ok, result.missing, result.torn, result.refused, result.reads) == (10, 2, 0, {"32": 4}, 16)
    assert result.temps == 1


def test_a_writer_that_did_nothing_is_no_measurement() -> None:
    with pytest.raises(NotMeasuredError, match="no attempt"):
        add_up(CASE, "here", {**WROTE, "written": 0, "lost": {}}, [Counter(ok=1)], 0)


def failing(winerror: int, name: str) -> OSError:
    """An error as Windows reports it."""
    error = PermissionError(13, "Access denied", name)
    error.winerror = winerror  # type: ignore[attr-defined,unused-ignore]  # exists on Windows only
    error.add_note("another program had it open")
    return error


def test_writes_are_counted_by_error_code_until_the_time_is_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "perf_counter", map(float, itertools.count()).__next__)  # a write takes two seconds
    outcomes: Iterator[Any] = iter([None, failing(5, f"{tmp_path}{os.sep}x.tmp"), None, failing(32, "y"), None])
    messages = set()

    def write(path: Path, status: dict[str, Any]) -> None:
        messages.add(status["message"])
        if outcome := next(outcomes):
            raise outcome

    result = write_for(write, tmp_path / "status.json", 9)
    assert (result["written"], result["lost"], result["longest"]) == (2, {"5": 1, "32": 1}, 1.0)
    assert result["first_error"].endswith("Access denied: 'x.tmp'\nanother program had it open")
    assert len(messages) == 5


DOCUMENT = payload.encode(payload.make_status(1, 1, 300)).encode()
MIXED = payload.encode({**payload.make_status(1, 1, 300), "loss": 0.75}).encode()


@pytest.mark.parametrize("way", WAYS)
def test_a_reader_recognises_what_it_reads(way: str, tmp_path: Path) -> None:
    target = tmp_path / "status.json"
    assert read(way, target, 0.001) == "missing"
    for data, outcome in ((DOCUMENT, "ok"), (DOCUMENT[:-1], "torn"), (MIXED, "torn")):
        target.write_bytes(data)
        assert read(way, target, 0.001) == outcome


def cells(table: str, row: int) -> list[str]:
    """The cells of a row; row 0 is the first below the heading."""
    return [cell.strip() for cell in table.splitlines()[2 + row].strip("|").split(" | ")]


def test_a_row_shows_the_outcomes_of_writes_and_reads() -> None:
    table = markdown_tables([RESULT])["plain"]
    assert cells(table, 0) == [
        *("2 ms", "simple", "2,000", "100 (32), 400 (5)", "25 %", "12.3 ms"),
        *("10,000", "1", "999 (EACCES)", "0", "0"),
    ]
    assert table.splitlines()[-1] == "0.5 s for each row and writer, on Wine, 2 cores."


def test_the_two_writers_of_a_way_share_a_row() -> None:
    simple = replace(RESULT, table="ways")
    reference = replace(simple, writer="reference", written=2000, lost={}, refused={"EACCES": 1})
    table = markdown_tables([simple, reference])["ways"]
    assert "published: simple | published: reference" in table.splitlines()[0]
    assert cells(table, 0) == ["x", "read", "2 ms", "75 %", "100 %", "94.7 %", "1,000 (EACCES)", "2", "0"]


@pytest.mark.parametrize(
    ("lost", "shown"), [({}, "0 %"), ({"5": 1}, "< 0.1 %"), ({"5": 9_000_000}, "> 99.9 %"), ({"5": 3000}, "66.7 %")]
)
def test_a_few_never_look_like_none_or_all(lost: dict[str, int], shown: str) -> None:
    assert cells(markdown_tables([replace(RESULT, lost=lost)])["plain"], 0)[4] == shown


def test_the_page_shows_the_figures_that_are_kept() -> None:
    page, tables = PAGE.read_text(encoding="utf-8"), markdown_tables(load(FIGURES))
    assert set(tables) == {*PLAN, "error"}
    assert with_tables(page, tables) == page
    assert max(map(len, page.splitlines())) <= 120
    with pytest.raises(ValueError, match="end of other"):
        with_tables(page, {"other": "new"})


def test_the_command_prints_tables_and_reports_what_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.sharing.__main__.measure", lambda case, command, machine: replace(RESULT, **vars(case)))
    ended = CliRunner().invoke(main, ["--only", "plain,ways", "--programs", str(tmp_path)])
    assert ended.exit_code == 0, ended.output
    assert "plain\n\n| pause | writer" in ended.stdout
    assert "ways\n\n| opened by | shares" in ended.stdout
    assert ended.stderr.count("left out: ways") == 4 * sum(isinstance(word[0], Path) for _, word in READERS.values())
    assert "choose from plain, ways" in CliRunner().invoke(main, ["--only", "nothing"]).output
