"""What a run of the harness observed in one folder, as data: for verdict, live view, report and other machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stress.record.histogram import Histogram
from stress.record.scenario import Scenario
from stress.record.violations import ViolationKind

__all__ = ["Control", "Finding", "FolderRecord", "Machines", "Overlap", "Sample", "Shown", "Totals"]


@dataclass(frozen=True)
class Shown:
    """One operation around the time of a violation. ``begin`` and ``end`` in seconds since the load started.

    ``process`` is a name such as ``writer 1`` or ``reader 2``; ``what`` is ``write`` or ``read``; ``value`` is (writer,
    sequence); ``end`` is None for a write that was never answered; ``guilty`` marks those that contradict each other.
    """

    process: str
    what: str
    value: tuple[int, int]
    begin: float
    end: float | None
    guilty: bool = False


@dataclass(frozen=True)
class Finding:
    """One violation. ``seconds`` since the load started; ``timeline`` has the operations around it, for those
    that the history shows."""

    kind: ViolationKind
    seconds: float
    text: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    timeline: tuple[Shown, ...] = ()


@dataclass(frozen=True)
class Totals:
    """Counts of the whole run. ``changes``: reads that saw a different document from the read before; ``distinct``:
    documents that at least one reader saw; ``refused``: writes answered with an error; ``retries``: those that the
    implementation reports in its answers.

    ``kills``, ``reader_kills``, ``pauses`` and ``faults`` are what chaos did, each proven to have hit; ``faulted`` are
    the writes that failed because of a fault. ``restarts``: writes that succeeded as the first one after a kill.
    """

    reads: int = 0
    changes: int = 0
    distinct: int = 0
    writes: int = 0
    acknowledged: int = 0
    refused: int = 0
    indeterminate: int = 0
    retries: int = 0
    rounds: int = 0
    kills: int = 0
    restarts: int = 0
    reader_kills: int = 0
    pauses: int = 0
    faults: int = 0
    faulted: int = 0
    held: int = 0  # of the refused writes, those on Windows that another process's open file explains
    orphans_before: int = 0  # temps of killed writers, counted after each kill
    orphans_after: int = 0  # those of them still there after the next write
    left: int = 0  # files beside the targets at the very end
    most_temps: int = 0  # files beside the targets at one time
    looks: int = 0  # times that the folder was listed


@dataclass(frozen=True)
class Overlap:
    """Proof that operations overlapped: writes that ran at the same time as another writer's write of the same target,
    and at the same time as a change that a reader saw."""

    writers: int = 0
    readers: int = 0


@dataclass(frozen=True)
class Control:
    """The positive control: an in-place writer on this folder, read by these very readers.

    ``caught`` torn or missing documents in ``reads`` reads, the first one after ``seconds`` (None: never).
    """

    caught: int
    reads: int
    seconds: float | None


@dataclass(frozen=True)
class Machines:
    """The machines of a run on several: their names, and how long after the last write (seconds) all of them read the
    same last document: None for never, or for a run that was interrupted."""

    names: tuple[str, ...]
    settled: float | None


@dataclass(frozen=True)
class Sample:
    """Totals at one moment of the run, ``seconds`` after the load started, for plots over time."""

    seconds: float
    reads: int
    changes: int
    writes: int
    refused: int
    wrong: int
    temps: int  # at this moment


@dataclass(frozen=True)
class FolderRecord:
    """Everything that is known about one folder's run. ``folder`` is as the user gave it.

    ``counts`` has the number of violations of each kind (the history shows at most one for each target and round),
    ``findings`` the first ones of each. ``doubts`` say why the absence of violations would mean nothing; with doubts
    and without violations the run is inconclusive.
    Latencies are of answered writes and of a sample of reads; ``staleness`` is the time from the start of a write to
    the first read that saw it, for each document and reader.
    """

    folder: str
    file_system: str
    scenario: Scenario
    seconds: float
    complete: bool
    totals: Totals
    overlap: Overlap
    control: Control
    counts: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    doubts: tuple[str, ...] = ()
    samples: tuple[Sample, ...] = ()
    write_latency: Histogram = field(default_factory=Histogram)
    read_latency: Histogram = field(default_factory=Histogram)
    staleness: Histogram = field(default_factory=Histogram)
    errors: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[int, int] = field(default_factory=dict)  # bytes of a document → number of writes of that size
    actions: tuple[str, ...] = ()  # of chaos, as they were carried out; the first ones
    longest_wait: float = 0.0  # seconds that a writer was without an acknowledged write; measured on Windows only
    machines: Machines | None = None  # None for one machine, with one clock

    @property
    def wrong(self) -> int:
        """How many violations there were."""
        return sum(self.counts.values())

    @property
    def bound(self) -> float | None:
        """Without a torn read among N: 95 % sure that fewer than 3/N of the reads are torn (rule of three)."""
        return 3 / self.totals.reads if self.totals.reads else None
