"""The names in ``case_names.txt``: the cases that the suite has, and those that it had, which follow ``gone``."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

__all__ = ["gone_cases", "present_cases"]

NAMES = Path(__file__).parents[1] / "case_names.txt"
_GONE = "gone "


@cache
def gone_cases(path: Path = NAMES) -> frozenset[tuple[str, str]]:
    """Each as (clause, case). That they are missing in a newer run is the work of the kit, not of what it judges."""
    return _cases(line.removeprefix(_GONE) for line in _lines(path) if line.startswith(_GONE))


@cache
def present_cases(path: Path = NAMES) -> frozenset[tuple[str, str]]:
    """Each as (clause, case): what `conformance.runner.collection.cases_in` finds in the suite, without its seconds."""
    return _cases(line for line in _lines(path) if not line.startswith(("#", _GONE)))


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _cases(names: Iterable[str]) -> frozenset[tuple[str, str]]:
    return frozenset((clause, case) for clause, _, case in (name.partition(" ") for name in names))
