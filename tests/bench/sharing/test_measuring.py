"""One measurement: real processes, and no figures of processes that did not work together."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.sharing.measuring import Case, NotMeasured, measure, summed

READER = (sys.executable, "-m", "bench.sharing.worker", "read", "open")
CASE = Case("plain", "reference", "`open()`", READER, "Python", "read-write", readers=2, pause=1, seconds=0.5)
WROTE: dict[str, Any] = {"ok": 8, "lost": {"5": 2}, "longest": 0.5, "first_error": "denied"}
READ: dict[str, Any] = {"ok": 5, "missing": 1, "torn": 0, "changes": 3, "refused": {"32": 2, "5": 0}}
IDLE: dict[str, Any] = {"ok": 0, "missing": 0, "torn": 0, "changes": 0, "refused": {"5": 0}}


@pytest.mark.parametrize("writer", ["orders", "reference"])
def test_readers_see_whole_documents_while_the_writer_writes(writer: str) -> None:
    result = measure(replace(CASE, writer=writer))
    assert result.written > 0
    assert result.ok > 0
    assert result.changes > CASE.readers, "more than the first document was seen"
    assert (result.missing, result.torn, result.temps) == (0, 0, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="only Windows refuses")
def test_nobody_is_refused_where_files_are_not_shared_by_mode() -> None:
    result = measure(CASE)
    assert (result.lost, result.refused, result.first_error) == ({}, {}, "")


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("raise SystemExit(1)", "did not start"),
        ("print('ready', flush=True)", "died"),
        ("print('ready', flush=True); input(); print('{}', flush=True)", "a reader ended before the writer"),
    ],
)
def test_a_reader_that_does_not_read_is_no_measurement(program: str, message: str) -> None:
    with pytest.raises(NotMeasured, match=message):
        measure(replace(CASE, command=(sys.executable, "-c", program)))


def test_the_folder_is_removed_after_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(NotMeasured):
        measure(replace(CASE, command=(sys.executable, "-c", "raise SystemExit(1)")))
    assert list(tmp_path.iterdir()) == []


def test_readers_are_added_up() -> None:
    result = summed(CASE, WROTE, [READ, READ], temps=1)
    assert (result.written, result.lost, result.writes) == (8, {"5": 2}, 10)
    assert (result.ok, result.missing, result.refused, result.reads) == (10, 2, {"32": 4}, 16)
    assert result.temps == 1


def test_a_reader_that_was_refused_every_time_has_worked() -> None:
    assert summed(CASE, WROTE, [{**IDLE, "refused": {"32": 9}}], temps=0).reads == 9


@pytest.mark.parametrize(("wrote", "read"), [(WROTE, IDLE), ({**WROTE, "ok": 0, "lost": {}}, READ)])
def test_who_has_tried_nothing_is_no_measurement(wrote: dict[str, Any], read: dict[str, Any]) -> None:
    with pytest.raises(NotMeasured, match="tried nothing"):
        summed(CASE, wrote, [READ, read], temps=0)


def test_a_record_names_no_folder_of_the_machine() -> None:
    record = summed(CASE, WROTE, [READ], temps=0).record()
    assert sys.executable not in str(record)
    assert (record["table"], record["pause"], record["lost"]) == ("plain", 1, {"5": 2})
