"""Whether the legs of an audit belong together: one implementation, one kit, each run once. No I/O here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.commands.audit.legs import AuditError, Controls, Leg

__all__ = ["Kit", "require_same"]


@dataclass(frozen=True)
class Kit:
    """The kit that audits: its version, and the hash of its files."""

    version: str
    files: str

    def __str__(self) -> str:
        return f"{self.version} ({self.files[:12]})"


def require_same(legs: Sequence[Leg], controls: Sequence[Controls], kit: Kit) -> None:
    """Raise AuditError unless this kit judged all legs and its own mutants, and the legs one and the same thing."""
    judged: Sequence[Leg | Controls] = (*legs, *controls)
    for each in judged:
        theirs = _kit_of(each)
        if theirs != kit:
            raise AuditError(
                f"{each.path}: made by the kit {theirs}, and this is {kit}: audit with the kit that judged"
            )
    matrices: dict[str, Controls] = {}
    for one in controls:
        if (same := matrices.setdefault(one.sha256, one)) is not one:
            raise AuditError(f"{one.path}: the same matrix as {same.path}: give each matrix once")
    first_with: dict[str, Leg] = {}
    for leg in legs:
        if (other := first_with.setdefault(leg.link, leg)) is not leg:
            raise AuditError(f"{leg.path}: the same run as {other.path}: give each leg once")
        if difference := _difference(legs[0].header["implementation"], leg.header["implementation"]):
            raise AuditError(f"{leg.path}: is of a different implementation from {legs[0].path}: {difference}")


def _kit_of(one: Leg | Controls) -> Kit:
    if isinstance(one, Controls):
        return Kit(one.kit, one.kit_files)
    return Kit(one.header["kit"], one.header["kit_files"])


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """The first difference that does not come from the machine, in words; the executable is each machine's own."""
    for name in ("name", "version", "language", "profile", "mode", "roles", "command", "callable"):
        if one.get(name) != other.get(name):
            return f"its {name} is {_short(other.get(name))}, not {_short(one.get(name))}"
    files, others = _files(one), _files(other)
    if files != others:
        changed = sorted(path for path in files.keys() | others.keys() if files.get(path) != others.get(path))
        return f"its files differ: {', '.join(map(_short, changed[:3]))}"
    return ""


def _files(implementation: Mapping[str, Any]) -> Mapping[str, Any]:
    files = implementation.get("files")
    each = files.get("each") if isinstance(files, dict) else None
    return each if isinstance(each, dict) else {}


def _short(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= 60 else f"{text[:60]}…")
