"""Results: one JSON line each in results.jsonl, and the verdict that follows from them (SPEC.md, "Results")."""

from __future__ import annotations

import dataclasses
import json
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import IO, Any, Literal

import psutil

from conformance.clauses import Clause
from conformance.subject.manifest import KnownFailure, Manifest, operating_system, under_wine

__all__ = [
    "OUTCOMES",
    "Exit",
    "Header",
    "Outcome",
    "Result",
    "ResultsFile",
    "Verdict",
    "apply_known_failures",
    "clause_outcome",
    "decide",
    "read_results",
    "reasons_beside",
]

Outcome = Literal["pass", "fail", "error", "unmeasured", "n/a", "xfail", "xpass"]
OUTCOMES: tuple[Outcome, ...] = ("pass", "fail", "error", "xfail", "xpass", "unmeasured", "n/a")


class Exit(IntEnum):
    """Exit codes: part of the interface."""

    CONFORMANT = 0
    NOT_CONFORMANT = 1
    USAGE = 2
    NOT_STARTED = 3
    INCONCLUSIVE = 4
    INTERRUPTED = 130


@dataclass(frozen=True)
class Header:
    """The first line of a results file: what was judged, by what, where."""

    kit: str
    implementation: Mapping[str, Any]
    platform: Mapping[str, str]
    file_system: str
    python: str
    seed: int
    selection: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Result:
    """One case of one clause. ``blame`` of an ``error`` says whose it is: the implementation's or the kit's.

    ``inconclusive`` marks an ``unmeasured`` case that could have been measured but saw too little. ``counts`` says what
    was enumerated, such as ``{"faults": 98, "operations": 10}``.
    """

    clause: str
    case: str
    outcome: Outcome
    message: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    repro: str = ""
    seconds: float = 0.0
    blame: Literal["", "implementation", "kit"] = ""
    inconclusive: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What a whole run means."""

    exit: Exit
    reasons: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]  # clause → outcome → number of cases
    total: int  # cases

    @property
    def word(self) -> str:
        """The verdict in words; a failure that is written down is still a failure, and is not passed over."""
        known = sum(of_clause.get("xfail", 0) for of_clause in self.counts.values())
        word = self.exit.name.lower().replace("_", " ")
        if self.exit == Exit.CONFORMANT and known:
            return f"{word} but for {known} known {'failure' if known == 1 else 'failures'}"
        return word


def describe_implementation(manifest: Manifest, about: Mapping[str, Any]) -> dict[str, Any]:
    """The header's entry for the implementation; ``about`` is its answer to the handshake."""
    return {
        "name": manifest.name,
        "version": str(about.get("version", "")),
        "language": manifest.language,
        "profile": manifest.profile,
        "roles": list(manifest.roles),
        "mode": manifest.mode,
    }


def describe_platform() -> dict[str, str]:
    """The header's entry for the machine's kind (never its name)."""
    system = f"{operating_system()} (wine)" if under_wine() else operating_system()
    return {"system": system, "release": platform.release(), "machine": platform.machine()}


def file_system_of(folder: Path) -> str:
    """The type of the file system that holds a folder, such as ``ext4``; ``unknown`` when the system does not say.

    Wine calls every file system NTFS, which says nothing.
    """
    if under_wine():
        return "unknown"
    mounts = sorted(psutil.disk_partitions(all=True), key=lambda mount: len(mount.mountpoint))
    resolved = folder.resolve()
    holding = [mount for mount in mounts if resolved.is_relative_to(mount.mountpoint)]
    return holding[-1].fstype if holding else "unknown"


def apply_known_failures(result: Result, known: Iterable[KnownFailure], os: str) -> Result:
    """Turn a failure that is written down into ``xfail``, and an unexpected pass into ``xpass``."""
    for entry in known:
        if entry.matches(result.clause, result.case, os):
            if result.outcome in ("fail", "error") and result.blame != "kit":
                note = f"known failure: {entry.reason} ({entry.issue}); seen: {result.message}"
                return dataclasses.replace(result, outcome="xfail", message=note)
            if result.outcome == "pass":
                note = f"passes, but is written down as a known failure: {entry.reason}; remove the entry"
                return dataclasses.replace(result, outcome="xpass", message=note)
    return result


def clause_outcome(counts: Mapping[str, int]) -> Outcome:
    """The one word for a clause: the worst of its cases; ``unmeasured`` only when no case was measured."""
    for outcome in ("error", "fail", "xpass", "xfail", "pass", "unmeasured", "n/a"):
        if counts.get(outcome):
            return outcome
    return "unmeasured"


