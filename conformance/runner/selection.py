"""Which clauses and cases of a run are wanted."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass

__all__ = ["Selection"]


@dataclass(frozen=True)
class Selection:
    """Globs of clause ids and of case names; none at all means everything. ``point`` is one of points of a write."""

    clauses: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    point: str = "*"

    @property
    def complete(self) -> bool:
        """Whether nothing is left out."""
        return not self.clauses and not self.cases and self.point == "*"

    def takes_clause(self, clause: str) -> bool:
        """Whether a clause is wanted."""
        return not self.clauses or any(fnmatch.fnmatchcase(clause, glob) for glob in self.clauses)

    def takes(self, clause: str, case: str) -> bool:
        """Whether a case of a clause is wanted."""
        return self.takes_clause(clause) and (
            not self.cases or any(fnmatch.fnmatchcase(case, glob) for glob in self.cases)
        )
