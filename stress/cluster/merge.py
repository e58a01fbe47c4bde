"""Several machines' tallies of one folder → one record: what can be compared without a common clock. No I/O here.

Each machine has judged its own readers (`stress.cluster.tally`). The rest is what only all of them together know: which
documents were ever begun, and what is there at the end, when all writers on all machines stand still.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.oracle.payload import Identity
from stress.cluster.tally import Key, Marks
from stress.record.folder_record import Control, Finding, FolderRecord, Machines, Overlap, Sample, Totals
from stress.record.histogram import Histogram
from stress.record.scenario import Scenario
from stress.record.violations import ViolationKind

__all__ = [
    "LEAST_OF_OTHERS",
    "Ending",
    "LastRead",
    "OfMachine",
    "judge_ending",
    "judge_future",
    "merge",
    "named_systems",
    "scenario_of_all",
]

LEAST_OF_OTHERS = 20  # documents of each other machine that a machine must have seen
_MOST_FINDINGS = 5  # of a kind, that are kept; each machine has kept as many


@dataclass(frozen=True)
class OfMachine:
    """What one machine hands over: its name, its record, its marks, and the patterns of files that are kept."""

    name: str
    record: FolderRecord
    marks: Marks
    keeps: tuple[str, ...] = ()


@dataclass(frozen=True)
class LastRead:
    """What a machine read at a target when the writers on all machines had ended: a document, or what was wrong."""

    machine: str
    target: int
    identity: Identity | None
    kind: ViolationKind = "missing"
    text: str = ""


@dataclass(frozen=True)
class Ending:
    """The end of a run: when all writers had ended, each machine read each target until nothing was wrong.

    That took ``waited`` seconds. ``reads`` are the last ones, ``left`` the files beside the targets.
    """

    reads: tuple[LastRead, ...] = ()
    left: tuple[str, ...] = ()
    waited: float = 0.0


@dataclass(frozen=True)
class _Known:
    """The highest sequence numbers of all writers of all machines."""

    begun: Mapping[Key, int]
    acknowledged: Mapping[Key, int]
    writers: frozenset[int] = field(default_factory=frozenset)


def _known(marks: Sequence[Marks]) -> _Known:
    # Each writer belongs to one machine, so no key occurs twice.
    begun = {key: sequence for one in marks for key, sequence in one.begun.items()}
    acknowledged = {key: sequence for one in marks for key, sequence in one.acknowledged.items()}
    return _Known(begun, acknowledged, frozenset(writer for _, writer in begun))


def judge_future(machines: Sequence[OfMachine]) -> list[Finding]:
    """Documents that were read, and that their writers had not begun by the end of the whole run: ``future``, or
    ``unknown`` when there is no such writer. One finding for each machine, target and writer.

    A machine has judged the documents of its own writers itself, and earlier. The marks must be those of the whole run:
    a machine that was interrupted no longer knows what its writers had begun.
    """
    known = _known([one.marks for one in machines])
    findings = []
    for machine in machines:
        own = {writer for _, writer in machine.marks.begun}
        for (target, writer), seen in machine.marks.seen.items():
            if writer in own or seen.sequence <= known.begun.get((target, writer), 0):
                continue
            text = f"machine {machine.name}: {seen.reader} read w{writer} s{seen.sequence}"
            if writer in known.writers:
                reached = known.begun.get((target, writer), 0)
                text = f"future: {text}, and its writer had begun no more than s{reached} of this target at the end"
                findings.append(Finding("future", seen.seconds, text))
            else:
                findings.append(Finding("unknown", seen.seconds, f"unknown: {text}, and no machine has such a writer"))
    return findings


def judge_ending(reads: Sequence[LastRead], marks: Sequence[Marks], seconds: float) -> list[Finding]:
    """What is wrong with what the machines read when all writers had ended, ``seconds`` after the load started.

    All machines must read one document, not older than the last one that its writer had acknowledged. Which of several
    writers was the last one is not known.
    """
    known = _known(marks)
    findings = []
    for read in reads:
        if read.identity is None:
            findings.append(Finding(read.kind, seconds, f"machine {read.machine}: {read.text}, on any machine"))
            continue
        writer, sequence = read.identity
        key = read.target, writer
        document = f"machine {read.machine} read w{writer} s{sequence} when all writers had ended"
        last = known.acknowledged.get(key, 0)
        if writer not in known.writers:
            findings.append(Finding("unknown", seconds, f"unknown: {document}, and no machine has such a writer"))
        elif sequence > known.begun.get(key, 0):
            findings.append(Finding("future", seconds, f"future: {document}, and its writer had not begun it"))
        elif sequence < last:
            text = f"stale: {document}, and its writer had s{last} acknowledged"
            findings.append(Finding("stale", seconds, text))
    if findings:
        return findings
    for target in sorted({read.target for read in reads}):
        of_target = [read for read in reads if read.target == target]
        if len({read.identity for read in of_target}) > 1:
            documents = [f"machine {r.machine}: w{r.identity[0]} s{r.identity[1]}" for r in of_target if r.identity]
            text = f"stale: the machines read different documents when all writers had ended: {', '.join(documents)}"
            findings.append(Finding("stale", seconds, text))
    return findings


def merge(folder: str, scenario: Scenario, machines: Sequence[OfMachine], ending: Ending | None) -> FolderRecord:
    """One record of all machines' runs. ``ending`` is None for a run that was interrupted."""
    records = [one.record for one in machines]
    marks = [one.marks for one in machines]
    complete = ending is not None and all(record.complete for record in records)
    seconds = max(record.seconds for record in records)
    totals = _totals(records, ending or Ending())
    new: list[Finding] = []
    at_end: list[Finding] = []
    if complete and ending is not None:
        at_end = judge_ending(ending.reads, marks, seconds)
        new = [*judge_future(machines), *at_end]
        if ending.left:
            names = ", ".join(ending.left[:5])
            text = f"leak: {len(ending.left)} files are left beside the targets at the end: {names}"
            new.append(Finding("leak", seconds, text))
    counts: Counter[str] = Counter(finding.kind for finding in new)
    for record in records:
        counts.update(record.counts)
    return FolderRecord(
        folder=folder,
        file_system=named_systems([record.file_system for record in records]),
        scenario=scenario_of_all(scenario, len(records)),
        seconds=seconds,
        complete=complete,
        totals=totals,
        overlap=Overlap(
            sum(record.overlap.writers for record in records), sum(record.overlap.readers for record in records)
        ),
        control=_control(records),
        counts=dict(counts),
        findings=_findings(machines, new),
        doubts=_doubts(machines),
        samples=_samples(records),
        write_latency=sum((record.write_latency for record in records), Histogram()),
        read_latency=sum((record.read_latency for record in records), Histogram()),
        staleness=sum((record.staleness for record in records), Histogram()),
        errors=_sum_of([record.errors for record in records]),
        sizes=_sum_of([record.sizes for record in records]),
        machines=Machines(
            tuple(one.name for one in machines), ending.waited if complete and ending and not at_end else None
        ),
    )


