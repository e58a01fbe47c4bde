"""The counts that the README gives are those of the clauses, the mutants and the variants."""

from __future__ import annotations

import re
from pathlib import Path

from conformance.clauses import load_clauses
from conformance.mutation.registry import all_mutants, all_variants

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def count(pattern: str) -> int:
    """The number in the one place of the README that matches."""
    [found] = re.findall(pattern, README)
    return int(found)


def test_clauses() -> None:
    assert count(r"Contract: (\d+) clauses") == count(r"contract-(\d+)%20clauses") == len(load_clauses())


def test_mutants_and_variants_of_linux() -> None:
    assert count(r"on (\d+) broken implementations") == sum("linux" in entry.on for entry in all_mutants())
    assert count(r"and (\d+) unusual but correct") == sum("linux" in entry.on for entry in all_variants())
