"""The tally of one folder's run: adds up what all processes report, and judges each round. No I/O here."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from conformance.oracle.payload import Identity
from stress.judge.history import OfReader, OfWriter, judge_target
from stress.judge.starvation import HOLD_SECONDS, Waits, kept_waiting, worked
from stress.record import clock
from stress.record.folder_record import Control, Finding, FolderRecord, Overlap, Sample, Shown, Totals
from stress.record.histogram import Histogram
from stress.record.reports import HELD, INDETERMINATE, READ_COLUMNS, WRITE_COLUMNS, Look, Seen, Temp, Written
from stress.record.scenario import Scenario
from stress.record.violations import ObservedViolation, ViolationKind

__all__ = ["Minimum", "Tally", "share_of_goal"]

_MOST_FINDINGS = 5  # of a kind, that are kept
_MOST_SAMPLES = 1000
_MOST_ACTIONS = 200
_KIT = "the kit"  # the reader that looks while all writers stand still

Table = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Minimum:
    """With less than this, the absence of violations means nothing."""

    reads: int = 1000
    acknowledged: int = 30
    distinct: int = 20
    changes: int = 20
    together: int = 10  # writes at the same time as another writer's

    def doubts(self, totals: Totals, overlap: Overlap, control: Control, scenario: Scenario) -> tuple[str, ...]:
        """What there was too little of, in words."""
        doubts = []
        if scenario.readers and not control.caught:
            doubts.append(
                f"the positive control was not caught: {control.reads:,} reads of an in-place writer on this folder "
                "showed nothing torn, so a torn document might be missed here"
            )
        counted = {"acknowledged": totals.acknowledged}
        if scenario.readers:
            counted |= {"reads": totals.reads, "distinct": totals.distinct, "changes": totals.changes}
        if scenario.writers > 1:
            counted["together"] = overlap.writers
        words = {
            "acknowledged": "acknowledged writes",
            "reads": "reads",
            "distinct": "distinct documents seen",
            "changes": "reads that saw a change",
            "together": "writes at the same time as another writer's",
        }
        for name, count in counted.items():
            if count < getattr(self, name):
                doubts.append(
                    f"{count:,} {words[name]}; at least {getattr(self, name):,} are needed: run it for longer"
                )
        if doubts and scenario.sharing is not None and not scenario.read_pause:
            doubts.append("readers that do not pause may leave no moment to replace what they read: give --read-pause")
        return tuple(doubts)


class Tally:
    """Adds up one folder's run. Times given to it are nanoseconds of `stress.record.clock`.

    ``origin`` is when the load started, 0 before that.
    """

    def __init__(self, scenario: Scenario, names: tuple[str, ...]) -> None:
        self.origin = 0
        self.totals = Totals()
        self.overlap = Overlap()
        self.staleness = Histogram()
        self.counts: Counter[str] = Counter()
        self._scenario = scenario
        self._names = names
        self._initial: list[Identity | None] = [None] * len(names)
        self._written: dict[int, list[Table]] = {}
        self._seen: list[tuple[str, bool, Table]] = []  # name, whether an implementation is judged, rows
        self._orphans_before: set[Temp] = set()
        self._orphans_after: set[Temp] = set()
        self._faults: list[tuple[int, int, int]] = []  # writer, begin, end
        self._findings: list[Finding] = []
        self._samples: list[Sample] = []
        self._reported: Counter[str] = Counter()  # violations that readers reported
        self._every = 1  # one of this many samples is kept
        self._sampled = 0
        self._write_latency, self._read_latency = Histogram(), Histogram()
        self._errors: Counter[str] = Counter()
        self._sizes: Counter[int] = Counter()
        self._actions: list[str] = []
        self._waits = Waits(scenario)
        self._full = ""  # in this round, in words
        self._was_full = ""

    @property
    def seconds(self) -> float:
        """Seconds since the load started; 0 before that."""
        return (clock.nanoseconds() - self.origin) / 1e9 if self.origin else 0.0

    # Input

    def room(self, full: str) -> None:
        """Say whether the folder is full (in words, else empty) when a round ends: then no refusal means anything."""
        self._full = full

    def written(self, writer: int, written: Written) -> None:
        """Add what a writer did."""
        rows = _table(written.rows, WRITE_COLUMNS)
        self._written.setdefault(writer, []).append(rows)
        outcome, taken = rows[:, 5], worked(rows)
        self._write_latency += Histogram.of(taken[outcome >= 0])
        self._sizes.update(
            {int(size): int(count) for size, count in zip(*np.unique(rows[:, 2], return_counts=True), strict=True)}
        )
        self._errors.update(written.errors)
        faulted = self._judge_refusals(writer, rows, written.violations)
        self._add(
            writes=len(rows),
            acknowledged=int((outcome == 1).sum()),
            refused=int(_is_refused(rows).sum()),
            held=int(kept_waiting(rows, self._scenario).sum()),
            indeterminate=int((outcome == -1).sum()),
            faulted=faulted,
            retries=written.retries,
            kills=written.deaths,
            restarts=written.restarts,
        )
        blocked = self._waits.add(writer, rows)
        if blocked is not None:
            self.note(blocked)
        # Two writers may find the same orphan.
        self._orphans_before |= written.orphans_before
        self._orphans_after |= written.orphans_after
        before, after = len(self._orphans_before), len(self._orphans_after)
        self.totals = dataclasses.replace(self.totals, orphans_before=before, orphans_after=after)
        for violation in written.violations:
            if violation.kind != "refused":
                self.note(violation)

    def seen(self, reader: str, seen: Seen, *, of_implementation: bool = False) -> None:
        """Add what a reader saw: the kit's own, or a reader implementation."""
        self._seen.append((reader, of_implementation, _table(seen.rows, READ_COLUMNS)))
        self._read_latency += Histogram.of(np.array(seen.latencies, dtype=np.int64))
        self._errors.update({f"read: {name}": count for name, count in seen.errors.items()})
        self._add(reads=seen.reads, changes=seen.changes)
        for violation in seen.violations:
            self.note(violation, 0)
        self.counts.update(seen.counts)
        self._reported.update(seen.counts)

    def looked(self, looks: Sequence[Look], leftover: Sequence[str]) -> None:
        """Add what the kit saw while all writers stood still, and judge the round, which is then forgotten.

        ``leftover`` are the files beside the targets; only killed writers may have left any.
        """
        for target, look in enumerate(looks):
            if look.violation is not None:
                self.note(look.violation)
            self._judge(target, look)
            self._initial[target] = look.identity
        if len(leftover) > self.totals.kills:
            names = ", ".join(leftover[:5])
            text = f"leak: {len(leftover)} files are beside the targets while no process writes: {names}"
            self.note(ObservedViolation("leak", looks[0].end, text))
        self._written.clear()
        self._seen.clear()
        self._faults.clear()
        self._add(rounds=1)

    def counted(self, wrong: Mapping[ViolationKind, int]) -> None:
        """Add the violations that readers counted as they saw them, by kind: they have not reported all of them."""
        why = "by readers that were killed before they reported" if self.totals.reader_kills else "after the last round"
        for kind, count in wrong.items():
            unreported = count - self._reported[kind]
            if unreported > 0:
                text = f"{kind}: {unreported:,} more such reads were made {why}"
                self.note(ObservedViolation(kind, clock.nanoseconds(), text), unreported)
                self._reported[kind] = count

    def ended(self, left: Sequence[str]) -> None:
        """Add the files beside the targets after all processes have ended; only killed writers may have left any."""
        self._add(left=len(left))
        if left and not self.totals.kills:
            text = f"leak: {len(left)} files are left beside the targets at the end: {', '.join(left[:5])}"
            self.note(ObservedViolation("leak", clock.nanoseconds(), text))

    def faulted(self, writer: int, begin: int, end: int) -> None:
        """A fault affected this writer from ``begin`` to ``end``: refusals in that time are expected."""
        self._faults.append((writer, begin, end))
        self._add(faults=1)

    def acted(self, action: str, **counts: int) -> None:
        """Add an action of chaos, in words."""
        if len(self._actions) < _MOST_ACTIONS:
            self._actions.append(action)
        self._add(**counts)

    def listed(self, temps: int) -> None:
        """Add a listing of the folder under load, with this many files beside the targets."""
        most = max(self.totals.most_temps, temps)
        self.totals = dataclasses.replace(self.totals, most_temps=most, looks=self.totals.looks + 1)

    def sampled(self, sample: Sample) -> None:
        """Keep a sample; every second one is dropped when there are too many."""
        if self._sampled % self._every == 0:
            self._samples.append(sample)
        self._sampled += 1
        if len(self._samples) > _MOST_SAMPLES:
            del self._samples[1::2]
            self._every *= 2

    def note(self, violation: ObservedViolation, count: int = 1, timeline: tuple[Shown, ...] = ()) -> None:
        """Count a violation, and keep it if it is one of the first of its kind."""
        self.counts[violation.kind] += count
        if sum(finding.kind == violation.kind for finding in self._findings) < _MOST_FINDINGS:
            seconds = (violation.time - self.origin) / 1e9
            self._findings.append(Finding(violation.kind, seconds, violation.text, violation.evidence, timeline))

    # Output

    def record(
        self,
        *,
        folder: str,
        file_system: str,
        control: Control,
        seconds: float,
        complete: bool,
    ) -> FolderRecord:
        """The record of everything that is known."""
        doubts = Minimum().doubts(self.totals, self.overlap, control, self._scenario)
        if self._was_full:
            doubts = (self._was_full, *doubts)
        return FolderRecord(
            folder=folder,
            file_system=file_system,
            scenario=self._scenario,
            seconds=seconds,
            complete=complete,
            totals=self.totals,
            overlap=self.overlap,
            control=control,
            counts={kind: count for kind, count in self.counts.items() if count},
            findings=tuple(sorted(self._findings, key=lambda finding: finding.seconds)),
            doubts=doubts if complete else ("the run was interrupted", *doubts),
            samples=tuple(self._samples),
            write_latency=self._write_latency,
            read_latency=self._read_latency,
            staleness=self.staleness,
            errors=dict(self._errors),
            sizes=dict(self._sizes),
            actions=tuple(self._actions),
            longest_wait=self._waits.longest,
        )

    # Judging

    def _judge_refusals(self, writer: int, rows: Table, violations: Sequence[ObservedViolation]) -> int:
        """Note each refused write that no fault and no full folder explains. Returns how many are explained."""
        wanted = _is_refused(rows) & ~kept_waiting(rows, self._scenario)
        refused, taken = rows[wanted], worked(rows)[wanted] / 1e9
        excused = np.full(len(refused), bool(self._full))
        if excused.any():
            self._was_full = self._full
        for of_writer, begin, end in self._faults:
            if of_writer == writer:
                excused |= (refused[:, 3] <= end) & (refused[:, 4] >= begin)
        examples = {violation.time: violation for violation in violations if violation.kind == "refused"}
        for row, seconds in zip(refused[~excused].tolist(), taken[~excused].tolist(), strict=True):
            example = examples.get(row[4], ObservedViolation("refused", row[4], "a write was refused"))
            if self._scenario.sharing is not None and row[5] == HELD:
                why = f"after {seconds:.3f} s; a writer must wait for a target that is held for {HOLD_SECONDS:g} s"
                example = dataclasses.replace(example, text=f"{example.text}, {why}")
            self.note(example)
        return int(excused.sum())

    def _judge(self, target: int, look: Look) -> None:
        writers = [
            OfWriter(writer, rows[:, 1], rows[:, 3], np.where(rows[:, 5] == 1, rows[:, 4], INDETERMINATE))
            for writer, tables in self._written.items()
            for rows in [_of_target(np.concatenate(tables), target)]
        ]
        by_kit, by_implementation = (
            [
                OfReader(name, *(rows[:, column] for column in range(1, 7)))
                for name, of_implementation, table in self._seen
                if of_implementation is wanted
                for rows in [_of_target(table, target)]
            ]
            for wanted in (False, True)
        )
        if look.identity is not None:
            values = [*look.identity, look.begin, look.end, look.begin, look.end]
            by_kit.append(OfReader(_KIT, *(np.array([value], dtype=np.int64) for value in values)))
        initial = self._initial[target]
        writers += self._others(writers, [*by_kit, *by_implementation])
        judged = judge_target(writers, by_kit, initial, self.origin)
        if judged.violation is not None:
            self.note(judged.violation, timeline=judged.timeline)
        elif by_implementation:
            # What the kit's own readers saw can be explained; if what all saw cannot, the reader under test is wrong.
            judged = judge_target(writers, [*by_kit, *by_implementation], initial, self.origin)
            if judged.violation is not None:
                misread = dataclasses.replace(judged.violation, kind="misread")
                self.note(misread, timeline=judged.timeline)
        self.staleness += judged.staleness
        self._add(distinct=judged.distinct)
        self.overlap = Overlap(
            self.overlap.writers + judged.writers_overlap, self.overlap.readers + judged.readers_overlap
        )

    def _others(self, writers: Sequence[OfWriter], readers: Sequence[OfReader]) -> list[OfWriter]:
        """Writes that are possible although no writer here made them: none, as on one machine all writers are known."""
        return []

    def _add(self, **counts: int) -> None:
        added = {name: getattr(self.totals, name) + count for name, count in counts.items()}
        self.totals = dataclasses.replace(self.totals, **added)


def _table(flat: Sequence[int], columns: tuple[str, ...]) -> Table:
    return np.array(flat, dtype=np.int64).reshape(-1, len(columns))


def _is_refused(rows: Table) -> npt.NDArray[np.bool_]:
    chosen: npt.NDArray[np.bool_] = (rows[:, 5] == 0) | (rows[:, 5] == HELD)
    return chosen


def _of_target(rows: Table, target: int) -> Table:
    chosen: Table = rows[rows[:, 0] == target]
    return chosen


def share_of_goal(scenario: Scenario, *, reads: int, writes: int, kills: int) -> float | None:
    """How much of the goal is reached (0 to 1), or None without a goal."""
    if scenario.goal is None:
        return None
    done: Mapping[str, int] = {"reads": reads, "writes": writes, "kills": kills}
    return min(1.0, done[scenario.goal.kind] / scenario.goal.count)
