"""The part of the suite that ``--quick`` runs, for editors and for hooks before a commit: the cases of quick.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

__all__ = ["QUICK_KILLS", "is_quick", "quick_cases", "sees_less"]

QUICK_KILLS = 5  # in a row; each one starts the implementation again

_SEE_LESS = (
    "fault_at_every_operation",
    "write_after_a_fault",
    "readers_do_not_become_more_by_a_fault",
    "interrupt_at_every_boundary",
    "descriptors_after_an_interrupt",
    "kill_at_every_boundary",
    "temps_left_after_a_hundred_kills",
    "every_write_between_a_hundred_kills",
    "kills_while_a_reader_polls",
)


@cache
def quick_cases() -> Mapping[str, frozenset[str]]:
    """The names of the cases, by clause."""
    table = tomllib.loads(Path(__file__).with_name("quick.toml").read_text(encoding="utf-8"))
    return {clause: frozenset(names) for clause, names in table.items()}


def is_quick(clause: str, case: str) -> bool:
    """Whether ``--quick`` runs this case of this clause."""
    return case in quick_cases().get(clause, ())


def sees_less(case: str) -> bool:
    """Whether a case of ``--quick`` visits fewer points of a write, or makes fewer kills, than it does without."""
    return case.partition(":")[0] in _SEE_LESS