def decide(
    results: Sequence[Result],
    clauses: Mapping[str, Clause],
    known: Sequence[KnownFailure],
    os: str,
    *,
    mishaps: Sequence[str] = (),
    strict: bool,
    complete: bool,
) -> Verdict:
    """Judge a run. ``complete`` says that no selection was made, so that every clause must have a result;
    ``mishaps`` are crashes of the kit that belong to no case.

    A failed SHOULD fails the run only when ``strict``; an informative clause never does. A crash of the kit is never
    a pass: it makes the run inconclusive, unless the implementation also failed.
    """
    counts: dict[str, Counter[str]] = {clause: Counter() for clause in clauses}
    failed: list[str] = []
    doubts: list[str] = list(mishaps)
    for result in results:
        counts[result.clause][result.outcome] += 1
        where = f"{result.clause} [{result.case}]"
        if result.outcome == "error" and result.blame == "kit":
            doubts.append(f"{where}: error of the kit: {result.message}")
        elif result.inconclusive:
            doubts.append(f"{where}: inconclusive: {result.message}")
        elif result.outcome == "xpass" or (
            result.outcome in ("fail", "error") and _matters(clauses[result.clause], strict)
        ):
            failed.append(f"{where}: {result.message}")
    if complete:
        failed += [
            f"known failure of {entry.clause} [{entry.case}] matches no case; correct or remove the entry"
            for entry in known
            if (not entry.os or os in entry.os) and not any(entry.matches(r.clause, r.case, os) for r in results)
        ]
        doubts += [f"{clause}: has no result at all" for clause, of_clause in counts.items() if not of_clause]
    measured = any(of_clause["pass"] + of_clause["xfail"] + of_clause["fail"] for of_clause in counts.values())
    if not measured and not failed:
        doubts.append("nothing was measured")
    exit_code = Exit.NOT_CONFORMANT if failed else Exit.INCONCLUSIVE if doubts else Exit.CONFORMANT
    return Verdict(exit_code, (*failed, *doubts), counts, len(results))


def reasons_beside(reasons: Iterable[str], cases: Iterable[tuple[str, str]]) -> list[str]:
    """The reasons of a verdict that these cases, each (clause, case), do not tell already."""
    told = tuple(f"{clause} [{case}]: " for clause, case in cases)
    return [reason for reason in reasons if not reason.startswith(told)]


def _matters(clause: Clause, strict: bool) -> bool:
    return clause.level == "must" or (strict and clause.level == "should")


class ResultsFile:
    """results.jsonl, written a line at a time, so that an interrupted run keeps what it had found."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def header(self, header: Header) -> None:
        self._line({"type": "header", **dataclasses.asdict(header)})

    def result(self, result: Result) -> None:
        self._line({"type": "result", **dataclasses.asdict(result)})

    def record(self, kind: str, value: Mapping[str, Any]) -> None:
        """A line of another type, for those who know it: `read_results` passes it over."""
        self._line({"type": kind, **value})

    def footer(self, verdict: Verdict) -> None:
        counts = {clause: dict(of_clause) for clause, of_clause in verdict.counts.items()}
        self._line(
            {
                "type": "footer",
                "verdict": verdict.word,
                "exit": int(verdict.exit),
                "reasons": list(verdict.reasons),
                "counts": counts,
                "results": verdict.total,
            }
        )

    def _line(self, value: Mapping[str, Any]) -> None:
        self._stream.write(json.dumps(value, ensure_ascii=True, default=str) + "\n")
        self._stream.flush()


def read_results(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any] | None]:
    """Read a results file: (header, results, footer). The footer is None for a run that did not finish.

    Raises ValueError for a file that is not a results file. What follows the last line feed was cut off and is left
    out.
    """
    *whole, _ = path.read_text(encoding="utf-8").split("\n")
    lines = []
    for number, text in enumerate(whole, start=1):
        try:
            line = json.loads(text)
        except ValueError as error:
            raise ValueError(f"{path}:{number}: not a line of results: {error}") from error
        if not isinstance(line, dict):
            raise ValueError(f"{path}:{number}: not a line of results: not a JSON object")
        lines.append(line)
    if not lines or lines[0].get("type") != "header":
        raise ValueError(f"{path}: does not begin with a header line")
    footer = lines[-1] if lines[-1].get("type") == "footer" else None
    results = [line for line in lines if line.get("type") == "result"]
    if footer is not None and footer.get("results") != len(results):
        raise ValueError(f"{path}: the footer counts {footer.get('results')} results, the file has {len(results)}")
    return lines[0], results, footer
