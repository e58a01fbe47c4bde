"""matrix.json beside the results: which mutants this kit caught on this machine (`python -m conformance.selfcheck`)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.reporting.results import counted

__all__ = ["MutantsCaught", "load_matrix"]


@dataclass(frozen=True)
class MutantsCaught:
    """The matrix in figures: of each clause how many mutants there are, and how many were caught and unmeasured.

    ``missed`` are the mutants that were not caught, each with the reason. ``complete`` says that each variant was put
    to the whole suite.
    """

    by_clause: Mapping[str, tuple[int, int, int]]  # clause → caught, unmeasured, all
    missed: tuple[tuple[str, str], ...]
    variants: int
    false_alarms: tuple[str, ...]
    complete: bool

    @property
    def sentence(self) -> str:
        """The totals in words, each with its denominator."""
        caught, unmeasured, mutants = (
            map(sum, zip(*self.by_clause.values(), strict=True)) if self.by_clause else (0,) * 3
        )
        besides = f", {unmeasured} not measurable here" if unmeasured else ""
        extent = "" if self.complete or not self.variants else ", of which part of the suite judged each"
        return (
            f"{caught} of {counted(mutants, 'mutants')} caught{besides}; "
            f"{counted(len(self.false_alarms), 'false alarms')} on {counted(self.variants, 'variants')}{extent}"
        )


def load_matrix(path: Path, kit_files: str = "") -> MutantsCaught:
    """Read matrix.json. Raises ValueError for a file that is none, or that a kit with a different hash of its files
    wrote; OSError as open().
    """
    try:
        matrix = json.loads(path.read_text(encoding="utf-8"))
        if matrix.get("kit_files", kit_files) != kit_files:
            raise ValueError("another kit made it")
        rows, variants = matrix["mutants"], matrix["variants"]
        counts: dict[str, Counter[str]] = {}
        for row in rows:
            counts.setdefault(str(row["entry"]["caught_by"]), Counter())[_verdict(row)] += 1
        return MutantsCaught(
            {name: (one["caught"], one["unmeasured"], one.total()) for name, one in sorted(counts.items())},
            tuple((str(row["entry"]["name"]), str(row["reason"])) for row in rows if row["verdict"] == "missed"),
            len(variants),
            tuple(str(alarm) for row in variants for alarm in row["false_alarms"]),
            matrix["totals"]["complete"] is True,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        text = f"{path}: not a matrix of mutants ({type(error).__name__}: {error}); make it again: tox -e mutants"
        raise ValueError(text) from error


def _verdict(row: Mapping[str, Any]) -> str:
    verdict = row["verdict"]
    if verdict not in ("caught", "missed", "unmeasured"):
        raise ValueError(f"a mutant has the verdict {verdict!r}")
    return str(verdict)
