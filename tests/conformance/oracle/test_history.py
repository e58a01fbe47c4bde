"""Whether a history of a register is linearizable: hand-made cases, and agreement with trying every order."""

import itertools
import math
import random
from collections.abc import Sequence

import pytest

from conformance.oracle.history import Contradiction, Read, Write, find_contradiction

# Hand-made cases

LEGAL: dict[str, tuple[list[Write], list[Read]]] = {
    "nothing at all": ([], []),
    "a write that was never read": ([Write("a", 0, 1)], []),
    "reads of the only value": ([Write("a", 0, 1)], [Read("a", 2, 3), Read("a", 2, 9)]),
    "a read during the write": ([Write("a", 0, 1), Write("b", 2, 9)], [Read("b", 3, 4)]),
    "an old read during the write": ([Write("a", 0, 1), Write("b", 2, 9)], [Read("a", 3, 4)]),
    "old, then new, during the write": (
        [Write("a", 0, 1), Write("b", 2, 9)],
        [Read("a", 3, 4), Read("b", 5, 6)],
    ),
    "writes at the same time, in one order": (
        [Write("a", 0, 9), Write("b", 0, 9)],
        [Read("a", 1, 2), Read("b", 3, 4), Read("b", 10, 11)],
    ),
    "writes at the same time, in the other order": (
        [Write("a", 0, 9), Write("b", 0, 9)],
        [Read("b", 1, 2), Read("a", 3, 4), Read("a", 10, 11)],
    ),
    "a slow read that began before the write": ([Write("a", 0, 1), Write("b", 5, 6)], [Read("a", 4, 99)]),
    "a failed write that never happened": ([Write("a", 0, 1), Write("b", 2)], [Read("a", 50, 51)]),
    "a failed write that happened late": (
        [Write("a", 0, 1), Write("b", 2)],
        [Read("a", 50, 51), Read("b", 52, 53)],
    ),
    "a failed write, overwritten before any read": (
        [Write("a", 0, 1), Write("b", 2), Write("c", 3, 4)],
        [Read("c", 5, 6)],
    ),
    "ends and begins in the same tick": (
        [Write("a", 0, 1), Write("b", 1, 2)],
        [Read("a", 2, 2), Read("b", 2, 3)],
    ),
    "a read that ends in the tick in which its write begins": ([Write("a", 5, 6)], [Read("a", 4, 5)]),
    "the document that was there before": (
        [Write("a", -math.inf, -math.inf), Write("b", 5, 6)],
        [Read("a", 0, 1), Read("b", 7, 8)],
    ),
}
ILLEGAL: dict[str, tuple[str, tuple[str, ...], list[Write], list[Read]]] = {
    "a value that was never written": ("unknown", ("b",), [Write("a", 0, 1)], [Read("b", 2, 3)]),
    "read before it was written": ("future", ("b",), [Write("a", 0, 1), Write("b", 5, 6)], [Read("b", 3, 4)]),
    "read before a failed write began": (
        "future",
        ("b",),
        [Write("a", 0, 1), Write("b", 5)],
        [Read("b", 3, 4)],
    ),
    "the old one after the new one was acknowledged": (
        "stale",
        ("a", "b"),
        [Write("a", 0, 1), Write("b", 2, 3)],
        [Read("a", 4, 5)],
    ),
    "new, then old, during the write": (
        "stale",
        ("a", "b"),
        [Write("a", 0, 1), Write("b", 2, 99)],
        [Read("b", 3, 4), Read("a", 5, 6)],
    ),
    "new, then old, of a failed write": (
        "stale",
        ("a", "b"),
        [Write("a", 0, 1), Write("b", 2)],
        [Read("b", 3, 4), Read("a", 5, 6)],
    ),
    "back and forth between writes at the same time": (
        "stale",
        ("a", "b"),
        [Write("a", 0, 99), Write("b", 0, 99)],
        [Read("a", 1, 2), Read("b", 3, 4), Read("a", 5, 6)],
    ),
    "crosswise: each was read before and after the other": (
        "stale",
        ("a", "b"),
        [Write("a", 0, 99), Write("b", 0, 99)],
        [Read("a", 1, 2), Read("b", 1, 3), Read("a", 4, 5), Read("b", 4, 5)],
    ),
    "an acknowledged write, never read, between two reads of an older one": (
        "stale",
        ("a", "b"),
        [Write("a", 0, 1), Write("b", 3, 4)],
        [Read("a", 2, 2), Read("a", 5, 6)],
    ),
    "the old one after two newer ones, the first of which may have come before it": (
        "stale",
        ("a", "c"),
        [Write("a", 0, 1), Write("b", 1, 2), Write("c", 3, 4)],
        [Read("a", 5, 6)],
    ),
    "the initial document after the first write": (
        "stale",
        ("a", "b"),
        [Write("a", -math.inf, -math.inf), Write("b", 0, 1)],
        [Read("a", 2, 3)],
    ),
}


