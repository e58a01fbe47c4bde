"""One target's round as a history: rounds by hand, how a contradiction is described, and trying every order."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest

from conformance.oracle.linearizability import INDETERMINATE
from conformance.oracle.payload import Identity
from stress.judge.history import Judged, OfReader, OfWriter, judge_target

LOST = None  # the end of a write that was never answered


def writer(number: int, *writes: tuple[int, int, int | None]) -> OfWriter:
    """A writer's round: (sequence, begin, end) of each write."""
    sequence, begin, end = zip(*writes, strict=True) if writes else ((), (), ())
    ends = [INDETERMINATE if one is LOST else one for one in end]
    return OfWriter(number, *(np.array(column, dtype=np.int64) for column in (sequence, begin, ends)))


def reader(name: str, *rows: tuple[Identity, int, int] | tuple[Identity, int, int, int, int]) -> OfReader:
    """A reader's round: (document, begin, end) of a single read, or the first and the last of consecutive reads."""
    full = [(*row[0], *row[1:], *(row[1:] if len(row) == 3 else ())) for row in rows]
    return OfReader(name, *np.array(full, dtype=np.int64).reshape(-1, 6).T)


def judge(
    writers: Sequence[OfWriter], readers: Sequence[OfReader], initial: Identity | None = (1, 0), origin: int = 0
) -> Judged:
    return judge_target(writers, readers, initial, origin)


# Rounds that can be explained

LEGAL: dict[str, tuple[list[OfWriter], list[OfReader]]] = {
    "nothing happened": ([], []),
    "writers that wrote nothing": ([writer(1), writer(2)], [reader("r")]),
    "nobody read": ([writer(1, (1, 0, 10))], []),
    "the initial document, then each one": (
        [writer(1, (1, 10, 20), (2, 30, 40))],
        [reader("r", ((1, 0), 0, 5), ((1, 1), 22, 28), ((1, 2), 45, 50))],
    ),
    "the initial document while the first write runs": ([writer(1, (1, 10, 50))], [reader("r", ((1, 0), 20, 30))]),
    "a document before its write was answered": ([writer(1, (1, 10, 50))], [reader("r", ((1, 1), 20, 30))]),
    "a killed write that happened": ([writer(1, (1, 10, LOST))], [reader("r", ((1, 0), 20, 30), ((1, 1), 90, 95))]),
    "a killed write that never happened": (
        [writer(1, (1, 10, LOST), (2, 60, 70))],
        [reader("r", ((1, 0), 20, 50), ((1, 2), 75, 80))],
    ),
    "writers at the same time, in the order of one reader": (
        [writer(1, (1, 10, 50)), writer(2, (1, 10, 50))],
        [reader("r", ((2, 1), 20, 30), ((1, 1), 60, 70))],
    ),
    "a row that is read for long": ([writer(1, (1, 10, 20))], [reader("r", ((1, 1), 22, 25, 900, 905))]),
    "readers that see a change one after the other": (
        [writer(1, (1, 10, 60))],
        [reader("r", ((1, 1), 20, 30)), reader("s", ((1, 0), 25, 40), ((1, 1), 50, 55))],
    ),
}


@pytest.mark.parametrize(("writers", "readers"), LEGAL.values(), ids=LEGAL)
def test_a_round_that_can_be_explained(writers: list[OfWriter], readers: list[OfReader]) -> None:
    judged = judge(writers, readers)
    assert judged.violation is None
    assert judged.timeline == ()


def test_without_an_initial_document_the_first_write_is_the_first() -> None:
    assert judge([writer(1, (1, 10, 20))], [reader("r", ((1, 1), 30, 40))], initial=None).violation is None


def test_a_document_in_a_round_without_writes_and_without_a_document_is_unknown() -> None:
    """Such as after a round at whose end the target was torn."""
    judged = judge([], [reader("r", ((1, 1), 30, 40))], initial=None)
    assert judged.violation is not None
    assert judged.violation.kind == "unknown"
    assert judged.staleness.total == 0


# Rounds that cannot

