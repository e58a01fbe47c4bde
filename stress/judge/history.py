"""Judges one round of one target as a history: what all writers did and what all readers saw. No I/O here.

At the end of a round the writers stand still, and the kit reads the target: that document is the first write of the
next round. So the whole history is judged, and memory stays the same however long the run is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
from conformance.oracle.payload import Identity
from stress.record.folder_record import Shown
from stress.record.histogram import Histogram
from stress.record.violations import ObservedViolation, ViolationKind

__all__ = ["Judged", "OfReader", "OfWriter", "judge_target"]

Column = npt.NDArray[np.int64]
_AROUND = 12  # operations of each process that are shown before and after a violation
_MOST_SHOWN = 60


@dataclass(frozen=True, eq=False)
class OfWriter:
    """What one writer did to the target in the round: arrays of one length, in the order of its writes.

    ``end`` is `INDETERMINATE` for what was not acknowledged. For a writer whose times are unknown, every ``begin`` is
    `BEFORE` and every ``end`` is `INDETERMINATE`.
    """

    writer: int
    sequence: Column
    begin: Column
    end: Column


@dataclass(frozen=True, eq=False)
class OfReader:
    """What one reader saw of the target in the round: an entry for consecutive reads of one document, in order."""

    name: str
    writer: Column
    sequence: Column
    first_begin: Column
    first_end: Column
    last_begin: Column
    last_end: Column


@dataclass(frozen=True)
class Judged:
    """The verdict of one target's round.

    ``violation`` is the contradiction that was certain first, ``timeline`` the operations around it. ``distinct``
    documents were seen; ``writers_overlap`` and ``readers_overlap`` are those of `stress.record.folder_record.Overlap`.
    """

    violation: ObservedViolation | None
    timeline: tuple[Shown, ...]
    distinct: int
    writers_overlap: int
    readers_overlap: int
    staleness: Histogram


def judge_target(
    writers: Sequence[OfWriter], readers: Sequence[OfReader], initial: Identity | None, origin: int
) -> Judged:
    """Judge one target's round. ``initial`` is the document that was there when the round started, if any.

    ``origin`` is when the load started (nanoseconds): the times of the timeline are seconds since then.
    """
    history = _history(writers, readers, initial)
    finding = check(history.writes, history.reads)
    first_seen = np.full(len(history.writes.begin), INDETERMINATE, dtype=np.int64)
    known = history.reads.value != UNWRITTEN
    np.minimum.at(first_seen, history.reads.value[known], history.reads.end[known])
    seen = first_seen != INDETERMINATE
    begun = history.writes.begin != BEFORE
    firsts = np.flatnonzero(known & history.is_first)
    firsts = firsts[begun[history.reads.value[firsts]]]
    delays = history.reads.end[firsts] - history.writes.begin[history.reads.value[firsts]]
    return Judged(
        violation=None if finding is None else _violation(history, finding, origin),
        timeline=() if finding is None else _timeline(history, finding, origin),
        distinct=int((seen & begun).sum()),
        # Writes at unknown times prove nothing.
        writers_overlap=_overlaps([one for one in writers if not (one.begin == BEFORE).all()]),
        readers_overlap=int((seen & begun & (first_seen < history.writes.end)).sum()),
        staleness=Histogram.of(delays),
    )


@dataclass(frozen=True, eq=False)
class _History:
    writes: Writes
    reads: Reads
    identities: npt.NDArray[np.int64]  # of the writes: (n, 2)
    seen: npt.NDArray[np.int64]  # what each read returned: (m, 2)
    names: tuple[str, ...]  # of the readers
    reader: Column  # of each read, an index into names
    is_first: npt.NDArray[np.bool_]  # whether it is the first of an entry


def _history(writers: Sequence[OfWriter], readers: Sequence[OfReader], initial: Identity | None) -> _History:
    begins = [np.array([BEFORE] if initial else [], dtype=np.int64), *(one.begin for one in writers)]
    ends = [np.array([BEFORE] if initial else [], dtype=np.int64), *(one.end for one in writers)]
    of_writer = [np.full(len(one.sequence), one.writer, dtype=np.int64) for one in writers]
    identities = np.concatenate(
        [
            np.array([initial] if initial else [], dtype=np.int64).reshape(-1, 2),
            *(np.column_stack(pair) for pair in zip(of_writer, (one.sequence for one in writers), strict=True)),
        ]
    )
    pieces = [_reads_of(number, reader) for number, reader in enumerate(readers)]
    columns = [np.concatenate(column) for column in zip(*pieces, strict=True)] if pieces else []
    writer, sequence, begin, end, reader_number, is_first = columns or [np.empty(0, dtype=np.int64)] * 6
    value = np.full(len(writer), UNWRITTEN, dtype=np.int64)  # the default is 32 bits on Windows before NumPy 2
    offset = 0 if initial is None else 1
    if initial is not None:
        value[(writer == initial[0]) & (sequence == initial[1])] = 0
    for one in writers:
        if len(one.sequence):
            place = np.minimum(np.searchsorted(one.sequence, sequence), len(one.sequence) - 1)
            found = (writer == one.writer) & (one.sequence[place] == sequence)
            value[found] = place[found] + offset
        offset += len(one.sequence)
    return _History(
        Writes(np.concatenate(begins), np.concatenate(ends)),
        Reads(value, begin, end),
        identities,
        np.column_stack([writer, sequence]),
        tuple(reader.name for reader in readers),
        reader_number,
        is_first.astype(bool),
    )


def _reads_of(number: int, reader: OfReader) -> tuple[Column, ...]:
    """Each entry as two reads: its first and its last."""

    def both(first: Column, last: Column) -> Column:
        return np.column_stack([first, last]).ravel()

    rows = len(reader.writer)
    return (
        both(reader.writer, reader.writer),
        both(reader.sequence, reader.sequence),
        both(reader.first_begin, reader.last_begin),
        both(reader.first_end, reader.last_end),
        np.full(2 * rows, number, dtype=np.int64),
        np.tile(np.array([1, 0], dtype=np.int64), rows),
    )


def _overlaps(writers: Sequence[OfWriter]) -> int:
    """How many answered writes ran at the same time as a write of another writer."""
    count = 0
    for one in writers:
        answered = one.end != INDETERMINATE
        together = np.zeros(int(answered.sum()), dtype=bool)
        for other in writers:
            if other is not one and len(other.begin):
                ends = np.sort(other.end)
                begun = np.searchsorted(other.begin, one.end[answered], side="left")
                ended = np.searchsorted(ends, one.begin[answered], side="right")
                together |= begun > ended
        count += int(together.sum())
    return count


def _kind(history: _History, finding: Finding) -> ViolationKind:
    """The kind of a contradiction.

    A document that was not written in this round is from an earlier one, a later one, or none. A writer's numbers grow,
    so a number between those of this round went to another target, or nowhere.
    """
    if finding.kind != "unknown":
        return finding.kind
    writer, sequence = (int(number) for number in history.seen[finding.operations[0].index])
    of_writer = history.identities[:, 0] == writer
    of_round = of_writer & (history.writes.begin != BEFORE)
    numbers = history.identities[of_round if of_round.any() else of_writer, 1]
    if not len(numbers) or numbers.min() < sequence < numbers.max():
        return "unknown"
    return "stale" if sequence < numbers.min() else "future"


def _violation(history: _History, finding: Finding, origin: int) -> ObservedViolation:
    shown = [_shown(history, operation, origin, guilty=True) for operation in finding.operations]
    kind = _kind(history, finding)
    words = {
        "stale": "an older document was read after a newer one was published",
        "future": "a document was read before its write had begun",
        "unknown": "a document was read that no writer wrote to this target in this round",
    }
    if finding.kind == "unknown" and kind == "stale":
        words[kind] = "a document was read that was replaced before this round began, when all writers stood still"
    operations = "; ".join(_described(one) for one in shown)
    last = finding.operations[-1]
    time = int((history.reads if last.kind == "read" else history.writes).begin[last.index])
    if last.kind == "read":
        time = int(history.reads.end[last.index])
    return ObservedViolation(
        kind, time, f"{kind}: {words[kind]}: {operations}", {"operations": [_described(one) for one in shown]}
    )


def _described(shown: Shown) -> str:
    writer, sequence = shown.value
    end = "never answered" if shown.end is None else f"{shown.end:.6f} s"
    verb = {"write": "wrote", "read": "read"}[shown.what]
    if shown.begin == -np.inf:
        return f"w{writer} s{sequence} was there when the round began"
    return f"{shown.process} {verb} w{writer} s{sequence} from {shown.begin:.6f} s to {end}"


def _shown(history: _History, operation: Operation, origin: int, *, guilty: bool) -> Shown:
    index = operation.index
    if operation.kind == "read":
        begin, end = int(history.reads.begin[index]), int(history.reads.end[index])
        value, process = history.seen[index], history.names[int(history.reader[index])]
    else:
        begin, end = int(history.writes.begin[index]), int(history.writes.end[index])
        value = history.identities[index]
        process = f"writer {int(value[0])}"
    return Shown(
        process,
        operation.kind,
        (int(value[0]), int(value[1])),
        -np.inf if begin == BEFORE else (begin - origin) / 1e9,
        None if end == INDETERMINATE else (end - origin) / 1e9,
        guilty,
    )


def _timeline(history: _History, finding: Finding, origin: int) -> tuple[Shown, ...]:
    """The operations that contradict each other, and those nearest in time to the last of them."""
    guilty = set(finding.operations)
    last = finding.operations[-1]
    middle = int((history.reads if last.kind == "read" else history.writes).begin[last.index])
    around: list[Operation] = []
    for kind, begins in (("write", history.writes.begin), ("read", history.reads.begin)):
        usable = np.flatnonzero(begins != BEFORE)
        near = usable[np.argsort(np.abs(begins[usable] - middle), kind="stable")[: 2 * _AROUND]]
        around += [Operation("write" if kind == "write" else "read", int(index)) for index in near]
    chosen = [*finding.operations, *(one for one in around if one not in guilty)][:_MOST_SHOWN]
    shown = [_shown(history, one, origin, guilty=one in guilty) for one in chosen]
    return tuple(sorted((one for one in shown if one.begin != -np.inf), key=lambda one: (one.begin, one.process)))
