"""Which writes were requested and acknowledged before a cut, and which documents that allows. No I/O here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stress.powercut.blocks.log import Event

__all__ = ["ACKNOWLEDGED", "BEGUN", "History", "Write", "history_of"]

BEGUN, ACKNOWLEDGED = "begin", "ack"  # marks: the word, the writer, the number of its document


@dataclass(frozen=True)
class Write:
    """A write of document ``sequence`` by ``writer``: the numbers of the events of its request and of its ok, if any.
    The document that was there before all others is document 0 of writer 0.
    """

    writer: int
    sequence: int
    begun: float
    acknowledged: float = math.inf


@dataclass(frozen=True)
class History:
    """The writes of a log. ``exists``: a document was on the disk before them, else there was no target."""

    writes: tuple[Write, ...]
    exists: bool

    def begun(self, cut: int) -> list[Write]:
        """The writes requested before a cut, which is a number of events."""
        return [write for write in self.writes if write.begun < cut]

    def acknowledged(self, cut: int) -> list[Write]:
        """Those of them that were acknowledged before it."""
        return [write for write in self.writes if write.acknowledged < cut]

    def undone(self, found: tuple[int, int] | None, cut: int) -> list[Write] | None:
        """The acknowledged writes that a cut undid when it left this document (writer, sequence), or no target.

        They began after the write of that document had been acknowledged: of writes at the same time, any may be the
        last. None: no such document was requested before the cut.
        """
        if found is None or (found == (0, 0) and self.exists):
            return self.acknowledged(cut)
        for write in self.begun(cut):
            if (write.writer, write.sequence) == found:
                end = min(write.acknowledged, cut)
                return [later for later in self.acknowledged(cut) if later.begun > end]
        return None


def history_of(events: Sequence[Event], *, exists: bool) -> History:
    """The history that the marks of a log tell."""
    begun: dict[tuple[int, int], int] = {}
    acknowledged: dict[tuple[int, int], int] = {}
    for number, (word, identity) in _marks(events):
        (begun if word == BEGUN else acknowledged)[identity] = number
    writes = (Write(*identity, number, acknowledged.get(identity, math.inf)) for identity, number in begun.items())
    return History(tuple(writes), exists)


def _marks(events: Iterable[Event]) -> Iterable[tuple[int, tuple[str, tuple[int, int]]]]:
    for number, event in enumerate(events):
        words = event.text.split()
        if event.kind == "mark" and words[0] in (BEGUN, ACKNOWLEDGED):
            yield number, (words[0], (int(words[1]), int(words[2])))