ILLEGAL: dict[str, tuple[str, list[OfWriter], list[OfReader]]] = {
    "the initial document after the first write": (
        "stale",
        [writer(1, (1, 10, 20))],
        [reader("r", ((1, 0), 30, 40))],
    ),
    "an older document after a newer one was acknowledged": (
        "stale",
        [writer(1, (1, 10, 20), (2, 30, 40))],
        [reader("r", ((1, 1), 50, 60))],
    ),
    "the last read of a row after the next document": (
        "stale",
        [writer(1, (1, 10, 20), (2, 30, 40))],
        [reader("r", ((1, 1), 22, 25, 50, 60))],
    ),
    "a newer document and then an older one": (
        "stale",
        [writer(1, (1, 10, 20), (2, 30, 90))],
        [reader("r", ((1, 2), 40, 45), ((1, 1), 50, 60))],
    ),
    "the same by two readers": (
        "stale",
        [writer(1, (1, 10, 20), (2, 30, 90))],
        [reader("r", ((1, 2), 40, 45)), reader("s", ((1, 1), 50, 60))],
    ),
    "back and forth between two writers": (
        "stale",
        [writer(1, (1, 10, 90)), writer(2, (1, 10, 90))],
        [reader("r", ((1, 1), 20, 25), ((2, 1), 30, 35), ((1, 1), 40, 45))],
    ),
    "a document of an earlier round, of a writer of this one": (
        "stale",
        [writer(1, (7, 10, 20))],
        [reader("r", ((1, 3), 5, 8))],
    ),
    "a document before its write began": ("future", [writer(1, (1, 50, 60))], [reader("r", ((1, 1), 20, 30))]),
    "a document of a killed write before it began": (
        "future",
        [writer(1, (1, 50, LOST))],
        [reader("r", ((1, 1), 20, 30))],
    ),
    "a document that comes only in a later round": (
        "future",
        [writer(1, (1, 10, 20))],
        [reader("r", ((1, 2), 30, 40))],
    ),
    "a document that its writer gave to another target": (
        "unknown",
        [writer(1, (1, 10, 20), (3, 30, 40))],
        [reader("r", ((1, 2), 30, 40))],
    ),
    "a document without a writer": ("unknown", [writer(1, (1, 10, 20))], [reader("r", ((9, 1), 30, 40))]),
}


@pytest.mark.parametrize(("kind", "writers", "readers"), ILLEGAL.values(), ids=ILLEGAL)
def test_a_round_that_cannot_be_explained(kind: str, writers: list[OfWriter], readers: list[OfReader]) -> None:
    judged = judge(writers, readers)
    assert judged.violation is not None
    assert judged.violation.kind == kind
    assert judged.violation.text.startswith(f"{kind}: ")


@pytest.mark.parametrize(("sequence", "kind"), [(3, "stale"), (7, "future")])
def test_of_a_writer_that_wrote_only_the_initial_document_an_older_one_is_stale_and_a_newer_one_of_the_future(
    sequence: int, kind: str
) -> None:
    judged = judge([writer(2, (1, 10, 20))], [reader("r", ((1, sequence), 5, 8))], initial=(1, 5))
    assert judged.violation is not None
    assert judged.violation.kind == kind


def test_of_several_contradictions_the_first_is_reported() -> None:
    judged = judge([writer(1, (1, 10, 20))], [reader("r", ((1, 0), 30, 40), ((9, 9), 50, 60))])
    assert judged.violation is not None
    assert (judged.violation.kind, judged.violation.time) == ("stale", 40)


# How it is described


def test_the_story_names_who_did_what_and_when() -> None:
    second = 10**9
    judged = judge(
        [writer(3, (7, 11 * second, 12 * second))],
        [reader("reader 2", ((1, 4), 13 * second, 14 * second))],
        (1, 4),
        second,
    )
    assert judged.violation is not None
    assert judged.violation.evidence["operations"] == [
        "w1 s4 was there when the round began",
        "writer 3 wrote w3 s7 from 10.000000 s to 11.000000 s",
        "reader 2 read w1 s4 from 12.000000 s to 13.000000 s",
    ]
    assert all(operation in judged.violation.text for operation in judged.violation.evidence["operations"])


def test_what_was_replaced_before_the_round_is_described_as_such() -> None:
    judged = judge([writer(1, (7, 10, 20))], [reader("r", ((1, 3), 5, 8))])
    assert judged.violation is not None
    assert "replaced before this round began" in judged.violation.text


def test_a_write_that_was_never_answered_is_described_as_such() -> None:
    judged = judge([writer(1, (1, 10, LOST))], [reader("r", ((1, 1), 20, 30), ((1, 0), 40, 50))])
    assert judged.violation is not None
    assert {shown.end for shown in judged.timeline if shown.what == "write"} == {None}


