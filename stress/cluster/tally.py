"""One machine's tally of a folder in which other machines write too: what it can judge without a common clock.

Times of different machines are never compared. When a write of another machine began or ended is not known here; its
document is. Two things are true whatever the clocks say.

- *Order.* A writer handles its requests one after the other (SPEC.md, "Protocol"), so its documents are published in
  the order of their sequence numbers, the refused ones too, if at all. One that a reader sees after a later one of the
  same writer is stale.
- *This machine's own history.* Its reads, and its own writes of the round, have exact times of one clock. Every other
  document that was read counts as a write that may have happened at any time. If the whole history of all machines can
  be explained, so can this one: take the explaining order, leave out the reads of other machines, and the rest is an
  explanation, as no interval became shorter. So a contradiction found here is a contradiction of the whole history: no
  false alarm is possible. The reverse is not true: what only the times of two machines together would show is missed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from conformance.oracle.linearizability import BEFORE
from stress.judge.history import OfReader, OfWriter
from stress.judge.tally import Tally
from stress.record.reports import INDETERMINATE, Look, Written
from stress.record.scenario import Scenario
from stress.record.violations import ObservedViolation, ViolationKind

__all__ = ["Key", "LatestSeen", "Marks", "SharedTally", "marks_from_json", "marks_to_json"]

Key = tuple[int, int]
"""(target, writer): a target by its number, a writer by its number in the whole run."""
Table = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LatestSeen:
    """The highest sequence number of one writer that a machine's readers saw: the first reader, and when (seconds)."""

    sequence: int
    reader: str
    seconds: float


@dataclass(frozen=True)
class Marks:
    """What one machine hands to the others for comparison: the highest sequence numbers.

    ``begun`` and ``acknowledged`` are of its own writers, ``seen`` of all writers; ``distinct`` is how many documents
    of a writer its readers saw, at least.
    """

    begun: Mapping[Key, int]
    acknowledged: Mapping[Key, int]
    seen: Mapping[Key, LatestSeen]
    distinct: Mapping[int, int]


def marks_to_json(marks: Marks) -> dict[str, Any]:
    """The marks as values that `json` writes."""
    return {
        "begun": [[*key, sequence] for key, sequence in marks.begun.items()],
        "acknowledged": [[*key, sequence] for key, sequence in marks.acknowledged.items()],
        "seen": [[*key, *dataclasses.astuple(one)] for key, one in marks.seen.items()],
        "distinct": list(map(list, marks.distinct.items())),
    }


def marks_from_json(value: Mapping[str, Any]) -> Marks:
    """The marks that `marks_to_json` made this of."""
    return Marks(
        {(target, writer): sequence for target, writer, sequence in value["begun"]},
        {(target, writer): sequence for target, writer, sequence in value["acknowledged"]},
        {(target, writer): LatestSeen(*rest) for target, writer, *rest in value["seen"]},
        dict(value["distinct"]),
    )


