"""Names of states: each state of a recording has one, and another recording is searched for it."""

from __future__ import annotations

import pytest

from stress.powercut.blocks.log import Event
from stress.powercut.blocks.names import is_name, name_of, named_state, round_of
from stress.powercut.blocks.states import START, Piece, State, plan_states


def events(text: str) -> list[Event]:
    """``w`` a write of 16 KiB, ``f`` a flush, ``|`` the start, ``b`` and ``a`` a request and its answer."""
    marks = {"|": START, "b": "begin 0 1", "a": "ack 0 1"}
    kinds = {"w": Event("write", 0, 16384), "f": Event("flush")}
    return [kinds[letter] if letter in kinds else Event("mark", text=marks[letter]) for letter in text]


LOG = events("wff|bwfwwfawfbw" + 10 * "w" + "f")


def test_every_state_has_its_own_name_and_is_found_by_it() -> None:
    states = plan_states(LOG, 1, 10_000).states
    names = [name_of(state, LOG, 3) for state in states]
    assert len(set(names)) == len(states) > 100
    assert [named_state(name, LOG) for name in names] == list(states)
    assert all(is_name(name) and round_of(name) == 3 for name in names)


@pytest.mark.parametrize(
    ("state", "name"),
    [
        (State("prefix", 4, (), 6), "0-1-0-1-p0of2"),
        (State("partial write", 4, (4,), 6, Piece(5, 0, 512)), "0-1-0-1-w1.0to512of2"),
        (State("subset", 4, (5,), 6), "0-1-0-1-s2of2"),
        (State("flushes ignored", 0, (2, 5), 6), "0-0-0-0-i1.5of3"),
    ],
)
def test_a_name_says_what_a_state_is(state: State, name: str) -> None:
    log = events("|bwfwwfa")
    assert name_of(state, log, 0) == name
    assert named_state(name, log) == state


def test_what_was_flushed_before_the_start_does_not_matter() -> None:
    one, other = events("wff|bwwfa"), events("wfffff|bwwfa")
    state = plan_states(one, 1, 1).states[0]
    found = named_state(name_of(state, one, 0), other)
    assert found is not None
    assert (found.kind, len(found.written), found.stable - state.stable) == (state.kind, len(state.written), 3)


@pytest.mark.parametrize(
    "name",
    ["0-1-0-1-p0of3", "0-1-0-4-p0of2", "0-2-0-1-p0of2", "0-1-0-1-p3of2", "0-1-0-1-s4of2", "0-1-0-1-w2.0to512of2"],
)
def test_another_recording_may_have_no_such_state(name: str) -> None:
    log = events("|bwfwwfa")
    assert named_state("0-1-0-1-p0of2", log) == State("prefix", 4, (), 6)
    assert named_state(name, log) is None


@pytest.mark.parametrize("text", ["17", "", "0-1-0-1-p0", "0-1-0-1-q0of2", "0-1-0-1-p0of2 "])
def test_what_is_no_name(text: str) -> None:
    assert not is_name(text)
    with pytest.raises(ValueError, match="is not the name of a state"):
        named_state(text, LOG)
