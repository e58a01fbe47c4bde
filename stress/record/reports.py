"""What the processes of a run report and the judges read: writes, reads, and what the targets hold between rounds.

Data only, and quick to import: no I/O and no NumPy, because every writer and reader process imports it.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from conformance.oracle.payload import Identity
from stress.record.violations import ObservedViolation, ViolationKind

__all__ = [
    "HELD",
    "INDETERMINATE",
    "NO_DOCUMENT",
    "READ_COLUMNS",
    "WRITE_COLUMNS",
    "Look",
    "ReadSpan",
    "Seen",
    "Temp",
    "Written",
]

WRITE_COLUMNS = ("target", "sequence", "size", "begin", "end", "outcome")
"""Of each write; begin and end in nanoseconds, outcome 1 for acknowledged, 0 for refused, `HELD` for refused with
an error that Windows gives when another process has the file open, -1 for never answered."""
HELD = 2
INDETERMINATE = 2**63 - 1
"""The end of a write that was never answered; the same number as in `conformance.oracle.linearizability`."""

READ_COLUMNS = ("target", "writer", "sequence", "first_begin", "first_end", "last_begin", "last_end")
"""Of consecutive reads of one document: which target, which document, and the first and last read in nanoseconds."""
NO_DOCUMENT: Identity = (-1, -1)
"""The identity of what is not a document."""

_MOST_VIOLATIONS = 20  # of a kind, that are kept with their evidence
_INT64_MAX = 2**63 - 1

Temp = tuple[str, int]
"""Name and inode."""


@dataclass
class Written:
    """What a writer did since the last report: rows of `WRITE_COLUMNS`, errors of refused writes by name, deaths by
    chaos.

    ``restarts`` counts the writes that worked as the first one after a death. ``orphans_before`` are the temps that a
    dead writer left, ``orphans_after`` those of them that were still there after the next write of the same target.
    """

    rows: array[int] = field(default_factory=lambda: array("q"))
    errors: dict[str, int] = field(default_factory=dict)
    violations: list[ObservedViolation] = field(default_factory=list)
    deaths: int = 0
    restarts: int = 0
    orphans_before: set[Temp] = field(default_factory=set)
    orphans_after: set[Temp] = field(default_factory=set)
    retries: int = 0
    counted: int = 0  # refusals that the shared counter has already


@dataclass
class Seen:
    """What a reader saw since the last report: rows of `READ_COLUMNS`, violations by kind, the first of them, samples
    of how long a read took (nanoseconds), and how many reads failed, by error.
    """

    rows: array[int] = field(default_factory=lambda: array("q"))
    counts: dict[ViolationKind, int] = field(default_factory=dict)
    violations: list[ObservedViolation] = field(default_factory=list)
    latencies: array[int] = field(default_factory=lambda: array("q"))
    errors: dict[str, int] = field(default_factory=dict)
    reads: int = 0
    changes: int = 0
    counted: tuple[int, int] = (0, 0)  # reads and changes that the shared counters have already
    counted_of: dict[ViolationKind, int] = field(default_factory=dict)  # violations that they have already

    def refused(self, error: str) -> None:
        """Count a read that failed, by the name of its error."""
        self.errors[error] = self.errors.get(error, 0) + 1

    def note(self, violation: ObservedViolation) -> None:
        """Count a violation, and keep it with its evidence if it is one of the first."""
        self.counts[violation.kind] = self.counts.get(violation.kind, 0) + 1
        if self.counts[violation.kind] <= _MOST_VIOLATIONS:
            self.violations.append(violation)


class ReadSpan:
    """Consecutive reads of one document of one target: the first and the last of them (nanoseconds)."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.identity = NO_DOCUMENT
        self.times = (0, 0, 0, 0)  # first begin, first end, last begin, last end

    def extend(self, identity: Identity, begin: int, end: int) -> None:
        """Add one read: of the same document, or of a different one after `finish`."""
        first = (begin, end) if identity != self.identity else self.times[:2]
        self.identity = identity
        self.times = (*first, begin, end)

    def finish(self, rows: array[int]) -> None:
        """Append the span to ``rows``. The next read starts a new one, even if it reads the same document."""
        if self.identity != NO_DOCUMENT and max(self.identity) <= _INT64_MAX:
            rows.extend((self.target, *self.identity, *self.times))
        self.identity = NO_DOCUMENT


@dataclass(frozen=True)
class Look:
    """One read of a target by the kit while all writers stand still; times in nanoseconds."""

    identity: Identity | None
    begin: int
    end: int
    violation: ObservedViolation | None
