"""The verdict that follows from the results of a run: pure functions (SPEC.md, "Results")."""

from __future__ import annotations

import dataclasses
import fnmatch
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from conformance.contract.clauses import Clause, load_clauses
from conformance.contract.manifest import NO_ISSUE, KnownFailure
from conformance.reporting.results import EVERY_WRITE, Exit, Outcome, Result, Verdict

__all__ = ["apply_known_failures", "clause_outcome", "decide", "reasons_beside"]


def apply_known_failures(result: Result, known: Iterable[KnownFailure], os: str, *, run: int = 1) -> Result:
    """Turn a failure that is written down into ``xfail``, and an unexpected pass into ``xpass``.

    A pass of a flaky failure is unexpected only in the last of its ``repeats``. ``run`` is the number of this run of
    the case, after that many less one that passed.
    """
    flaky = False
    for entry in known:
        if not entry.matches(result.clause, result.case, os):
            continue
        if result.outcome in ("fail", "error") and result.blame != "kit":
            seen = "seen" if entry.repeats is None else f"seen in run {run} of at most {entry.repeats}"
            note = f"known failure: {entry.reason} ({_reported(entry)}); {seen}: {result.message}"
            return dataclasses.replace(result, outcome="xfail", message=note, flaky=entry.flaky)
        if result.outcome == "pass":
            if entry.flaky and (entry.repeats is None or run < entry.repeats):
                flaky = True
                continue
            passes = f"passed {run} times in a row" if entry.flaky else "passes"
            note = f"{passes}, but is written down as a known failure: {entry.reason}"
            return dataclasses.replace(result, outcome="xpass", message=note, flaky=entry.flaky)
    return dataclasses.replace(result, flaky=True) if flaky else result


def _reported(entry: KnownFailure) -> str:
    return "not reported yet" if entry.issue == NO_ISSUE else entry.issue


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
    part: str = "selected",
    whole_clauses: bool = True,
) -> Verdict:
    """Judge a run. ``complete`` says that no selection was made, so that every clause must have a result;
    ``mishaps`` are crashes of the kit that belong to no case.

    Without ``complete`` a pass is one of some clauses only: the verdict says of how many, and that they were ``part``,
    such as "selected". ``whole_clauses`` says that all cases of those clauses were run.

    A failed SHOULD fails the run only when ``strict``; an informative clause never does. A crash of the kit is never
    a pass: it makes the run inconclusive, unless the implementation also failed.
    """
    counts: dict[str, Counter[str]] = {clause: Counter() for clause in clauses}
    failed: list[str] = []
    doubts: list[str] = list(mishaps)
    shoulds: set[str] = set()
    of_kit: Counter[str] = Counter()
    for result in results:
        counts[result.clause][result.outcome] += 1
        where = f"{result.clause} [{result.case}]"
        if result.outcome == "error" and result.blame == "kit":
            doubts.append(f"{where}: error of the kit: {result.message}")
            of_kit[result.clause] += 1
        elif result.inconclusive:
            doubts.append(f"{where}: inconclusive: {result.message}")
        elif result.outcome == "xpass" or (
            result.outcome in ("fail", "error") and _matters(clauses[result.clause], strict)
        ):
            failed.append(f"{where}: {result.message}")
        elif result.outcome in ("fail", "error") and clauses[result.clause].level == "should":
            shoulds.add(result.clause)
    failed += _advice(results, [entry for entry in known if entry.concerns(os)], os, whole_clauses=whole_clauses)
    if complete:
        failed += [
            f"known failure of {entry.clause} [{glob}] matches no case; correct or remove the entry"
            for entry in known
            if entry.concerns(os)
            for glob in entry.cases
            if not (entry.flaky and glob == EVERY_WRITE)
            and not any(r.clause == entry.clause and fnmatch.fnmatchcase(r.case, glob) for r in results)
        ]
        doubts += [f"{clause}: has no result at all" for clause, of_clause in counts.items() if not of_clause]
    measured = any(of_clause["pass"] + of_clause["xfail"] + of_clause["fail"] for of_clause in counts.values())
    if not measured and not failed:
        doubts.append("nothing was measured")
    exit_code = Exit.NOT_CONFORMANT if failed else Exit.INCONCLUSIVE if doubts else Exit.CONFORMANT
    return Verdict(
        exit_code,
        (*failed, *doubts),
        counts,
        len(results),
        "" if complete else _part(counts, part),
        shoulds=tuple(clause for clause in clauses if clause in shoulds),
        of_kit=of_kit,
    )


def _part(counts: Mapping[str, Mapping[str, int]], part: str) -> str:
    found = [clause_outcome(of_clause) for of_clause in counts.values() if of_clause]
    of_clauses = [outcome for outcome in found if outcome != "n/a"]
    unmeasured = of_clauses.count("unmeasured")
    beside = f" ({unmeasured} of them unmeasured)" if unmeasured else ""
    all_that_concern = len(load_clauses()) - (len(found) - len(of_clauses))
    return f"{len(of_clauses)} of {all_that_concern} clauses {part}{beside}"


def _advice(results: Sequence[Result], known: Iterable[KnownFailure], os: str, *, whole_clauses: bool) -> Iterator[str]:
    """For each known failure of which a case passed: what to do with its entry."""
    for entry in known:
        outcomes: dict[str, set[str]] = {}
        for result in results:
            if entry.matches(result.clause, result.case, os):
                outcomes.setdefault(result.case, set()).add(result.outcome)
        passed = sorted(case for case, of_case in outcomes.items() if of_case == {"xpass"})
        failed = sorted(case for case, of_case in outcomes.items() if "xfail" in of_case)
        if not passed:
            continue
        seen = (
            f"known failure of {entry.clause} [{', '.join(entry.cases)}]: {len(passed)} of {len(outcomes)} cases passed"
        )
        if not whole_clauses:
            yield f"{seen}; run --clause {entry.clause} without --case to see which of the others fail"
        elif failed:
            cases = "".join(f"\n      {json.dumps(case, ensure_ascii=False)}," for case in failed)
            yield f"{seen}; narrow the entry to those that fail:\n    case = [{cases}\n    ]"
        else:
            yield f"{seen}, and none failed; remove the entry, or narrow its os"


def reasons_beside(reasons: Iterable[str], cases: Iterable[tuple[str, str]]) -> list[str]:
    """The reasons of a verdict that these cases, each (clause, case), do not tell already."""
    told = tuple(f"{clause} [{case}]: " for clause, case in cases)
    return [reason for reason in reasons if not reason.startswith(told)]


def _matters(clause: Clause, strict: bool) -> bool:
    return clause.level == "must" or (strict and clause.level == "should")
