"""The rounds of a run: what is written to one disk while it is recorded. Everything is drawn from the seed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from conformance.oracle.payload import make_status
from stress.powercut.blocks.verdict import Documents
from stress.powercut.cuts import sizes_of_run

__all__ = ["NUMBERS", "Round", "rounds"]

NUMBERS = 1_000_000  # state N of round R has the number R * NUMBERS + N
_WRITES = 8
_TURNS = 3


@dataclass(frozen=True)
class Round:
    """``writers`` write ``writes`` documents each, of ``size`` bytes, at the same time. ``exists``: over an older one,
    document 0 of writer 0, which is on the disk. ``beside_syncs``: another program syncs all the time, and not only
    between two writes; if the writer is ``held``, after each of its calls, for which it is held.
    """

    number: int
    size: int
    exists: bool
    writers: int = 1
    writes: int = _WRITES
    beside_syncs: bool = False
    held: bool = False

    def status(self, writer: int, sequence: int) -> dict[str, Any]:
        """A document of this round."""
        return make_status(writer, sequence, self.size)

    def documents(self) -> Documents:
        """All documents of this round."""
        numbers = itertools.product(range(self.writers), range(self.writes + 1))
        return {(writer, sequence): self.status(writer, sequence) for writer, sequence in numbers}

    def described(self) -> str:
        """The round in words."""
        together = "" if self.writers == 1 else f" by each of {self.writers} writers at once"
        when = " after each of the writer's calls" if self.held else ""
        beside = f", while another program syncs{when}" if self.beside_syncs else ""
        before = "" if self.exists else ", no target before"
        return f"{self.writes} documents of {self.size:,} bytes{together}{before}{beside}"


def rounds(seed: int) -> Iterator[Round]:
    """The rounds of a run, without end: sizes take turns, each with and without a target; in each third round two
    processes write, and in the one before another program syncs all the time, in every second of those while the writer
    is held.
    """
    sizes = sizes_of_run(seed)
    for number in itertools.count():
        turn = number % _TURNS
        yield Round(
            number,
            sizes[(2 * number + 1) % len(sizes)],
            exists=number % 4 != 3 and number % (2 * _TURNS) != 1,
            writers=2 if turn == 2 else 1,
            beside_syncs=turn == 1,
            held=number % (2 * _TURNS) == 1,
        )
