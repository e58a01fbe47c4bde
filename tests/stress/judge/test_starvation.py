"""Writers and readers in each other's way, as on Windows: what is excused, what is not, and what is no progress."""

from __future__ import annotations

from array import array

import numpy as np
import pytest

from stress.judge.starvation import HOLD_SECONDS, SLOWEST_SECONDS, STARVED_SECONDS, Waits, kept_waiting, worked
from stress.judge.tally import Tally
from stress.record.folder_record import Control, FolderRecord
from stress.record.reports import HELD, INDETERMINATE, Written
from stress.record.scenario import Scenario
from stress.record.violations import ObservedViolation

WINDOWS = Scenario(sharing="delete", read_pause=0.002)
WITHOUT_PAUSE = Scenario(sharing="plain", read_pause=0.0)
ELSEWHERE = Scenario(read_pause=0.002)
SECOND = 1_000_000_000

Write = tuple[float, float, int]  # begin and end in seconds, outcome


def rows_of(*writes: Write) -> list[tuple[int, ...]]:
    return [
        (0, number, 256, round(begin * SECOND), INDETERMINATE if outcome < 0 else round(end * SECOND), outcome)
        for number, (begin, end, outcome) in enumerate(writes, 1)
    ]


def table(*writes: Write) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.array(rows_of(*writes), dtype=np.int64).reshape(-1, 6)


def refused_in_a_row(seconds: float) -> tuple[Write, ...]:
    """Refused writes of two seconds each, one after the other, until so many seconds are over."""
    count = round(seconds / 2)
    return tuple((2.0 * number, 2.0 * number + 2.0, HELD) for number in range(count))


def test_a_write_is_worked_on_from_the_answer_to_the_one_before_it() -> None:
    taken = worked(table((0, 3, 1), (1, 4, HELD), (2, 0, -1), (6, 7, 1)))
    assert (taken / SECOND).tolist() == [3, 1, 0, 1]


@pytest.mark.parametrize(
    ("scenario", "seconds", "outcome", "excused"),
    [
        (WINDOWS, 2.0, HELD, True),
        (WINDOWS, HOLD_SECONDS, HELD, True),
        (WINDOWS, HOLD_SECONDS - 0.01, HELD, False),
        (WINDOWS, 2.0, 0, False),
        (WINDOWS, 2.0, 1, False),
        (WITHOUT_PAUSE, 0.001, HELD, True),
        (WITHOUT_PAUSE, 2.0, 0, False),
        (ELSEWHERE, 2.0, HELD, False),
    ],
    ids=[
        "waited for the whole budget",
        "waited as long as it must",
        "gave up too soon",
        "failed for another reason",
        "worked",
        "gave up where no waiting helps",
        "failed for another reason where no waiting helps",
        "where open files prevent nothing",
    ],
)
def test_who_has_waited_may_be_refused(scenario: Scenario, seconds: float, outcome: int, excused: bool) -> None:
    assert kept_waiting(table((0, seconds, outcome)), scenario).tolist() == [excused]


# Progress


@pytest.mark.parametrize("seconds", [SLOWEST_SECONDS - 0.1, 0.001])
@pytest.mark.parametrize("outcome", [1, HELD, 0])
def test_an_answer_within_the_budget_is_no_violation(seconds: float, outcome: int) -> None:
    assert Waits(WINDOWS).add(1, table((0, seconds, outcome))) is None


@pytest.mark.parametrize("outcome", [1, HELD, 0])
def test_an_answer_that_is_too_late_is_one_whatever_it_says(outcome: int) -> None:
    late = SLOWEST_SECONDS + 0.1
    found = Waits(WINDOWS).add(3, table((0, 1, 1), (1, 1 + late, outcome), (10, 11, 1)))
    assert found is not None
    assert (found.kind, found.time) == ("blocked", round((1 + late) * SECOND))
    assert "a write of writer 3 took 4.1 s (limit 4 s)" in found.text


