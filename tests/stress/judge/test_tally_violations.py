"""Refused writes, deaths and files beside the targets: which of them are violations."""

from __future__ import annotations

import pytest

from stress.record.folder_record import FolderRecord
from stress.record.violations import ObservedViolation
from tests.stress.judge.reports import (
    look,
    record_of,
    tally,
    write,
    written,
)

# Refused writes


def refusals(*faults: tuple[int, int, int]) -> FolderRecord:
    """Writer 1 was refused from 100 to 200, and these faults were there: (writer, begin, end)."""
    one = tally()
    for fault in faults:
        one.faulted(*fault)
    violation = ObservedViolation(
        "refused", 200, "a write was refused: io: Errno 24", {"answer": "too many open files"}
    )
    one.written(1, written(write(1, 100, 200, outcome=0), violations=[violation]))
    return record_of(one)


@pytest.mark.parametrize("window", [(50, 100), (150, 160), (200, 300), (0, 1000)])
def test_a_refused_write_is_excused_by_a_fault_that_was_there_meanwhile(window: tuple[int, int]) -> None:
    record = refusals((1, *window))
    assert record.counts == {}
    assert (record.totals.refused, record.totals.faulted, record.totals.faults) == (1, 1, 1)


@pytest.mark.parametrize(
    "faults",
    [(), ((1, 0, 99),), ((1, 201, 300),), ((2, 0, 1000),)],
    ids=["none", "one before", "one after", "one of another writer"],
)
def test_any_other_refused_write_is_a_violation(faults: tuple[tuple[int, int, int], ...]) -> None:
    record = refusals(*faults)
    assert record.counts == {"refused": 1}
    assert record.findings[0].text == "a write was refused: io: Errno 24"
    assert record.findings[0].evidence == {"answer": "too many open files"}
    assert record.totals.faulted == 0


def test_a_fault_excuses_nothing_in_the_next_round() -> None:
    one = tally()
    one.faulted(1, 0, 1000)
    one.looked([look(None, 1)], [])
    one.written(1, written(write(1, 100, 200, outcome=0)))
    assert record_of(one).counts == {"refused": 1}


def test_a_full_folder_excuses_the_refusals_of_its_round_and_leaves_a_doubt() -> None:
    one = tally()
    one.room("the folder of the run is full")
    one.written(1, written(write(1, 100, 200, outcome=0)))
    one.looked([look(None, 1)], [])
    record = record_of(one)
    assert (record.counts, record.totals.faulted) == ({}, 1)
    assert record.doubts[0] == "the folder of the run is full"
    one.room("")
    one.written(1, written(write(2, 300, 400, outcome=0)))
    assert record_of(one).counts == {"refused": 1}


def test_a_full_folder_without_a_refusal_is_no_doubt() -> None:
    one = tally()
    one.room("the folder of the run is full")
    one.written(1, written(write(1, 100, 200)))
    assert "the folder of the run is full" not in record_of(one).doubts


def test_a_death_without_a_kill_is_a_violation() -> None:
    one = tally()
    one.written(1, written(violations=[ObservedViolation("ended", 5, "the implementation ended with exit code 7")]))
    assert record_of(one).counts == {"ended": 1}


# Temps


def test_a_file_beside_the_targets_while_no_process_writes_is_a_leak() -> None:
    one = tally()
    one.looked([look(None, 10)], ["a.tmp", "b.tmp"])
    record = record_of(one)
    assert record.counts == {"leak": 1}
    assert "2 files" in record.findings[0].text
    assert "a.tmp, b.tmp" in record.findings[0].text


@pytest.mark.parametrize(("left", "counts"), [(2, {}), (3, {"leak": 1})])
def test_each_kill_may_leave_one(left: int, counts: dict[str, int]) -> None:
    one = tally()
    one.written(1, written(deaths=2))
    one.looked([look(None, 10)], [f"{number}.tmp" for number in range(left)])
    assert record_of(one).counts == counts


@pytest.mark.parametrize(("kills", "counts"), [(0, {"leak": 1}), (1, {})])
def test_what_is_left_at_the_end_is_a_leak_when_no_process_was_killed(kills: int, counts: dict[str, int]) -> None:
    one = tally()
    one.written(1, written(deaths=kills))
    one.ended(["a.tmp"])
    record = record_of(one)
    assert record.counts == counts
    assert record.totals.left == 1


def test_temps_under_load_are_no_leak_and_their_most_is_kept() -> None:
    one = tally()
    for temps in (1, 4, 2):
        one.listed(temps)
    record = record_of(one)
    assert record.counts == {}
    assert (record.totals.most_temps, record.totals.looks) == (4, 3)
