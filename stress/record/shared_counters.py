"""Counters that the processes of a run share: each has its own row, so that no process waits for another."""

from __future__ import annotations

from ctypes import c_int64
from dataclasses import dataclass
from multiprocessing.context import SpawnContext
from multiprocessing.sharedctypes import RawArray
from typing import Any

from stress.record.violations import ViolationKind

__all__ = ["FIELDS", "OF_READERS", "Counters", "new_counters"]

# The kinds of violations that readers count as they see them.
OF_READERS: tuple[ViolationKind, ...] = ("torn", "mixed", "missing", "misread")
FIELDS = ("reads", "changes", "writes", "refused", "wrong", "kills", "commands", "starting", "fresh", *OF_READERS)


@dataclass(frozen=True)
class Counters:
    """One row of `FIELDS` for each process. ``starting`` is 1 while it starts its implementation, ``fresh`` from
    there to the first answer to a write, ``wrong`` the sum of `OF_READERS`.

    The parent writes ``kills`` and ``commands`` (how many there were), the process itself writes the rest.
    """

    array: Any  # ctypes has no type for a shared array of c_int64
    process: int = 0

    def of(self, process: int) -> Counters:
        """The row of this process."""
        return Counters(self.array, process)

    def add(self, name: str, count: int) -> None:
        """Add to a counter of this row. Only the row's owner may."""
        self.array[self.process * len(FIELDS) + FIELDS.index(name)] += count

    def set(self, name: str, value: int) -> None:
        """Set a counter of this row."""
        self.array[self.process * len(FIELDS) + FIELDS.index(name)] = value

    def get(self, name: str) -> int:
        """A counter of this row."""
        return int(self.array[self.process * len(FIELDS) + FIELDS.index(name)])

    def total(self, name: str) -> int:
        """A counter of all rows together."""
        return sum(self.array[FIELDS.index(name) :: len(FIELDS)])


def new_counters(context: SpawnContext, processes: int) -> Counters:
    """Counters for this many processes, all 0."""
    return Counters(RawArray(c_int64, processes * len(FIELDS)))
