"""What the original specification of the format asks for, and what a run says about each line (specification.toml)."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from conformance.reporting.results import Outcome, Result
from conformance.reporting.verdict import clause_outcome

__all__ = ["AnsweredLine", "SpecifiedLine", "answered_specification", "load_specification"]


@dataclass(frozen=True)
class SpecifiedLine:
    """One line of the specification: its part, what it asks, the clauses that answer it, and what else does."""

    part: str
    asks: str
    clauses: tuple[str, ...] = ()
    elsewhere: str = ""


@dataclass(frozen=True)
class AnsweredLine:
    """A line and what the run measured of it: each clause with its outcome, and the cases of all of them."""

    line: SpecifiedLine
    outcomes: tuple[tuple[str, Outcome | None], ...]  # None: the clause was not run
    cases: Counter[str]

    @property
    def outcome(self) -> str:
        """One word, the worst of the clauses: nothing passes of which a part was not measured."""
        found = {outcome for _, outcome in self.outcomes if outcome != "n/a"}
        for bad in ("error", "fail", "xpass", "xfail"):
            if bad in found:
                return bad
        if not self.outcomes:
            return "elsewhere"
        if not found:
            return "n/a"
        open_ = {None, "unmeasured"} & found
        return "pass" if not open_ else "in part" if "pass" in found else "unmeasured"


@cache
def load_specification() -> tuple[SpecifiedLine, ...]:
    """The lines, in their sequence. Raises ValueError for a line that nothing answers."""
    entries = tomllib.loads(Path(__file__).with_name("specification.toml").read_text(encoding="utf-8"))["line"]
    lines = tuple(SpecifiedLine(**{**entry, "clauses": tuple(entry.get("clauses", ()))}) for entry in entries)
    for line in lines:
        if not line.clauses and not line.elsewhere:
            raise ValueError(
                f"specification.toml: {line.part}: {line.asks}: neither a clause nor anything else answers it"
            )
    return lines


def answered_specification(
    results: Iterable[Result], lines: Sequence[SpecifiedLine] | None = None
) -> list[AnsweredLine]:
    """Each line (by default, of `load_specification`) with what these results say about it."""
    counts: dict[str, Counter[str]] = {}
    for result in results:
        counts.setdefault(result.clause, Counter())[result.outcome] += 1
    return [
        AnsweredLine(
            line,
            tuple((clause, clause_outcome(counts[clause]) if clause in counts else None) for clause in line.clauses),
            sum((counts.get(clause, Counter()) for clause in line.clauses), Counter()),
        )
        for line in (load_specification() if lines is None else lines)
    ]