def test_the_timeline_has_the_contradicting_operations_and_those_around_them() -> None:
    second = 10**9
    moments = range(0, 200 * second, second)
    many = writer(1, *((number + 1, begin, begin + second // 2) for number, begin in enumerate(moments)))
    reads = [
        ((1, number + 1), begin + second * 6 // 10, begin + second * 7 // 10) for number, begin in enumerate(moments)
    ]
    reads[100] = ((1, 50), *reads[100][1:])
    judged = judge([many], [reader("r", *reads)])
    assert judged.violation is not None
    guilty = [shown for shown in judged.timeline if shown.guilty]
    assert ("read", (1, 50)) in {(shown.what, shown.value) for shown in guilty}
    assert len(guilty) == len(judged.violation.evidence["operations"])
    others = [shown for shown in judged.timeline if not shown.guilty]
    assert {shown.what for shown in others} == {"write", "read"}
    assert 20 < len(judged.timeline) <= 60
    assert all(85 < shown.begin < 115 for shown in others)
    assert [shown.begin for shown in judged.timeline] == sorted(shown.begin for shown in judged.timeline)


def test_what_was_there_before_is_in_no_timeline() -> None:
    judged = judge([writer(1, (1, 10, 20))], [reader("r", ((1, 0), 30, 40))])
    assert all(np.isfinite(shown.begin) for shown in judged.timeline)
    assert {shown.what for shown in judged.timeline if shown.guilty} == {"write", "read"}


# What is counted


def test_documents_that_a_reader_saw_are_counted_once_and_the_initial_one_is_of_another_round() -> None:
    judged = judge(
        [writer(1, (1, 10, 20), (2, 30, 40), (3, 50, 60))],
        [reader("r", ((1, 0), 0, 5), ((1, 1), 22, 25)), reader("s", ((1, 1), 22, 26), ((1, 3), 65, 70))],
    )
    assert judged.distinct == 2


def test_staleness_is_from_the_begin_of_a_write_to_the_end_of_the_first_read_of_each_reader() -> None:
    judged = judge(
        [writer(1, (1, 1000, 2000))],
        [reader("r", ((1, 0), 0, 5), ((1, 1), 1500, 2000, 90_000, 91_000)), reader("s", ((1, 1), 50_000, 65_000))],
    )
    assert judged.staleness.total == 2
    first, second = judged.staleness.percentile(0.5), judged.staleness.percentile(1.0)
    assert first == pytest.approx(1000, rel=0.1)
    assert second == pytest.approx(64_000, rel=0.1)


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [
        ((10, 20), (15, 30), 2),
        ((10, 20), (30, 40), 0),
        ((10, 40), (20, 30), 2),
        ((10, 20), (15, LOST), 1),  # the answered one
        ((10, LOST), (15, LOST), 0),
    ],
)
def test_answered_writes_at_the_same_time_as_another_writers_are_counted(
    one: tuple[int, int | None], other: tuple[int, int | None], count: int
) -> None:
    assert judge([writer(1, (1, *one)), writer(2, (1, *other))], []).writers_overlap == count


def test_writes_of_one_writer_are_not_together() -> None:
    """A pipeline sends them ahead."""
    assert judge([writer(1, (1, 10, 30), (2, 15, 40)), writer(2)], []).writers_overlap == 0


@pytest.mark.parametrize(("end", "count"), [(25, 0), (35, 1)])
def test_a_document_that_was_seen_before_its_write_was_answered_is_a_change_seen_under_way(
    end: int, count: int
) -> None:
    judged = judge([writer(1, (1, 10, end))], [reader("r", ((1, 1), 20, 30))])
    assert judged.violation is None
    assert judged.readers_overlap == count


# Trying every order


def explainable(writers: Sequence[OfWriter], readers: Sequence[OfReader], initial: Identity) -> bool:
    """Whether any order of all operations that respects their times is that of a register."""
    operations = [
        ("write", (one.writer, int(sequence)), int(begin), int(end), bool(end == INDETERMINATE))
        for one in writers
        for sequence, begin, end in zip(one.sequence, one.begin, one.end, strict=True)
    ]
    for one in readers:
        for row in zip(
            one.writer, one.sequence, one.first_begin, one.first_end, one.last_begin, one.last_end, strict=True
        ):
            values = [int(value) for value in row]
            document = (values[0], values[1])
            operations += [
                ("read", document, begin, end, False) for begin, end in {tuple(values[2:4]), tuple(values[4:6])}
            ]

    def possible(value: Identity, left: tuple[int, ...]) -> bool:
        if all(operations[index][4] for index in left):  # what was never answered need not have happened
            return True
        earliest = min(operations[index][3] for index in left)
        for index in left:
            kind, document, begin, _, _ = operations[index]
            if begin > earliest or (kind == "read" and document != value):
                continue
            rest = tuple(other for other in left if other != index)
            if possible(document, rest):
                return True
        return False

    return possible(initial, tuple(range(len(operations))))


def random_round(source: random.Random) -> tuple[list[OfWriter], list[OfReader]]:
    """A small round: two writers and two readers, which may see anything."""

    def spans(count: int, longest: int) -> list[tuple[int, int]]:
        times = sorted(source.sample(range(longest), 2 * count))
        return list(zip(times[0::2], times[1::2], strict=True))

    writers = [
        writer(
            number,
            *(
                (place + 1, begin, LOST if source.random() < 0.15 else end)
                for place, (begin, end) in enumerate(spans(source.randint(0, 2), 30))
            ),
        )
        for number in (1, 2)
    ]
    documents = [(1, 0), *((one.writer, int(sequence)) for one in writers for sequence in one.sequence)]
    readers = [
        reader(name, *((source.choice(documents), *span) for span in spans(source.randint(0, 2), 40)))
        for name in ("r", "s")
    ]
    return writers, readers


def test_the_verdict_is_that_of_trying_every_order() -> None:
    source = random.Random(4)
    verdicts = []
    for _ in range(1500):
        writers, readers = random_round(source)
        judged = judge(writers, readers)
        verdicts.append(judged.violation is None)
        assert verdicts[-1] == explainable(writers, readers, (1, 0)), (writers, readers, judged.violation)
    # The sample is worth something.
    assert 300 < sum(verdicts) < 1200
