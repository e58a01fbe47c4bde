"""The cases that the suite had: names that ``case_names.txt`` keeps after ``gone``."""

from __future__ import annotations

from functools import cache
from pathlib import Path

__all__ = ["gone_cases"]

NAMES = Path(__file__).parents[1] / "case_names.txt"
_GONE = "gone "


@cache
def gone_cases(path: Path = NAMES) -> frozenset[tuple[str, str]]:
    """Each as (clause, case). That they are missing in a newer run is the work of the kit, not of what it judges."""
    lines = path.read_text(encoding="utf-8").splitlines()
    words = (line.removeprefix(_GONE).partition(" ") for line in lines if line.startswith(_GONE))
    return frozenset((clause, case) for clause, _, case in words)
