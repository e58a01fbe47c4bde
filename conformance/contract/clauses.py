"""The clauses: SPEC.md's machine-readable index, and which of them apply to an implementation on this machine."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

__all__ = ["Clause", "load_clauses", "outcome_without_measuring"]

Level = Literal["must", "should", "informative"]
Engine = Literal["portable", "trace", "powercut", "windows"]

GROUP_TITLES = {
    "DOC": "the document",
    "REF": "refusals",
    "LIF": "the life of a training run",
    "VIS": "visibility of a write",
    "FLT": "faults",
    "KIL": "kills",
    "PWR": "power loss",
    "CON": "concurrency",
    "MET": "names, links and permissions",
    "RDR": "the reader",
    "WIN": "Windows",
}

_MISSING_ENGINES: dict[Engine, str] = {
    "powercut": "needs a real power cut: run pulse stress powercut, as root on Linux",
}
if sys.platform != "win32":
    _MISSING_ENGINES["windows"] = "needs the share rules of Windows: run the suite there, or under Wine"


@dataclass(frozen=True)
class Clause:
    """One numbered requirement of SPEC.md."""

    id: str
    title: str
    level: Level
    role: tuple[str, ...]
    profile: Literal["pulse", "any"]
    engine: Engine

    @property
    def group(self) -> str:
        """The letters of the id: ``DOC`` of ``DOC-01``."""
        return self.id.partition("-")[0]


@cache
def load_clauses() -> dict[str, Clause]:
    """Read clauses.toml: id → clause, in SPEC.md's order."""
    entries = tomllib.loads((Path(__file__).parents[1] / "clauses.toml").read_text(encoding="utf-8"))["clause"]
    return {entry["id"]: Clause(**{**entry, "role": tuple(entry["role"])}) for entry in entries}


def outcome_without_measuring(
    clause: Clause, roles: Collection[str], profile: str
) -> tuple[Literal["n/a", "unmeasured"], str] | None:
    """Say why a clause needs no test case: it does not apply to the implementation, or no engine here measures it.

    Returns (outcome, reason), or None when the suite has to measure it.
    """
    missing_roles = [role for role in clause.role if role not in roles]
    if missing_roles:
        return "n/a", f"the implementation does not have the role {' and '.join(missing_roles)}"
    if clause.profile == "pulse" and profile != "pulse":
        return "n/a", f"does not concern the profile {profile}"
    if clause.engine in _MISSING_ENGINES:
        return "unmeasured", _MISSING_ENGINES[clause.engine]
    return None
