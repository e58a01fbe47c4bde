"""The loops of a measurement: what they count."""

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.sharing.worker import read_for, write_for
from conformance.oracle import payload

DOCUMENT, OTHER = (payload.encode(payload.make_status(1, number)).encode() for number in (1, 2))


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time that moves on by a second whenever it is asked for. Returns the pauses that were taken."""
    ticks = itertools.count()
    pauses: list[float] = []
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(ticks)))
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


def failing(winerror: int, name: str) -> OSError:
    """An error as Windows gives it."""
    error = PermissionError(13, "Access denied", name)
    error.winerror = winerror  # type: ignore[attr-defined,unused-ignore]  # Windows alone has it
    error.add_note("another program had it open")
    return error


def each(outcomes: Iterator[Any]) -> Callable[..., Any]:
    """A function that raises, or returns, what comes next."""

    def next_one(*arguments: object) -> Any:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return next_one


def test_writes_are_counted_and_failures_by_their_code(tmp_path: Path) -> None:
    outcomes = [None, failing(5, str(tmp_path / "x.tmp")), None, failing(32, "y"), failing(5, "z"), None]
    result = write_for(each(iter(outcomes)), tmp_path / "status.json", 11)  # a write takes two ticks
    assert (result["ok"], result["lost"]) == (2, {"5": 2, "32": 1})
    assert result["longest"] == 1.0


def test_a_write_that_is_under_way_at_the_end_is_not_counted(tmp_path: Path) -> None:
    assert write_for(each(iter([None, None])), tmp_path / "status.json", 3)["ok"] == 1


def test_the_first_error_is_told_with_its_notes_and_without_the_folder(tmp_path: Path) -> None:
    outcomes = [failing(5, str(tmp_path / "x.tmp")), failing(32, "y"), None]
    told = write_for(each(iter(outcomes)), tmp_path / "status.json", 5)["first_error"]
    assert told.endswith("Access denied: 'x.tmp'\nanother program had it open")


def test_every_status_is_another_one(tmp_path: Path) -> None:
    seen: list[str] = []
    write_for(lambda path, status: seen.append(status["message"]), tmp_path / "status.json", 9)
    assert len(set(seen)) == len(seen) == 5


def test_reads_are_counted_by_what_came_of_them(tmp_path: Path) -> None:
    outcomes = [DOCUMENT, DOCUMENT, OTHER, FileNotFoundError(), failing(32, "x"), failing(5, "x"), DOCUMENT]
    result = read_for(each(iter(outcomes)), tmp_path, 0, 8)
    assert result == {"ok": 4, "missing": 1, "torn": 0, "changes": 3, "refused": {"5": 1, "32": 1}}


def test_a_torn_document_is_torn_each_time_it_is_read(tmp_path: Path) -> None:
    result = read_for(each(iter([DOCUMENT, b"{", b"{", DOCUMENT])), tmp_path, 0, 5)
    assert (result["ok"], result["torn"]) == (2, 2)


def test_a_reader_pauses_after_a_failure_too(tmp_path: Path, clock: list[float]) -> None:
    read_for(each(iter([FileNotFoundError(), failing(5, "x"), DOCUMENT])), tmp_path, 0.02, 4)
    assert clock == [0.02, 0.02], "after a read the reader itself has paused"
