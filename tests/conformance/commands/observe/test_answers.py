"""The answers that take a traced process into account."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.commands.observe.answers import Answer, answers_of
from conformance.commands.observe.rewrites import OperationLog, Rewrite
from conformance.commands.observe.tally import Tally
from conformance.commands.observe.watching import Watched, looking

SYNCED = Rewrite("replaced", ("create temp", "sync", "rename temp → f"), True)
UNSYNCED = Rewrite("replaced", ("create temp", "rename temp → f"), False)
NOT_SEEN = Rewrite("replaced", ("rename temp → f",), None)
IN_PLACE = Rewrite("in place", ("open f", "write"))
APPENDED = Rewrite("appended", ("open f", "write"))


def answers(tmp_path: Path, log: OperationLog | None) -> dict[str, Answer]:
    (tmp_path / "f").write_text("{}", encoding="ascii")
    watched = Watched.of(tmp_path / "f", Tally("f"))
    with looking([watched]) as once:
        once()
    return {answer.question: answer for answer in answers_of(watched, 0.0, log=log)}


def log_of(**times: int) -> OperationLog:
    log = OperationLog("/data", "f")
    kinds = {"synced": SYNCED, "unsynced": UNSYNCED, "not_seen": NOT_SEEN, "in_place": IN_PLACE, "appended": APPENDED}
    for name, number in times.items():
        log.rewrites[kinds[name]] += number
    return log


@pytest.mark.parametrize(
    ("log", "verdict", "text"),
    [
        (log_of(synced=2), "no", "in 2 new files"),
        (log_of(synced=2, unsynced=1), "yes", "1 of 3 new files: create temp, rename temp → f"),
        (log_of(synced=2, not_seen=1), "not measured", "1 of 3 new files were not seen from their first byte on"),
        (log_of(in_place=2), "not measured", "no new file got its name by the process"),
        (log_of(), "not measured", "no new file got its name by the process"),
    ],
)
def test_whether_it_is_synced_before_the_rename(tmp_path: Path, log: OperationLog, verdict: str, text: str) -> None:
    answer = answers(tmp_path, log)["synced"]
    assert (answer.verdict, answer.text) == (verdict, text)


def test_calls_that_hide_what_they_do_leave_it_open(tmp_path: Path) -> None:
    log = log_of(synced=1, unsynced=1)
    log.unknown["io_uring_enter"] += 1
    answer = answers(tmp_path, log)["synced"]
    assert answer.verdict == "not measured"
    assert "io_uring_enter, which may write and sync unseen" in answer.text


def test_a_rewrite_in_place_that_no_reader_saw(tmp_path: Path) -> None:
    answer = answers(tmp_path, log_of(in_place=3, synced=1))["place"]
    assert (answer.verdict, answer.text) == ("yes", "3 of 4 rewrites by the process: open f, write")
    assert answers(tmp_path, log_of(appended=3))["place"].verdict == "not measured"


def test_without_a_traced_process_nothing_is_said_of_syncs(tmp_path: Path) -> None:
    assert "synced" not in answers(tmp_path, None)
