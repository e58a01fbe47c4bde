"""Counters that processes share: each has its own row."""

from __future__ import annotations

import multiprocessing

import pytest

from stress.record.shared_counters import FIELDS, new_counters

CONTEXT = multiprocessing.get_context("spawn")


def test_they_begin_at_zero() -> None:
    counters = new_counters(CONTEXT, 3)
    assert [counters.of(row).get(name) for row in range(3) for name in FIELDS] == [0] * 3 * len(FIELDS)


def test_each_process_has_its_own_row_and_the_total_is_that_of_all() -> None:
    counters = new_counters(CONTEXT, 3)
    for row in range(3):
        for place, name in enumerate(FIELDS):
            counters.of(row).add(name, 100 * place + row)
            counters.of(row).add(name, 1000)
    assert counters.of(2).get("changes") == 1102
    assert [counters.total(name) for name in FIELDS] == [300 * place + 3 + 3000 for place in range(len(FIELDS))]


def test_a_counter_can_be_set() -> None:
    counters = new_counters(CONTEXT, 2)
    counters.of(1).add("commands", 7)
    counters.of(1).set("commands", 2)
    assert (counters.of(0).get("commands"), counters.of(1).get("commands")) == (0, 2)


def test_they_count_further_than_32_bits() -> None:
    counters = new_counters(CONTEXT, 1)
    counters.add("reads", 2**31)
    counters.add("reads", 2**31)
    assert counters.get("reads") == 2**32


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        new_counters(CONTEXT, 1).add("unheard", 1)


def test_rows_share_memory_and_are_no_copies() -> None:
    counters = new_counters(CONTEXT, 2)
    one, other = counters.of(1), counters.of(1)
    one.add("reads", 5)
    assert (other.get("reads"), counters.total("reads")) == (5, 5)
