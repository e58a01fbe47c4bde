"""The states that a disk may hold: prefixes, subsets, partial writes, and those of a disk that ignores flushes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from stress.powercut.blocks.log import Event
from stress.powercut.blocks.states import START, Piece, Plan, State, count_prefixes, epochs_of, plan_states

MARK = Event("mark", text=START)


def events(text: str) -> list[Event]:
    """``w`` a write of a sector, ``W`` one of 16 KiB, ``d`` a discard, ``f`` a flush, ``|`` the mark of the start."""
    kinds = {
        "w": Event("write", 0, 512),
        "W": Event("write", 0, 16384),
        "d": Event("discard", 0, 4096),
        "f": Event("flush"),
        "|": MARK,
    }
    return [kinds[letter] for letter in text]


def of_kind(plan: Plan, kind: str) -> Iterator[State]:
    """The states of one kind."""
    return (state for state in plan.states if state.kind == kind)


def test_an_epoch_is_what_lies_between_two_flushes() -> None:
    found = epochs_of(events("wwfdfw"))
    assert [(epoch.begin, epoch.end, epoch.changes, epoch.last) for epoch in found] == [
        (0, 2, (0, 1), False),
        (3, 4, (3,), False),
        (5, 6, (5,), True),
    ]


def test_epochs_that_end_before_the_start_are_left_out() -> None:
    assert [epoch.changes for epoch in epochs_of(events("wfw|wfw"))] == [(2, 4), (6,)]


def test_all_prefixes_are_states_where_the_limit_allows_it() -> None:
    plan = plan_states(events("|wwfw"), 1, 6)
    assert tuple(of_kind(plan, "prefix")) == (
        State("prefix", 0, (), 3),
        State("prefix", 0, (1,), 3),
        State("prefix", 4, (), 5),  # it is all of the first epoch, too: the later cut asks for more
        State("prefix", 4, (4,), 5),
    )


def test_prefixes_are_counted_as_they_are_planned() -> None:
    log = events("wf|" + 7 * "wwfWd" + "f")
    assert count_prefixes(log) == plan_states(log, 1, 1000).possible["prefix"]


def test_never_more_than_the_limit() -> None:
    log = events("|" + 40 * "wwf")  # as when another program syncs all the time
    plan = plan_states(log, 1, 30)
    assert (len(plan.states), plan.chosen("prefix"), plan.possible["prefix"]) == (30, 23, 81)
    assert plan == plan_states(log, 1, 30)
    assert len({state.stable for state in plan.states}) > 15  # from the whole log, and not from its beginning


def test_an_epoch_of_thousands_of_writes_takes_no_memory_for_states_that_are_not_chosen() -> None:
    log = events("|" + 4000 * "W")
    tracemalloc.start()
    try:
        plan = plan_states(log, 1, 40)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(plan.states), plan.possible["partial write"]) == (40, 28_000)
    assert most < 60 << 20  # the tuples of all prefixes alone would have 64 MB, and a partial write has seven


def test_all_subsets_of_a_small_epoch_are_states() -> None:
    found = {state.written for state in plan_states(events("|www"), 1, 1000).states}
    assert found == {(), (1,), (2,), (3,), (1, 2), (1, 3), (2, 3), (1, 2, 3)}


def test_of_a_large_epoch_each_single_write_is_once_missing_and_once_alone() -> None:
    plan = plan_states(events("|" + 20 * "w"), 1, 1000)
    found = {state.written for state in plan.states}
    numbers = tuple(range(1, 21))
    assert {(number,) for number in numbers} <= found
    assert {tuple(n for n in numbers if n != number) for number in numbers} <= found
    assert 70 < len(found) < 100  # 21 prefixes, 20 and 20 without those that are prefixes, some 24 halves


def test_of_a_large_write_pieces_are_states() -> None:
    pieces = {state.piece for state in of_kind(plan_states(events("|W"), 1, 1000), "partial write")}
    assert pieces == {
        Piece(1, *ends)
        for ends in [(0, 4096), (0, 8192), (0, 12288), (4096, 16384), (0, 512), (0, 15872), (512, 16384)]
    }


def test_a_sector_is_written_whole() -> None:
    assert not list(of_kind(plan_states(events("|wdw"), 1, 1000), "partial write"))


def test_a_disk_that_ignores_flushes_may_lose_what_was_written_before_them() -> None:
    plan = plan_states(events("|wfwfw"), 1, 1000)
    assert State("flushes ignored", 0, (5,), 6) in plan.states  # the last write, and none of those flushed before it
    assert plan.possible["flushes ignored"] == plan.chosen("flushes ignored")


@pytest.mark.parametrize("seed", [1, 2])
def test_a_sample_is_the_same_for_the_same_seed(seed: int) -> None:
    log = events("|" + 9 * "WWwwwf")
    plan = plan_states(log, seed, 150)
    assert plan == plan_states(log, seed, 150)
    assert plan != plan_states(log, seed + 1, 150)
    assert len(plan.states) == 150
    assert plan.chosen("prefix") == plan.possible["prefix"]
    assert plan.chosen("subset") < plan.possible["subset"]


def test_no_state_is_planned_twice() -> None:
    states = plan_states(events("|" + 3 * "WWwwwf" + 12 * "w"), 1, 10_000).states
    assert len(set(states)) == len(states)
