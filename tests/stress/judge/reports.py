"""Reports of writers and readers by hand, and a tally of them, for the tests of the tally."""

from __future__ import annotations

from array import array
from typing import Any

from conformance.oracle.payload import Identity
from stress.judge.tally import Tally
from stress.record.folder_record import Control, FolderRecord, Overlap, Totals
from stress.record.reports import INDETERMINATE, Look, Seen, Written
from stress.record.scenario import Scenario

CAUGHT = Control(3, 100, 0.01)
ENOUGH = Totals(reads=1000, acknowledged=30, distinct=20, changes=20)
TOGETHER = Overlap(writers=10)


def tally(targets: int = 1, **scenario: Any) -> Tally:
    return Tally(Scenario(targets=targets, **scenario), tuple(f"status{number}" for number in range(targets)))


def write(sequence: int, begin: int, end: int, outcome: int = 1, target: int = 0, size: int = 256) -> tuple[int, ...]:
    return (target, sequence, size, begin, INDETERMINATE if outcome < 0 else end, outcome)


def written(*rows: tuple[int, ...], **others: Any) -> Written:
    return Written(array("q", [number for row in rows for number in row]), **others)


def seen(*rows: tuple[Identity, int, int], target: int = 0, **others: Any) -> Seen:
    """Rows of one read each: (document, begin, end)."""
    flat = [number for document, begin, end in rows for number in (target, *document, begin, end, begin, end)]
    return Seen(array("q", flat), **others)


def look(identity: Identity | None, moment: int) -> Look:
    return Look(identity, moment, moment + 1, None)


def after_a_round() -> Tally:
    """Writer 1 wrote document 1, which the next round begins with."""
    one = tally()
    one.written(1, written(write(1, 0, 2)))
    one.looked([look((1, 1), 5)], [])
    return one


def record_of(one: Tally, *, complete: bool = True, control: Control = CAUGHT) -> FolderRecord:
    return one.record(folder="here", file_system="ext4", control=control, seconds=2.0, complete=complete)