@pytest.mark.parametrize(("writes", "reads"), LEGAL.values(), ids=LEGAL)
def test_a_legal_history(writes: list[Write], reads: list[Read]) -> None:
    assert find_contradiction(writes, reads) is None


@pytest.mark.parametrize(("kind", "values", "writes", "reads"), ILLEGAL.values(), ids=ILLEGAL)
def test_an_illegal_history_says_how_and_with_which_values(
    kind: str, values: tuple[str, ...], writes: list[Write], reads: list[Read]
) -> None:
    found = find_contradiction(writes, reads)
    assert found is not None
    assert (found.kind, found.values) == (kind, values)
    assert all(repr(value) in found.text for value in values)


def test_a_value_written_twice_cannot_be_judged() -> None:
    with pytest.raises(ValueError, match="value 'a' is written twice; values of a history must be unique"):
        find_contradiction([Write("a", 0, 1), Write("a", 2, 3)], [])


def test_an_operation_that_ends_before_it_begins_cannot_be_judged() -> None:
    with pytest.raises(ValueError, match="reads end before they begin: take all times from one monotonic clock"):
        find_contradiction([Write("a", 0, 1)], [Read("a", 3, 2)])


def test_times_are_compared_exactly() -> None:
    """A day in nanoseconds, and one more, which are equal as 32-bit floats."""
    late = 86_400 * 10**9
    assert find_contradiction([Write("a", late + 1, late + 2)], [Read("a", 0, late + 1)]) is None
    assert find_contradiction([Write("a", late + 1, late + 2)], [Read("a", 0, late)]) is not None


# The explanation

BEFORE = Write("a", -math.inf, -math.inf)


def test_the_story_of_an_old_value_that_came_back() -> None:
    writes = [BEFORE, Write("b", 1_000, 1_500), Write("c", 1_200)]
    reads = [Read("b", 1_600, 1_700), Read("a", 2_000, 3_250)]
    assert find_contradiction(writes, reads) == Contradiction(
        "stale",
        ("a", "b"),
        "'a' was there before 'b' was written or read, and was read again after it: 'a' was written before everything "
        "else; 'b' was written from 0.000 to 0.500 µs; 'a' was read from 1.000 to 2.250 µs",
        (writes[0], writes[1], reads[1]),
    )


def test_a_read_proves_a_write_that_was_never_acknowledged() -> None:
    writes = [BEFORE, Write("b", 5)]
    reads = [Read("b", 10, 20), Read("a", 30, 40)]
    found = find_contradiction(writes, reads)
    assert found is not None
    assert found.operations == (BEFORE, *reads)
    assert found.text.endswith("; 'b' was read from 0 to 10 ns; 'a' was read from 20 to 30 ns")


def test_the_story_has_four_operations_where_each_value_was_read_before_and_after_the_other() -> None:
    _, _, writes, reads = ILLEGAL["crosswise: each was read before and after the other"]
    found = find_contradiction(writes, reads)
    assert found is not None
    assert found.operations == (Read("a", 1, 2), Read("b", 1, 3), Read("b", 4, 5), Read("a", 4, 5))


def test_the_story_of_a_value_read_before_it_was_written() -> None:
    writes, reads = [BEFORE, Write("b", 4_000_000_000)], [Read("b", 1_000_000_000, 2_500_000_000)]
    assert find_contradiction(writes, reads) == Contradiction(
        "future",
        ("b",),
        "a read of 'b' ended before its write began: 'b' was read from 0.000000000 to 1.500000000 s; "
        "'b' was written from 3.000000000 s on, never acknowledged",
        (reads[0], writes[1]),
    )


def test_the_story_of_a_value_that_was_never_written() -> None:
    read = Read("b", 7_000_000, 9_000_000)
    assert find_contradiction([BEFORE], [read]) == Contradiction(
        "unknown", ("b",), "'b' was read but never written: 'b' was read from 0.000000 to 2.000000 ms", (read,)
    )


def test_the_contradiction_that_was_certain_first_is_reported() -> None:
    """The read that ended first, not the one that goes back furthest, nor the first in the list."""
    writes = [BEFORE, *(Write(number, 10 * number, 10 * number + 5) for number in range(100))]
    late, early, middle = Read("nobody's", 990, 991), Read(20, 500, 510), Read("a", 400, 600)
    found = find_contradiction(writes, [late, middle, early])
    assert found is not None
    assert (found.kind, found.values, found.operations[-1]) == ("stale", (20, 21), early)


# Agreement with trying every order

Operation = Write | Read


def some_order_explains(writes: Sequence[Write], reads: Sequence[Read]) -> bool:
    """Try every order that respects real time: does each read give the value of the last write before it?

    A write without an end may be left out. Depth first: next comes any operation that no other must precede.
    """
    required: list[Operation] = [*reads, *(write for write in writes if write.end < math.inf)]
    optional = [write for write in writes if write.end == math.inf]
    return any(
        _explains([*required, *chosen], None)
        for count in range(len(optional) + 1)
        for chosen in itertools.combinations(optional, count)
    )


