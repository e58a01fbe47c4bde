"""The check on arrays: long histories of several processes, and the one operation in them that is wrong.

That the judgement is right is shown in test_history.py, by trying every order.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from conformance.oracle.linearizability import (
    BEFORE,
    INDETERMINATE,
    UNWRITTEN,
    Finding,
    Operation,
    Reads,
    Writes,
    check,
)

Array = npt.NDArray[np.int64]
PROCESSES = 4  # writers, and as many readers
EACH = 5_000  # operations of a process


def spans(source: np.random.Generator) -> tuple[Array, Array, Array]:
    """The consecutive operations of a process: starts, ends, and the moments at which they took effect."""
    times = np.cumsum(source.integers(1, 1_000, size=2 * EACH))
    begin, end = times[0::2], times[1::2]
    return begin, end, source.integers(begin, end, endpoint=True)


def real_history(seed: int = 0) -> tuple[Writes, Reads]:
    """What the processes that share a register recorded, one process after the other. Value 0 was there before."""
    source = np.random.default_rng(seed)
    begin, end, effect = np.hstack([[[BEFORE]] * 3, *(spans(source) for _ in range(PROCESSES))])
    read_begin, read_end, read_effect = np.hstack([spans(source) for _ in range(PROCESSES)])
    order = np.argsort(effect)
    value = order[np.searchsorted(effect[order], read_effect, side="right") - 1]
    return Writes(begin, end), Reads(value, read_begin, read_end)


def with_value(reads: Reads, index: int, value: int) -> Reads:
    changed = reads.value.copy()
    changed[index] = value
    return replace(reads, value=changed)


def overwritten_before(writes: Writes, moment: int) -> int:
    """A value that was certainly overwritten by then: many writes began after its write ended, and ended in time."""
    return int(np.flatnonzero(writes.end < moment - 50_000)[-1])


def joined(*parts: Reads) -> Reads:
    return Reads(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("value", "begin", "end")))


@pytest.mark.parametrize("seed", range(5))
def test_what_a_register_did_is_never_accused(seed: int) -> None:
    assert check(*real_history(seed)) is None


def test_nothing_at_all_is_no_contradiction() -> None:
    nothing = np.array([], dtype=np.int64)
    assert check(Writes(nothing, nothing), Reads(nothing, nothing, nothing)) is None


def noted(operation: Operation, writes: Writes, reads: Reads) -> tuple[int, int, int]:
    """The value, the start and the end of an operation."""
    index = operation.index
    if operation.kind == "write":
        return index, int(writes.begin[index]), int(writes.end[index])
    return int(reads.value[index]), int(reads.begin[index]), int(reads.end[index])


@pytest.mark.parametrize("index", [1_000, 4_999, 5_000 + 1_000, 4 * EACH - 1])
def test_one_stale_read_is_found(index: int) -> None:
    writes, reads = real_history()
    old = overwritten_before(writes, reads.begin[index])
    broken = with_value(reads, index, old)
    found = check(writes, broken)
    assert found is not None
    assert found.kind == "stale"
    assert found.operations[-1] == Operation("read", index)
    (first, _, first_end), (between, begin, end), (last, last_begin, _) = (
        noted(operation, writes, broken) for operation in found.operations
    )
    assert first == last == old
    assert found.values == (old, between)
    assert first_end < begin <= end < last_begin


@pytest.mark.parametrize("index", [0, 1_000, 5_000])
def test_one_read_of_the_future_is_found(index: int) -> None:
    writes, reads = real_history()
    value = int(np.flatnonzero(writes.begin > reads.end[index])[0])
    found = check(writes, with_value(reads, index, value))
    assert found is not None
    assert (found.kind, found.values) == ("future", (value,))
    assert found.operations == (Operation("read", index), Operation("write", value))


@pytest.mark.parametrize("index", [0, 12_345])
def test_one_read_of_what_was_never_written_is_found(index: int) -> None:
    writes, reads = real_history()
    found = check(writes, with_value(reads, index, UNWRITTEN))
    assert found == Finding("unknown", (UNWRITTEN,), (Operation("read", index),), involved=1)


def test_a_write_that_was_acknowledged_and_lost_is_found() -> None:
    """Of two consecutive writers, the second did nothing."""
    writes = Writes(np.array([BEFORE, 10, 30]), np.array([BEFORE, 20, 40]))
    reads = Reads(np.array([0, 1, 1, 1]), np.array([0, 21, 50, 60]), np.array([5, 25, 55, 65]))
    assert check(writes, reads) == Finding(
        "stale", (1, 2), (Operation("write", 1), Operation("write", 2), Operation("read", 2)), involved=2
    )
    killed = replace(writes, end=np.array([BEFORE, 20, INDETERMINATE]))
    assert check(killed, reads) is None


def test_of_many_contradictions_the_one_that_was_certain_first_is_reported() -> None:
    writes, reads = real_history()
    source = np.random.default_rng(1)
    broken = np.flatnonzero(reads.begin > 500_000)
    broken = source.choice(broken, size=500, replace=False)
    for index in broken:
        reads = with_value(reads, int(index), overwritten_before(writes, reads.begin[index]))
    found = check(writes, reads)
    assert found is not None
    assert found.operations[-1] == Operation("read", int(broken[np.argmin(reads.end[broken])]))
    assert found.involved > 500


@pytest.mark.parametrize("values", [3, 6, 30])
def test_all_values_that_contradict_another_one_are_counted(values: int) -> None:
    """Agrees with comparing all pairs: each value has an operation that ended before one of the other began."""
    source = np.random.default_rng(values)
    counts = []
    for _ in range(200):
        begin = source.integers(0, 10 * values, size=values)
        writes = Writes(begin, begin + source.integers(0, 20, size=values))
        value = source.integers(0, values, size=values)
        begin = writes.begin[value] + source.integers(0, 40, size=values)
        reads = Reads(value, begin, begin + source.integers(0, 20, size=values))
        begins = [[writes.begin[one], *reads.begin[value == one]] for one in range(values)]
        ends = [[writes.end[one], *reads.end[value == one]] for one in range(values)]
        before = np.array([[min(ends[one]) < max(begins[other]) for other in range(values)] for one in range(values)])
        both = before & before.T
        np.fill_diagonal(both, False)
        found = check(writes, reads)
        counts.append(both.any(axis=0).sum())
        assert (found.involved if found else 0) == counts[-1], (writes, reads)
    assert len(set(counts)) > 2  # the sample means something


def test_the_order_of_the_operations_does_not_matter() -> None:
    writes, reads = real_history()
    reads = with_value(reads, 7_000, overwritten_before(writes, reads.begin[7_000]))
    found = check(writes, reads)
    assert found is not None
    source = np.random.default_rng(2)
    new_write, new_read = (source.permutation(len(part.begin)) for part in (writes, reads))
    shuffled = check(
        Writes(writes.begin[new_write], writes.end[new_write]),
        replace(reads, value=np.argsort(new_write)[reads.value])[new_read],
    )
    assert shuffled is not None
    assert found == replace(
        shuffled,
        values=tuple(int(new_write[value]) for value in shuffled.values),
        operations=tuple(
            Operation(operation.kind, int((new_write if operation.kind == "write" else new_read)[operation.index]))
            for operation in shuffled.operations
        ),
    )


def test_a_contradiction_is_found_after_a_history_that_has_none() -> None:
    """The second history begins with a write, when the first has ended."""
    writes, reads = real_history()
    later = int(max(writes.end.max(), reads.end.max())) + 1
    more_writes = Writes(np.array([0, 10, 30]) + later, np.array([5, 20, 40]) + later)
    more_reads = Reads(np.array([0, 1]) + len(writes.begin), np.array([6, 50]) + later, np.array([9, 60]) + later)
    whole = Writes(np.concatenate([writes.begin, more_writes.begin]), np.concatenate([writes.end, more_writes.end]))
    found = check(whole, joined(reads, more_reads))
    assert found is not None
    assert found.values == (len(writes.begin) + 1, len(writes.begin) + 2)
    assert found.operations[-1] == Operation("read", len(reads.begin) + 1)
    assert check(whole, joined(reads, more_reads[:1])) is None


def test_reads_of_one_value_in_any_number_are_as_good_as_its_first_and_its_last() -> None:
    writes = Writes(np.array([BEFORE, 10**6]), np.array([BEFORE, 10**6 + 5]))
    begin = np.arange(100_000, dtype=np.int64)
    reads = Reads(np.zeros(100_000, dtype=np.int64), begin, begin + 1)
    assert check(writes, reads) is None
    begin[99_999] = reads.end[99_999] = 10**6 + 6
    found = check(writes, reads)
    assert found is not None
    assert found.operations[-1] == Operation("read", 99_999)


ONE_WRITE = Writes(np.array([0]), np.array([1]))


@pytest.mark.parametrize("value", [-2, 1])
def test_the_value_of_a_read_must_be_the_index_of_a_write(value: int) -> None:
    reads = Reads(np.array([value]), np.array([2]), np.array([3]))
    with pytest.raises(ValueError, match="the value of a read must be the index of a write, or UNWRITTEN"):
        check(ONE_WRITE, reads)


def test_the_arrays_must_be_of_one_length() -> None:
    with pytest.raises(ValueError, match="the arrays of the reads must be int64, of one dimension and of one length"):
        check(ONE_WRITE, Reads(np.array([0]), np.array([2, 3]), np.array([3])))


def test_an_operation_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="writes end before they begin: take all times from one monotonic clock"):
        check(Writes(np.array([5]), np.array([4])), Reads(np.array([0]), np.array([6]), np.array([7])))
