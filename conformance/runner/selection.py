"""Which clauses and cases of a run are wanted."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conformance.runner.quick import is_quick

__all__ = ["Selection"]


@dataclass(frozen=True)
class Selection:
    """Globs of clause ids and of case names; none at all means everything. ``point`` is one of points of a write,
    ``quick`` keeps only the cases of ``--quick``, except in the clauses that a glob of ``whole`` matches.
    """

    clauses: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    point: str = "*"
    quick: bool = False
    whole: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing is left out."""
        return not self.clauses and self.whole_clauses

    @property
    def whole_clauses(self) -> bool:
        """Whether no case and no point of the clauses is left out."""
        return not self.cases and self.point == "*" and not self.quick

    @property
    def part(self) -> str:
        """What part of the clauses is judged, in words."""
        return "selected" if self.whole_clauses else "in part" if self.quick else "selected in part"

    def by_option(self) -> dict[str, Sequence[str]]:
        """What was asked for, by the option's name, for the header of the results."""
        asked: dict[str, Sequence[str]] = {"clause": self.clauses, "case": self.cases, "point": (self.point,)}
        if self.quick:
            asked["quick"] = ("yes",)
        if self.whole:
            asked["whole"] = self.whole
        return asked

    def unknown_clauses(self, clauses: Iterable[str]) -> list[str]:
        """The globs of clauses that match none of ``clauses``."""
        known = list(clauses)
        return [glob for glob in self.clauses if not any(fnmatch.fnmatchcase(clause, glob) for clause in known)]

    def unknown_cases(self, cases: Iterable[tuple[str, str]]) -> list[str]:
        """The globs of cases that match none of ``cases``, each (clause, case), in the selected clauses."""
        names = {case for clause, case in cases if self.takes_clause(clause)}
        return [glob for glob in self.cases if not any(fnmatch.fnmatchcase(name, glob) for name in names)]

    def takes_clause(self, clause: str) -> bool:
        """Whether a clause is wanted."""
        return not self.clauses or any(fnmatch.fnmatchcase(clause, glob) for glob in self.clauses)

    def takes(self, clause: str, case: str) -> bool:
        """Whether a case of a clause is wanted."""
        named = not self.cases or any(fnmatch.fnmatchcase(case, glob) for glob in self.cases)
        return self.takes_clause(clause) and named and (not self.shortens(clause) or is_quick(clause, case))

    def shortens(self, clause: str) -> bool:
        """Whether only the cases of ``--quick`` are wanted of a clause."""
        return self.quick and not any(fnmatch.fnmatchcase(clause, glob) for glob in self.whole)
