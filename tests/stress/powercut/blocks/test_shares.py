"""How many states each round of a run has, and how many rounds a run has."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from stress.powercut.blocks.shares import KINDS, is_another, limit_of_round, needed_for, share_of


def play(states: int, prefixes: Iterable[int]) -> list[tuple[int, int]]:
    """The states and prefixes of each round of a run, whose recordings have so many prefixes and no end of others."""
    found: list[tuple[int, int]] = []
    for number, recorded in enumerate(prefixes):
        looked_at, most = sum(limit for limit, _ in found), max((count for _, count in found), default=0)
        if not is_another(states, looked_at, number, most):
            break
        found.append((limit_of_round(states, looked_at, number, recorded), recorded))
    return found


@pytest.mark.parametrize("states", [400, 500, 1500, 8000])
def test_a_run_of_some_hundred_states_has_a_round_of_each_kind(states: int) -> None:
    found = play(states, [10_000] * KINDS)
    assert len(found) == KINDS
    assert min(limit for limit, _ in found) >= share_of(states)


@pytest.mark.parametrize("states", [1, 60, 399])
def test_a_smaller_run_has_fewer_rounds_and_no_more_states(states: int) -> None:
    found = play(states, [10_000] * 10)
    assert len(found) <= KINDS
    assert sum(limit for limit, _ in found) == states


@pytest.mark.parametrize("number", range(20))
def test_a_round_with_many_prefixes_has_more_than_its_share_where_there_is_room(number: int) -> None:
    """Wherever it comes, and with all others as small as can be, or as large as their shares allow."""
    for others in (50, 300, 900):
        prefixes = [others] * 40
        prefixes[number] = 1_700
        for limit, recorded in play(12_000, prefixes):
            assert limit >= needed_for(recorded)


def test_what_is_needed_leaves_a_quarter_for_other_states() -> None:
    assert [needed_for(prefixes) for prefixes in (0, 3, 4, 900)] == [0, 4, 6, 1200]


@pytest.mark.parametrize("prefixes", [40, 300, 900, 1_500])
@pytest.mark.parametrize("states", [4_800, 8_000, 20_000])
def test_a_run_has_nearly_what_was_asked_for(states: int, prefixes: int) -> None:
    looked_at = sum(limit for limit, _ in play(states, [prefixes] * 1_000))
    assert states - share_of(states) <= looked_at <= states + share_of(states)


def test_no_other_round_begins_that_cannot_have_all_the_prefixes_of_the_largest() -> None:
    assert is_another(8000, 7300, KINDS, 900)
    assert not is_another(8000, 7300, KINDS, 1800)
