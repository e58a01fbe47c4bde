"""The matrix of mutants and variants: what the results of each mean. Decisions only, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from conformance.contract.clauses import Clause
from conformance.mutation.registry import Entry

__all__ = [
    "MutantRow",
    "Totals",
    "Trial",
    "VariantRow",
    "judge_mutant",
    "judge_variant",
    "measured_clauses",
    "total",
]

PARTLY = "all cases of the clauses that might doubt them, those of --quick of the others"


@dataclass(frozen=True)
class Trial:
    """One run of `pulse conformance`: its exit code, its result lines in order, and whether it wrote a footer.

    ``complaint`` is what it printed on standard error, for a run that gave no results.
    """

    exit: int
    results: Sequence[Mapping[str, Any]]
    finished: bool
    complaint: str = ""

    def excuse(self) -> str:
        """Why there are no results to judge."""
        return f"the run did not finish (exit {self.exit}): {self.complaint or 'it printed nothing'}"


@dataclass(frozen=True)
class MutantRow:
    """A mutant in the matrix. ``case`` is the first case that caught it, after ``seconds`` of cases."""

    entry: Entry
    verdict: Literal["caught", "missed", "unmeasured"]
    reason: str
    case: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class VariantRow:
    """A variant in the matrix: how many cases were measured, and which of them were false alarms."""

    entry: Entry
    verdict: Literal["passed", "false alarm", "inconclusive"]
    reason: str
    cases: int
    false_alarms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Totals:
    """The whole matrix. ``clauses_without_catch`` are measured clauses that caught no mutant. ``complete`` says that
    every variant was put to the whole suite, not only to all of the clauses that might doubt it.
    """

    mutants: int
    caught: int
    unmeasured: int
    variants: int
    cases: int
    false_alarms: int
    clauses: int
    clauses_without_catch: tuple[str, ...]
    holds: bool
    complete: bool = False

    def sentence(self) -> str:
        """The totals in words."""
        unmeasured = f", {self.unmeasured} unmeasured here" if self.unmeasured else ""
        sentence = (
            f"{self.caught} of {self.mutants} mutants caught{unmeasured}, "
            f"{self.false_alarms} false alarms in {self.cases} cases of {self.variants} variants"
        )
        if self.variants:
            sentence += " (complete)" if self.complete else f" ({PARTLY})"
        if not self.clauses:
            return sentence
        if self.clauses_without_catch:
            none = ", ".join(self.clauses_without_catch)
            return f"{sentence}, these of {self.clauses} measured clauses catch none: {none}"
        return f"{sentence}, every one of {self.clauses} measured clauses catches at least one mutant"


def judge_mutant(entry: Entry, trial: Trial, *, every_engine: bool) -> MutantRow:
    """Decide whether the named clause caught the mutant with the named outcome.

    An ``error`` counts for a mutant that announces one, and only when it is the implementation's; an error of the
    kit, or a run that did not finish, never counts as caught. When no case of the clause could be measured here, the
    mutant is unmeasured. When only some could, it is missed if ``every_engine`` says that this platform has an
    engine for every case; elsewhere the unmeasured ones may be those that catch it, and it is unmeasured too.
    """
    if not trial.finished:
        return MutantRow(entry, "missed", trial.excuse())
    broken = [line for line in trial.results if line["blame"] == "kit"]
    if broken:
        return MutantRow(entry, "missed", f"the kit failed in {broken[0]['case']}: {broken[0]['message']}")
    of_clause = [line for line in trial.results if line["clause"] == entry.caught_by]
    seconds = 0.0
    for line in of_clause:
        seconds += line["seconds"]
        if line["outcome"] == entry.outcome:
            return MutantRow(entry, "caught", line["message"], line["case"], seconds)
    outcomes = sorted({line["outcome"] for line in of_clause}) or ["no result"]
    missing = [line["message"] for line in of_clause if line["outcome"] == "unmeasured"]
    excused = [["unmeasured"]] if every_engine else [["unmeasured"], ["pass", "unmeasured"]]
    if outcomes in excused and not any(line["inconclusive"] for line in of_clause):
        return MutantRow(entry, "unmeasured", missing[0])
    return MutantRow(entry, "missed", f"{entry.caught_by} reported {', '.join(outcomes)}, not {entry.outcome}")


def judge_variant(entry: Entry, trial: Trial) -> VariantRow:
    """Decide whether all that was measured, SHOULD clauses included, passed the variant."""
    if not trial.finished:
        return VariantRow(entry, "inconclusive", trial.excuse(), 0)
    measured = [line for line in trial.results if line["outcome"] not in ("unmeasured", "n/a")]
    bad = [line for line in measured if line["outcome"] != "pass"]
    alarms = tuple(f"{line['clause']} [{line['case']}]: {line['message']}" for line in bad)
    if alarms:
        return VariantRow(entry, "false alarm", alarms[0], len(measured), alarms)
    if trial.exit != 0:
        inconclusive = [line["message"] for line in trial.results if line["inconclusive"]]
        reason = f"exit {trial.exit}: {'; '.join(inconclusive) or trial.complaint or 'no reason given'}"
        return VariantRow(entry, "inconclusive", reason, len(measured))
    return VariantRow(entry, "passed", "", len(measured))


def measured_clauses(trials: Iterable[Trial]) -> frozenset[str]:
    """The clauses of which at least one case was measured in these runs."""
    return frozenset(
        line["clause"] for trial in trials for line in trial.results if line["outcome"] not in ("unmeasured", "n/a")
    )


def total(
    mutants: Sequence[MutantRow],
    variants: Sequence[VariantRow],
    clauses: Mapping[str, Clause],
    measured: Iterable[str],
    *,
    complete: bool,
) -> Totals:
    """Add up a whole matrix. ``measured`` are the clauses that the suite measured on the variants.

    It holds when every mutant that can be measured here is caught, every variant passes, and every clause that
    was measured here catches a mutant; informative clauses are left out, because they cannot fail.
    """
    catching = {row.entry.caught_by for row in mutants if row.verdict == "caught"}
    judged = [name for name in measured if clauses[name].level != "informative"]
    without = tuple(sorted(set(judged) - catching))
    caught = sum(row.verdict == "caught" for row in mutants)
    unmeasured = sum(row.verdict == "unmeasured" for row in mutants)
    passed = all(row.verdict == "passed" for row in variants)
    return Totals(
        mutants=len(mutants),
        caught=caught,
        unmeasured=unmeasured,
        variants=len(variants),
        cases=sum(row.cases for row in variants),
        false_alarms=sum(len(row.false_alarms) for row in variants),
        clauses=len(set(judged)),
        clauses_without_catch=without,
        holds=caught + unmeasured == len(mutants) and passed and not without,
        complete=complete,
    )
