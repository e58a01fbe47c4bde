"""The front door: the README is short, its counts are right, and no Markdown page has lines that must be scrolled."""

from __future__ import annotations

import re
from pathlib import Path

from conformance.contract.clauses import load_clauses
from conformance.mutation.registry import all_mutants, all_variants

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    *ROOT.glob("*.md"),
    *(path for name in ("conformance", "docs", "pulse", ".github") for path in (ROOT / name).rglob("*.md")),
]
LONGEST_LINE = 120  # characters


def count(pattern: str) -> int:
    """The number in the one place of the README that matches."""
    [found] = re.findall(pattern, README)
    return int(found)


def test_clauses() -> None:
    assert count(r"Contract: (\d+) clauses") == count(r"contract-(\d+)%20clauses") == len(load_clauses())


def test_mutants_and_variants_of_linux() -> None:
    assert count(r"on (\d+) broken implementations") == sum("linux" in entry.on for entry in all_mutants())
    assert count(r"and (\d+) unusual but correct") == sum("linux" in entry.on for entry in all_variants())


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 150


def test_no_line_of_a_page_is_longer_than_the_limit() -> None:
    assert len(PAGES) > 30
    lines = [
        (str(path), number)
        for path in PAGES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > LONGEST_LINE and "node_modules" not in path.parts
    ]
    assert lines == []
