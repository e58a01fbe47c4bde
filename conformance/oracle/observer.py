"""Observes a target while it is being written: what was written when, and what was read when (clauses CON)."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from conformance.contract.errors import Inconclusive, Violation
from conformance.oracle.history import Read, Write, find_contradiction
from conformance.oracle.payload import Identity, identify
from conformance.system.file_kinds import NotAFile
from conformance.system.share_modes import PAUSE_SECONDS, read_shared

__all__ = ["MOST_HELD", "Observation", "observing"]

ENOUGH_READS = 50
ENOUGH_DISTINCT = 5  # documents
MOST_HELD = 64 << 20
"""Bytes of distinct documents that are kept to be judged later."""
_WORST_FIRST = ("torn", "mixed", "altered", "missing")


@dataclass
class DocumentReads:
    """The reads of one document: how many, and the times (begin, end) of the first and the last of each row of them.

    What lies between two reads of the same document contradicts nothing that these two do not. So a writer that takes
    minutes fills no memory with reads of what it left unchanged.
    """

    count: int = 0
    times: list[tuple[int, int]] = field(default_factory=list)
    _row: int = 0  # reads in the last row

    def add(self, begin: int, end: int, *, again: bool) -> None:
        """Add a read; ``again``: the read before it was of the same document."""
        self.count += 1
        self._row = self._row + 1 if again else 1
        if self._row > 2:
            self.times[-1] = begin, end
        else:
            self.times.append((begin, end))


@dataclass
class Observation:
    """Everything that was seen of one target. Times are nanoseconds of the monotonic clock.

    ``seen`` maps the bytes of each distinct document to its reads. They are judged after the observation, so that
    during it the reader does nothing but read; ``reads`` is empty until then.
    """

    writes: list[Write] = field(default_factory=list)
    seen: dict[bytes, DocumentReads] = field(default_factory=dict)
    reads: list[Read] = field(default_factory=list)
    violations: dict[str, Violation] = field(default_factory=dict)  # the first of each kind
    counts: dict[str, int] = field(default_factory=dict)  # reads of each kind of violation
    refused: list[str] = field(default_factory=list)  # writes that had to succeed and did not, in words
    crash: BaseException | None = None
    read_count: int = 0
    held: int = 0  # bytes of the documents in ``seen``
    _latest: DocumentReads | None = None  # of the document that was read last

    def timed_write(self, identity: Identity, action: Callable[[], bool]) -> None:
        """Run a write and record its times; ``action`` returns whether it was acknowledged."""
        begin = time.perf_counter_ns()
        acknowledged = action()
        end = time.perf_counter_ns()
        self.writes.append(Write(identity, begin, end) if acknowledged else Write(identity, begin))

    def note(self, violation: Violation, times: int = 1) -> None:
        """Count a violation that so many reads saw, by its kind: the first word of its message."""
        kind = str(violation).partition(":")[0]
        self.violations.setdefault(kind, violation)
        self.counts[kind] = self.counts.get(kind, 0) + times

    def require_whole(self) -> None:
        """Raise Violation when a read found anything wrong, or a write was refused: the worst first, all counted."""
        if self.crash is not None:
            raise self.crash
        kinds = sorted(self.violations, key=_WORST_FIRST.index)
        said = [f"{self.counts[kind]:,} {kind}" for kind in kinds]
        if self.refused:
            said.append(f"{len(self.refused):,} of {len(self.writes) - 1:,} writes refused, first: {self.refused[0]}")
        if kinds:
            worst = self.violations[kinds[0]]
            raise Violation(f"{worst} (in {self.read_count:,} reads: {'; '.join(said)})", **worst.evidence)
        if said:
            raise Violation(f"{said[0]} ({self.read_count:,} reads of whole documents)")

    def require_linearizable(self) -> None:
        """Raise Violation when the reads contradict the writes."""
        contradiction = find_contradiction(self.writes, self.reads)
        if contradiction is not None:
            raise Violation(
                f"{contradiction.kind}: {contradiction.text} "
                f"({len(self.writes)} writes, {self.read_count} reads; values are (writer, sequence))"
            )

    def enough(self) -> bool:
        """Whether enough was seen for the absence of violations to mean anything."""
        return self.read_count >= ENOUGH_READS and len(self.seen) >= ENOUGH_DISTINCT

    def require_enough(self) -> None:
        """Raise Inconclusive when too little was seen."""
        if not self.enough():
            raise Inconclusive(
                f"saw {self.read_count} reads of {len(self.seen)} distinct documents; at least {ENOUGH_READS} reads "
                f"and {ENOUGH_DISTINCT} documents are needed: run it again on a less busy machine"
            )

    def judge(self) -> None:
        """Sort what was seen into reads of whole documents and violations (torn, mixed or altered)."""
        for data, reads in self.seen.items():
            self.judge_one(data, reads)

    def judge_one(self, data: bytes, reads: DocumentReads) -> None:
        """Sort the reads of one document."""
        try:
            identity = identify(data)
        except Violation as violation:
            self.note(violation, reads.count)
        else:
            self.reads += [Read(identity, begin, end) for begin, end in reads.times]

    def keep(self, data: bytes, begin: int, end: int) -> None:
        """Keep a read for `judge`; where the documents kept would take too much memory, judge it at once."""
        reads = self.seen.get(data)
        if reads is None:
            reads = DocumentReads()
            if self.held + len(data) <= MOST_HELD:
                self.held += len(data)
                self.seen[data] = reads
        reads.add(begin, end, again=self._latest is reads)
        self._latest = reads
        if data not in self.seen:
            self.judge_one(data, reads)


@contextmanager
def observing(target: Path, initial: Identity, pause: float = PAUSE_SECONDS) -> Iterator[Observation]:
    """Read the target in a loop, in a thread, from now to the end of the block, with a pause (seconds) between reads.

    The target holds the document ``initial``, which counts as written before everything else.
    """
    observation = Observation(writes=[Write(initial, -math.inf, -math.inf)])
    finished = threading.Event()
    thread = threading.Thread(target=_observe, args=(target, observation, finished, pause))
    thread.start()
    try:
        yield observation
    finally:
        finished.set()
        thread.join()
        observation.judge()


def _observe(target: Path, observation: Observation, finished: threading.Event, pause: float) -> None:
    path = str(target)
    try:
        while not finished.is_set():
            begin = time.perf_counter_ns()
            try:
                data = read_shared(path)
            except FileNotFoundError:
                observation.read_count += 1
                observation.note(Violation("missing: a reader found no file at the target"))
                finished.wait(pause)
                continue
            except NotAFile as error:
                observation.read_count += 1
                observation.note(Violation(f"missing: {error.strerror}"))
                finished.wait(pause)
                continue
            except PermissionError:
                if sys.platform != "win32":  # there a replace is under way: no observation, and no violation
                    observation.read_count += 1
                    observation.note(Violation("missing: a reader may not open the target"))
                finished.wait(pause)
                continue
            end = time.perf_counter_ns()
            observation.read_count += 1
            observation.keep(data, begin, end)
            if pause:
                finished.wait(pause)
    except BaseException as error:  # handed to the test, which raises it
        observation.crash = error
