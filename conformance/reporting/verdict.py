"""The verdict that follows from the results of a run: pure functions (SPEC.md, "Results")."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from conformance.clauses import Clause
from conformance.reporting.results import Exit, Outcome, Result, Verdict
from conformance.subject.manifest import KnownFailure

__all__ = ["apply_known_failures", "clause_outcome", "decide", "reasons_beside"]


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
