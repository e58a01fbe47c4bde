"""One folder's record → result lines for clauses of the suite, and one sentence. No I/O here."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.contract.manifest import KnownFailure
from conformance.reporting.results import Result, counted
from conformance.reporting.verdict import apply_known_failures
from stress.record.folder_record import FolderRecord
from stress.record.scenario import Scenario
from stress.record.violations import VIOLATION_KINDS, ViolationKind

__all__ = ["case_name", "clauses_of", "results_of", "sentence"]

_OF_CLAUSE: dict[str, tuple[ViolationKind, ...]] = {
    "CON-01": ("torn", "mixed", "missing", "refused", "ended", "leak"),
    "CON-03": ("stale", "future", "unknown"),
    "CON-05": ("blocked",),
    "KIL-02": ("refused",),
    "KIL-04": ("torn", "mixed", "missing"),
    "RDR-14": ("misread",),
}
_ALWAYS: tuple[ViolationKind, ...] = ("torn", "mixed", "missing", "stale", "future")


def case_name(scenario: Scenario, file_system: str) -> str:
    """The name of a case, as the suite names its own: ``under_load:2x2:ext4``."""
    return f"under_load:{scenario.name}:{file_system}"


def clauses_of(scenario: Scenario, *, reads: bool) -> tuple[str, ...]:
    """The clauses that a run measures. ``reads`` says whether a reader implementation takes part."""
    of_kills = ("KIL-02", "KIL-03", "KIL-04") if "kill" in scenario.chaos else ()
    of_holders = () if scenario.sharing is None else ("CON-05",)
    return ("CON-01", "CON-03", *of_holders, *of_kills, *(("RDR-14",) if reads else ()))


def results_of(
    record: FolderRecord, repro: str, *, reads: bool, known: Sequence[KnownFailure], os: str
) -> list[Result]:
    """One result for each clause that this run measures. ``reads`` says whether a reader implementation took part.

    A violation fails its clauses whatever the doubts; without one, a run that saw too little is inconclusive.
    """
    clauses = clauses_of(record.scenario, reads=reads)
    return [apply_known_failures(_result(record, clause, repro), known, os) for clause in clauses]


def _result(record: FolderRecord, clause: str, repro: str) -> Result:
    case, seconds, message = case_name(record.scenario, record.file_system), round(record.seconds, 3), sentence(record)
    totals = record.totals
    counts = {
        "CON-01": {"reads": totals.reads, "writes": totals.writes, "positive controls": int(record.control.caught > 0)},
        "CON-03": {"writes": totals.writes, "distinct documents": totals.distinct},
        "CON-05": {"writes": totals.writes, "refused while the target was held": totals.held},
        "KIL-02": {"kills": totals.kills, "next writes": totals.restarts},
        "KIL-03": {"kills": totals.kills, "orphans": totals.orphans_before, "temps left": totals.left},
        "KIL-04": {"kills": totals.kills, "reads": totals.reads},
        "RDR-14": {"reads": totals.reads},
    }[clause]
    if clause == "KIL-03":
        return _orphans(record, case, repro, counts)
    kinds = [kind for kind in _OF_CLAUSE[clause] if record.counts.get(kind)]
    if kinds:
        findings = [finding for finding in record.findings if finding.kind in kinds]
        first = findings[0]
        evidence = {
            "examples": [{"found": finding.text, **finding.evidence} for finding in findings[:3]],
            "seconds to the first": round(first.seconds, 3),
            "doubts": list(record.doubts),
        }
        message = f"{message}; the first after {first.seconds:.3f} s: {first.text}"
        return Result(clause, case, "fail", message, evidence, repro, seconds, counts=counts)
    if clause == "CON-05" and not record.scenario.measures_progress:
        message = "readers that do not pause may leave a writer no moment to replace what they read: give --read-pause"
        return Result(clause, case, "unmeasured", message, {}, repro, seconds, counts=counts)
    doubts = record.doubts
    if clause.startswith("KIL") and not totals.kills:
        doubts = (*doubts, "no kill hit anything: run it for longer")
    if clause == "KIL-02":
        again = totals.kills - totals.restarts
        message += f"; the next write succeeded {totals.restarts:,} times, {again:,} times another kill came first"
    if doubts:
        message = f"{message}; {'; '.join(doubts)}"
        return Result(clause, case, "unmeasured", message, {}, repro, seconds, inconclusive=True, counts=counts)
    return Result(clause, case, "pass", message, {}, repro, seconds, counts=counts)


def _orphans(record: FolderRecord, case: str, repro: str, counts: dict[str, int]) -> Result:
    """What kills left behind, which is counted, as in a run of the suite, and no failure: nothing is required."""
    totals = record.totals
    message = (
        f"{totals.orphans_before:,} temps were left by {totals.kills:,} kills; {totals.orphans_after:,} of them were "
        f"still there after the next write of each target, {totals.left:,} at the end"
    )
    if not totals.kills:
        return Result(
            "KIL-03", case, "unmeasured", "no kill hit anything", {}, repro, round(record.seconds, 3), inconclusive=True
        )
    return Result("KIL-03", case, "pass", message, {}, repro, round(record.seconds, 3), counts=counts)


def sentence(record: FolderRecord) -> str:
    """What was done, the violations among how many operations, and how certain that is, in one line."""
    scenario, totals, counts = record.scenario, record.totals, record.counts
    done = (
        f"{totals.acknowledged:,} of {totals.writes:,} writes acknowledged ({_many(scenario.writers, 'writer')}), "
        f"{totals.reads:,} reads ({_many(scenario.readers, 'reader')}) of {totals.distinct:,} documents "
        f"in {record.seconds:.1f} s"
    )
    parts = [f"{done}: {', '.join(f'{counts.get(kind, 0):,} {kind}' for kind in _ALWAYS)}"]
    others = [f"{counts[kind]:,} {kind}" for kind in VIOLATION_KINDS if kind not in _ALWAYS and counts.get(kind)]
    if others:
        parts.append(", ".join(others))
    if not any(counts.get(kind) for kind in _OF_CLAUSE["CON-03"]):
        of_what = "what was whole is " if counts.get("torn") or counts.get("mixed") else ""
        machines = record.machines
        how_far = f" as far as {len(machines.names)} machines without a common clock can show," if machines else ""
        parts.append(f"{of_what}linearizable{how_far} in {totals.rounds:,} rounds")
    if record.machines is not None and record.machines.settled is not None:
        parts.append(f"all machines read the same last document after {record.machines.settled:.1f} s")
    if record.bound is not None and not counts.get("torn"):
        parts.append(f"torn reads are fewer than 1 in {totals.reads // 3:,} (95 %)")
    if record.control.seconds is not None:
        parts.append(f"positive control caught after {record.control.seconds * 1000:.0f} ms")
    if scenario.sharing is not None:
        parts.append(_holding(record))
    disturbed = {
        "kills": totals.kills,
        "kills of readers": totals.reader_kills,
        "pauses": totals.pauses,
        "faults": totals.faults,
        "writes that failed because of a fault": totals.faulted,
    }
    if any(disturbed.values()):
        parts.append(", ".join(f"{count:,} {name}" for name, count in disturbed.items() if count))
    parts.append(f"at most {counted(totals.most_temps, 'temps')}, {totals.left} left")
    return "; ".join(parts)


def _holding(record: FolderRecord) -> str:
    """How often readers kept writers waiting on Windows, and the system's errors."""
    errors = [f"{count:,} {name}" for name, count in sorted(record.errors.items())]
    return (
        f"{record.totals.held:,} writes refused while the target was held, the longest time without a successful "
        f"write was {record.longest_wait:.1f} s; errors: {', '.join(errors) or 'none'}"
    )


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
