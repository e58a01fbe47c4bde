"""What `pulse explain` and the reports say about a clause, beside SPEC.md: how it is measured, the usual fix, traps.

Each TOML file has the clauses of one group. (Windows keeps the name ``con.toml`` for itself.) ``measured`` and ``fix``
are a few sentences each; ``traps`` has what goes wrong by language. A clause with ``like`` takes the traps of another
one. Code is between backquotes.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["LANGUAGES", "Explanation", "Requirement", "load_explanations", "load_requirements"]

LANGUAGES = ("Python", "Node", "Go", "Rust", "Java", "C", "shell")

_ADDRESS = re.compile(r"^\[([^\]]+)\]: (https:\S+)$", flags=re.MULTILINE)


@dataclass(frozen=True)
class Explanation:
    """How a clause is measured, what usually mends an implementation that fails it, and traps by language."""

    measured: str
    fix: str
    traps: Mapping[str, str]


@dataclass(frozen=True)
class Requirement:
    """What SPEC.md says of a clause. ``reports`` are the addresses of the field reports in its evidence, by name."""

    text: tuple[str, ...]  # paragraphs
    why: str
    evidence: str
    reports: Mapping[str, str]


@cache
def load_explanations() -> dict[str, Explanation]:
    """Read the TOML files: id of the clause → explanation.

    Also of clauses that do not exist: a test says so. Raises ValueError for a file that has not this form.
    """
    entries: dict[str, Any] = {}
    for path in sorted(Path(__file__).parent.glob("*.toml")):
        for clause, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if clause in entries or path.stem != f"{clause.partition('-')[0].lower()}_clauses":
                raise ValueError(f"{path.name}: {clause} has two entries, or is in the wrong file")
            entries[clause] = entry
    return {clause: _explanation(clause, entry, entries) for clause, entry in entries.items()}


def _explanation(clause: str, entry: Mapping[str, Any], entries: Mapping[str, Any]) -> Explanation:
    traps = {**entries[entry["like"]]["traps"], **entry.get("traps", {})} if "like" in entry else entry["traps"]
    if unknown := [*(entry.keys() - {"measured", "fix", "traps", "like"}), *(traps.keys() - set(LANGUAGES))]:
        raise ValueError(f"{clause}: unknown keys or languages: {', '.join(unknown)}")
    in_order = {language: _on_one_line(traps[language]) for language in LANGUAGES if language in traps}
    return Explanation(_on_one_line(entry["measured"]), _on_one_line(entry["fix"]), in_order)


@cache
def load_requirements() -> dict[str, Requirement]:
    """Read SPEC.md: id of the clause → requirement, why, and evidence. Tables and links are left as they are."""
    spec = (Path(__file__).parents[2] / "SPEC.md").read_text(encoding="utf-8")
    addresses = dict(_ADDRESS.findall(spec))
    sections = re.split(r"^##+ ", _ADDRESS.sub("", spec), flags=re.MULTILINE)
    return {
        section.split()[0]: _requirement(section.partition("\n")[2], addresses)
        for section in sections
        if re.match(r"[A-Z]{3}-\d", section)
    }


def _requirement(body: str, addresses: Mapping[str, str]) -> Requirement:
    text, *points = re.split(r"^- ", body.strip(), flags=re.MULTILINE)
    titled = {point.split()[0]: _on_one_line(point.partition(" ")[2]) for point in points}
    evidence = titled.get("**Evidence:**", "")
    reports = {name: address for name, address in addresses.items() if f"[{name}]" in evidence}
    plain = re.sub(r"\[([^\]]+)\]\([^)]*\)|\[([^\]]+#\d+)\]", lambda link: link[1] or link[2], evidence)
    paragraphs = tuple(_on_one_line(paragraph) for paragraph in text.strip().split("\n\n"))
    return Requirement(paragraphs, titled.get("**Why:**", ""), plain, reports)


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
