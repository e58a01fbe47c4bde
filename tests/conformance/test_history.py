"""Whether a history of a register is linearizable: cases by hand, and the agreement with trying every order."""

import itertools
import math
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from conformance.history import Contradiction, Read, Write, find_contradiction

# Cases by hand

LEGAL: dict[str, tuple[list[Write], list[Read]]] = {
    "nothing at all": ([], []),
    "a write that nobody read": ([Write("a", 0, 1)], []),
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
    "a failed write, overwritten before anybody saw it": (
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
    "a value that nobody wrote": ("unknown", ("b",), [Write("a", 0, 1)], [Read("b", 2, 3)]),
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
    "an acknowledged write that nobody ever saw between two reads of an older one": (
        "stale",
        ("a", "b"),
        [Write("a", 0, 1), Write("b", 3, 4)],
        [Read("a", 2, 2), Read("a", 5, 6)],
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


def test_the_order_of_the_lists_does_not_matter() -> None:
    _, _, writes, reads = ILLEGAL["crosswise: each was read before and after the other"]
    for shuffled in itertools.permutations(reads):
        assert find_contradiction(writes[::-1], shuffled) is not None


def test_a_value_written_twice_cannot_be_judged() -> None:
    with pytest.raises(ValueError, match="value 'a' is written twice; values of a history must be unique"):
        find_contradiction([Write("a", 0, 1), Write("a", 2, 3)], [])


def test_a_long_run_is_judged_and_one_stale_read_in_it_is_found() -> None:
    writes = [Write(number, 10.0 * number, 10.0 * number + 5) for number in range(20_000)]
    reads = [Read(number, 10.0 * number + 6, 10.0 * number + 7) for number in range(20_000)]
    assert find_contradiction(writes, reads) is None
    found = find_contradiction(writes, [*reads, Read(7_000, 70_016.0, 70_017.0)])
    assert found == Contradiction(
        "stale", (7_000, 7_001), "7000 was there before 7001 was written or read, and was read again after it"
    )


# Agreement with trying every order

Operation = Write | Read


def some_order_explains(writes: Sequence[Write], reads: Sequence[Read]) -> bool:
    """Try every order that respects real time: does each read give the value of the last write before it?

    A write without an end may be left out. Depth first: the next operation is one before which no other must come.
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


def random_history(source: random.Random) -> tuple[list[Write], list[Read]]:
    """Up to five writes and five reads in few ticks, so that they overlap, touch and collide."""
    last = source.choice((6, 12, 30))

    def span() -> tuple[int, int]:
        begin = source.randrange(last)
        return begin, begin + source.randrange(last // 2)

    writes = [Write("a", -math.inf, -math.inf)] if source.random() < 0.7 else []
    for value in "bcde"[: source.randint(1, 4)]:
        begin, end = span()
        writes.append(Write(value, begin, math.inf if source.random() < 0.25 else end))
    reads = []
    for _ in range(source.randint(1, 5)):
        write, (begin, end) = source.choice(writes), span()
        if source.random() < 0.8 and write.begin > begin:  # else most reads would be of the future
            begin, end = int(write.begin), int(write.begin) + end - begin
        reads.append(Read("never" if source.random() < 0.01 else write.value, begin, end))
    source.shuffle(writes)
    return writes, reads


def lucky_history(source: random.Random) -> tuple[list[Write], list[Read]]:
    """A history that a register did produce: each operation takes effect at one moment of its span."""
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


@pytest.mark.parametrize("seed", range(8))
def test_the_judgement_agrees_with_trying_every_order(seed: int) -> None:
    source = random.Random(seed)
    kinds: Counter[str] = Counter()
    for _ in range(500):
        writes, reads = random_history(source)
        found = find_contradiction(writes, reads)
        assert (found is None) == some_order_explains(writes, reads), (writes, reads)
        kinds["legal" if found is None else found.kind] += 1
    # The sample is worth something: both sides are there in numbers.
    assert kinds["legal"] > 100
    assert kinds["stale"] > 100
    assert kinds["future"] > 10
    assert kinds["unknown"] > 1


def test_no_history_of_a_real_register_is_accused() -> None:
    source = random.Random(2026)
    for _ in range(2000):
        writes, reads = lucky_history(source)
        assert find_contradiction(writes, reads) is None, (writes, reads)
