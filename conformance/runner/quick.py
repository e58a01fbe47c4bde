"""The part of the suite that ``--quick`` runs, for editors and for hooks before a commit: the cases of quick.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

__all__ = ["QUICK_KILLS", "is_quick", "quick_cases"]

QUICK_KILLS = 5  # in a row; each one starts the implementation again


@cache
def quick_cases() -> Mapping[str, frozenset[str]]:
    """The names of the cases, by clause."""
    table = tomllib.loads(Path(__file__).with_name("quick.toml").read_text(encoding="utf-8"))
    return {clause: frozenset(names) for clause, names in table.items()}


def is_quick(clause: str, case: str) -> bool:
    """Whether ``--quick`` runs this case of this clause."""
    return case in quick_cases().get(clause, ())