def _explains(rest: list[Operation], value: object) -> bool:
    if not rest:
        return True
    for position, operation in enumerate(rest):
        others = rest[:position] + rest[position + 1 :]
        if any(other.end < operation.begin for other in others):
            continue
        if isinstance(operation, Write):
            if _explains(others, operation.value):
                return True
        elif operation.value == value and _explains(others, value):
            return True
    return False


def random_history(source: random.Random, *ticks: int) -> tuple[list[Write], list[Read]]:
    """Up to seven operations that begin within so many ticks: with few ticks they overlap, touch and collide."""
    last = source.choice(ticks or (6, 12, 30))

    def span() -> tuple[int, int]:
        begin = source.randrange(last)
        return begin, begin + source.randrange(last // 3)

    writes = [BEFORE] if source.random() < 0.7 else []
    for value in "bcd"[: source.randint(1, 3)]:
        begin, end = span()
        writes.append(Write(value, begin, math.inf if source.random() < 0.25 else end))
    reads = []
    for _ in range(source.randint(3, 7 - len(writes))):
        write, (begin, end) = source.choice(writes), span()
        if source.random() < 0.9 and write.begin > begin:  # otherwise most reads would be of the future
            begin, end = int(write.begin), int(write.begin) + end - begin
        reads.append(Read("never" if source.random() < 0.01 else write.value, begin, end))
    source.shuffle(writes)
    return writes, reads


def lucky_history(source: random.Random) -> tuple[list[Write], list[Read]]:
    """A history that a register really produced: each operation takes effect at one moment of its span."""
    moments = sorted(source.sample(range(40), source.randint(2, 8)))
    writes: list[Write] = []
    reads: list[Read] = []
    for moment in moments:
        begin, end = moment - source.randrange(8), moment + source.randrange(8)
        if not writes or source.random() < 0.4:
            writes.append(Write(len(writes), begin, math.inf if source.random() < 0.2 else end))
        else:
            reads.append(Read(writes[-1].value, begin, end))
    return writes, reads


def until(moment: float, writes: Sequence[Write], reads: Sequence[Read]) -> tuple[list[Write], list[Read]]:
    """What was known of a history at a moment: writes under way may have happened, reads under way show nothing."""
    return (
        [
            Write(write.value, write.begin, write.end if write.end <= moment else math.inf)
            for write in writes
            if write.begin <= moment
        ],
        [read for read in reads if read.end <= moment],
    )


@pytest.mark.parametrize("seed", range(8))
def test_the_judgement_agrees_with_trying_every_order(seed: int) -> None:
    source = random.Random(seed)
    kinds: list[str] = []
    for _ in range(1_500):
        writes, reads = random_history(source)
        found = find_contradiction(writes, reads)
        assert (found is None) == some_order_explains(writes, reads), (writes, reads)
        kinds.append("legal" if found is None else found.kind)
    # The sample means something: both results occur often.
    assert 0.4 * len(kinds) < kinds.count("legal") < 0.6 * len(kinds)
    assert kinds.count("stale") > 300
    assert kinds.count("future") > 50
    assert kinds.count("unknown") > 5


@pytest.mark.parametrize("seed", range(4))
def test_the_operations_of_an_explanation_contradict_each_other_alone(seed: int) -> None:
    source = random.Random(100 + seed)
    for _ in range(700):
        writes, reads = random_history(source)
        found = find_contradiction(writes, reads)
        if found is not None:
            of_values = [write for write in writes if write.value in found.values]
            reads_shown = [operation for operation in found.operations if isinstance(operation, Read)]
            assert not some_order_explains(of_values, reads_shown), (writes, reads, found)


@pytest.mark.parametrize("seed", range(4))
def test_an_explanation_is_of_the_first_moment_at_which_no_order_explained_the_history(seed: int) -> None:
    source = random.Random(200 + seed)
    for _ in range(700):
        writes, reads = random_history(source)
        found = find_contradiction(writes, reads)
        if found is not None:
            certain = max(operation.end for operation in found.operations if isinstance(operation, Read))
            assert not some_order_explains(*until(certain, writes, reads)), (writes, reads, found)
            assert some_order_explains(*until(certain - 0.5, writes, reads)), (writes, reads, found)


def test_the_order_of_the_lists_does_not_matter() -> None:
    """Nor does it matter for the explanation, as long as no two times are equal."""
    source = random.Random(2027)
    for _ in range(700):
        writes, reads = random_history(source, 10**9)
        shuffled = find_contradiction(source.sample(writes, len(writes)), source.sample(reads, len(reads)))
        assert shuffled == find_contradiction(writes, reads), (writes, reads)


def test_no_history_of_a_real_register_is_accused() -> None:
    source = random.Random(2026)
    for _ in range(2000):
        writes, reads = lucky_history(source)
        assert find_contradiction(writes, reads) is None, (writes, reads)