def scenario_of_all(scenario: Scenario, machines: int) -> Scenario:
    """What this many machines do together when each of them does this."""
    return dataclasses.replace(scenario, writers=scenario.writers * machines, readers=scenario.readers * machines)


def named_systems(names: Sequence[str]) -> str:
    """``ext4 on 2 machines``, or ``ext4 and fuse.sshfs on 2 machines``."""
    return f"{' and '.join(sorted(set(names)))} on {len(names)} machines"


def _totals(records: Sequence[FolderRecord], ending: Ending) -> Totals:
    """Sums, except for maxima. ``distinct`` are documents of a machine's own writers, so none counts twice."""
    sums = {one.name: sum(getattr(r.totals, one.name) for r in records) for one in dataclasses.fields(Totals)}
    sums |= {"most_temps": max(record.totals.most_temps for record in records), "left": len(ending.left)}
    return Totals(**sums)


def _control(records: Sequence[FolderRecord]) -> Control:
    """The weakest: a control that one machine did not catch was not caught."""
    controls = [record.control for record in records]
    moments = [control.seconds for control in controls if control.seconds is not None]
    everywhere = len(moments) == len(controls)
    return Control(
        sum(control.caught for control in controls) if everywhere else 0,
        sum(control.reads for control in controls),
        max(moments) if everywhere else None,
    )


def _findings(machines: Sequence[OfMachine], new: Sequence[Finding]) -> tuple[Finding, ...]:
    """The first ones of each kind, each with the machine that found it."""
    found = [
        dataclasses.replace(
            finding,
            text=f"machine {machine.name}: {finding.text}",
            timeline=tuple(
                dataclasses.replace(one, process=f"machine {machine.name} {one.process}") for one in finding.timeline
            ),
        )
        for machine in machines
        for finding in machine.record.findings
    ]
    kept: list[Finding] = []
    for finding in sorted([*found, *new], key=lambda one: one.seconds):
        if sum(one.kind == finding.kind for one in kept) < _MOST_FINDINGS:
            kept.append(finding)
    return tuple(kept)


def _doubts(machines: Sequence[OfMachine]) -> tuple[str, ...]:
    doubts = [f"machine {machine.name}: {doubt}" for machine in machines for doubt in machine.record.doubts]
    for machine in machines:
        for other in machines:
            of_other = {writer for _, writer in other.marks.begun}
            seen = sum(machine.marks.distinct.get(writer, 0) for writer in of_other)
            if other is not machine and seen < LEAST_OF_OTHERS:
                doubts.append(
                    f"machine {machine.name} saw {seen:,} documents of machine {other.name}; at least "
                    f"{LEAST_OF_OTHERS:,} are needed: run it for longer"
                )
    return tuple(doubts)


def _samples(records: Sequence[FolderRecord]) -> tuple[Sample, ...]:
    """The machines' samples added up, for the plots over time: all loads started at about the same time."""
    longest = max(records, key=lambda record: len(record.samples))
    places = [0] * len(records)
    merged = []
    for sample in longest.samples:
        for number, record in enumerate(records):
            while places[number] < len(record.samples) and record.samples[places[number]].seconds <= sample.seconds:
                places[number] += 1
        latest = [record.samples[place - 1] for record, place in zip(records, places, strict=True) if place]
        names = ("reads", "changes", "writes", "refused", "wrong")
        sums = {name: sum(getattr(one, name) for one in latest) for name in names}
        # There is one folder: its files are not counted twice.
        merged.append(Sample(seconds=sample.seconds, **sums, temps=max(one.temps for one in latest)))
    return tuple(merged)


def _sum_of(counts: Sequence[Mapping[Any, int]]) -> dict[Any, int]:
    total: Counter[Any] = Counter()
    for one in counts:
        total.update(one)
    return dict(total)
