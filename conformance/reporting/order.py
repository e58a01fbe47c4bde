"""What the work orders behind the format ask for, and what a run has to say about each line (order.toml)."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from conformance.reporting.results import Outcome, Result
from conformance.reporting.verdict import clause_outcome

__all__ = ["AnsweredLine", "OrderLine", "answered_order", "load_order"]


@dataclass(frozen=True)
class OrderLine:
    """One line of an order: where it stands, what it asks, the clauses that answer it, and what else does."""

    order: str
    asks: str
    clauses: tuple[str, ...] = ()
    elsewhere: str = ""


@dataclass(frozen=True)
class AnsweredLine:
    """A line and what the run measured of it: each clause with its outcome, and the cases of all of them."""

    line: OrderLine
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
def load_order() -> tuple[OrderLine, ...]:
    """The lines, in the sequence of the orders. Raises ValueError for a line that nothing answers."""
    entries = tomllib.loads(Path(__file__).with_name("order.toml").read_text(encoding="utf-8"))["line"]
    lines = tuple(OrderLine(**{**entry, "clauses": tuple(entry.get("clauses", ()))}) for entry in entries)
    for line in lines:
        if not line.clauses and not line.elsewhere:
            raise ValueError(f"order.toml: {line.order}: {line.asks}: neither a clause nor anything else answers it")
    return lines


def answered_order(results: Iterable[Result], lines: Sequence[OrderLine] | None = None) -> list[AnsweredLine]:
    """Each line (by default, of `load_order`) with what these results say about it."""
    counts: dict[str, Counter[str]] = {}
    for result in results:
        counts.setdefault(result.clause, Counter())[result.outcome] += 1
    return [
        AnsweredLine(
            line,
            tuple((clause, clause_outcome(counts[clause]) if clause in counts else None) for clause in line.clauses),
            sum((counts.get(clause, Counter()) for clause in line.clauses), Counter()),
        )
        for line in (load_order() if lines is None else lines)
    ]