def test_refused_again_and_again_is_no_progress() -> None:
    waits = Waits(WINDOWS)
    assert waits.add(1, table(*refused_in_a_row(STARVED_SECONDS))) is None
    found = waits.add(1, table((6, 8, HELD)))
    assert found is not None
    assert "writer 1 had no successful write for 8.0 s (limit 6 s)" in found.text
    assert waits.longest == 8.0


@pytest.mark.parametrize("outcome", [1, -1, 0], ids=["acknowledged", "killed", "failed for another reason"])
def test_a_write_that_no_reader_held_up_starts_the_wait_again(outcome: int) -> None:
    waits = Waits(WINDOWS)
    assert waits.add(1, table(*refused_in_a_row(4), (4, 4.5, outcome))) is None
    assert waits.add(1, table(*refused_in_a_row(4))) is None
    assert waits.longest == (4.0 if outcome < 0 else 4.5)


def test_each_writer_waits_for_itself() -> None:
    waits = Waits(WINDOWS)
    assert waits.add(1, table(*refused_in_a_row(6))) is None
    assert waits.add(2, table(*refused_in_a_row(6))) is None
    assert waits.longest == 6.0


def test_where_readers_do_not_pause_no_writer_makes_progress_and_it_is_only_reported() -> None:
    waits = Waits(WITHOUT_PAUSE)
    assert waits.add(1, table(*refused_in_a_row(20))) is None
    assert waits.longest == 20.0


def test_elsewhere_nothing_is_measured() -> None:
    waits = Waits(ELSEWHERE)
    assert waits.add(1, table((0, 60, 1))) is None
    assert waits.longest == 0.0


# As the tally of a run tells it


def account_of(scenario: Scenario, *writes: Write) -> FolderRecord:
    one = Tally(scenario, ("status.json",))
    flat = array("q", [number for row in rows_of(*writes) for number in row])
    refused = [
        ObservedViolation(
            "refused", round(end * SECOND), "a write was refused: io: WinError 5", {"answer": "Access is denied"}
        )
        for _, end, outcome in writes
        if outcome != 1
    ]
    one.written(1, Written(flat, errors={"io: WinError 5": len(refused)}, violations=refused))
    control = Control(3, 100, 0.01)
    return one.record(folder="here", file_system="NTFS", control=control, seconds=2.0, complete=True)


def test_an_excused_write_is_counted_with_its_error_and_is_no_violation() -> None:
    record = account_of(WINDOWS, (0, 1, 1), (1, 3, HELD))
    assert (record.totals.refused, record.totals.held, record.counts) == (1, 1, {})
    assert record.errors == {"io: WinError 5": 1}
    assert record.longest_wait == 2.0


def test_a_writer_that_gives_up_too_soon_is_reported_with_how_soon() -> None:
    record = account_of(WINDOWS, (0, 1, 1), (1, 1.05, HELD))
    assert (record.totals.refused, record.totals.held, record.counts) == (1, 0, {"refused": 1})
    text = "a write was refused: io: WinError 5, after 0.050 s; a writer must wait for a target that is held for 0.2 s"
    assert record.findings[0].text == text
    assert record.findings[0].evidence == {"answer": "Access is denied"}


def test_elsewhere_the_same_error_is_a_refused_write_as_any_other() -> None:
    record = account_of(ELSEWHERE, (0, 1, 1), (1, 3, HELD))
    assert (record.totals.refused, record.totals.held, record.counts) == (1, 0, {"refused": 1})
    assert record.findings[0].text == "a write was refused: io: WinError 5"


def test_no_progress_is_a_violation_of_its_own() -> None:
    record = account_of(WINDOWS, *refused_in_a_row(8))
    assert (record.totals.held, record.counts) == (4, {"blocked": 1})


def test_too_little_is_explained_where_readers_do_not_pause() -> None:
    doubts = account_of(WITHOUT_PAUSE, (0, 0.001, HELD)).doubts
    assert doubts[-1] == "readers that do not pause may leave no moment to replace what they read: give --read-pause"
    assert not any("without pause" in doubt for doubt in account_of(WINDOWS, (0, 1, 1)).doubts)