class SharedTally(Tally):
    """As `Tally`, for a folder in which writers of other machines write too; ``marks`` are for those machines.

    Files beside the targets are not judged: they may belong to a writer of another machine.
    """

    def __init__(self, scenario: Scenario, names: tuple[str, ...]) -> None:
        super().__init__(scenario, names)
        self._own = range(scenario.first_writer, scenario.first_writer + scenario.writers)
        self._begun: dict[Key, int] = {}
        self._acknowledged: dict[Key, int] = {}
        self._latest: dict[Key, LatestSeen] = {}
        self._latest_of_reader: dict[tuple[str, Key], int] = {}
        self._distinct: dict[int, int] = {}

    @property
    def marks(self) -> Marks:
        """The marks so far; complete once the run has ended."""
        return Marks(self._begun, self._acknowledged, self._latest, self._distinct)

    def written(self, writer: int, written: Written) -> None:
        """Add what a writer of this machine did."""
        super().written(writer, written)
        for target, sequence, _, _, _, outcome in self._written[writer][-1].tolist():
            key = (target, writer)
            self._begun[key] = sequence
            if outcome == 1:
                self._acknowledged[key] = sequence

    def looked(self, looks: Sequence[Look], leftover: Sequence[str]) -> None:
        """As in `Tally`; ``leftover`` is not judged. Only the writers of this machine stand still."""
        for key, sequences in self._sequences_seen().items():
            before = self._latest[key].sequence if key in self._latest else 0
            self._distinct[key[1]] = self._distinct.get(key[1], 0) + int((sequences > before).sum())
        for reader, _, rows in self._seen:
            for target, writer in np.unique(rows[:, :2], axis=0).tolist():
                of_key = rows[(rows[:, 0] == target) & (rows[:, 1] == writer)]
                self._judge_order(reader, (target, writer), of_key[:, 2], of_key[:, 4])
        super().looked([_of_this_machine(look) for look in looks], ())
        # The present document may be replaced before the readers of the next round see it.
        self._initial = [None] * len(self._names)

    def ended(self, left: Sequence[str]) -> None:
        """Nothing is judged: other machines may still be writing."""

    def _sequences_seen(self) -> dict[Key, Table]:
        """The sequence numbers, each once, that all readers saw in the round."""
        rows = np.concatenate([rows[:, :3] for _, _, rows in self._seen]) if self._seen else np.empty((0, 3), np.int64)
        unique = np.unique(rows, axis=0)
        return {
            (target, writer): unique[(unique[:, 0] == target) & (unique[:, 1] == writer), 2]
            for target, writer in np.unique(unique[:, :2], axis=0).tolist()
        }

    def _judge_order(self, reader: str, key: Key, sequences: Table, ends: Table) -> None:
        """Judge what one reader saw of one writer; ``ends`` (nanoseconds) are those of the first read of each row."""
        target, writer = key
        latest = max(self._latest_of_reader.get((reader, key), 0), 0)
        reached = np.maximum.accumulate(np.append(latest, sequences))
        for row in np.flatnonzero(sequences < reached[:-1]).tolist():
            self._note("stale", reader, (writer, int(sequences[row])), int(ends[row]), f"after s{reached[row]} of it")
        # Writers write the targets in turn (`stress.clients.writer_client.Writer`).
        impossible = (sequences < 1) | (sequences % len(self._names) != target)
        for row in np.flatnonzero(impossible).tolist():
            why = "which was never written to this target"
            self._note("unknown", reader, (writer, int(sequences[row])), int(ends[row]), why)
        if writer in self._own:
            begun = self._begun.get(key, 0)
            for row in np.flatnonzero(~impossible & (sequences > begun)).tolist():
                why = f"when its writer had begun no more than s{begun}"
                self._note("future", reader, (writer, int(sequences[row])), int(ends[row]), why)
        self._latest_of_reader[reader, key] = int(reached[-1])
        if key not in self._latest or reached[-1] > self._latest[key].sequence:
            first = int(np.argmax(sequences == reached[-1]))
            seconds = (int(ends[first]) - self.origin) / 1e9
            self._latest[key] = LatestSeen(int(reached[-1]), reader, seconds)

    def _note(self, kind: ViolationKind, reader: str, document: tuple[int, int], time: int, why: str) -> None:
        text = f"{kind}: {reader} read w{document[0]} s{document[1]} {why}"
        self.note(ObservedViolation(kind, time, text, {"reader": reader, "document": list(document)}))

    def _others(self, writers: Sequence[OfWriter], readers: Sequence[OfReader]) -> list[OfWriter]:
        """Each document that was read and not written here in this round, as a write at an unknown time."""
        pairs = [np.column_stack([one.writer, one.sequence]) for one in readers]
        seen = np.unique(np.concatenate(pairs), axis=0) if pairs else np.empty((0, 2), np.int64)
        others = []
        for number in np.unique(seen[:, 0]).tolist():
            known = [one.sequence for one in writers if one.writer == number]
            sequences = np.setdiff1d(seen[seen[:, 0] == number, 1], np.concatenate(known) if known else [])
            size = len(sequences)
            others.append(OfWriter(number, sequences, np.full(size, BEFORE), np.full(size, INDETERMINATE)))
        return others


def _of_this_machine(look: Look) -> Look:
    if look.violation is None:
        return look
    text = look.violation.text.replace("no process writes", "no process on this machine writes")
    return dataclasses.replace(look, violation=dataclasses.replace(look.violation, text=text))
