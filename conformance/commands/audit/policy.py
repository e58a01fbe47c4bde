"""``audit.toml``: what a release needs, checked and frozen."""

from __future__ import annotations

import datetime
import fnmatch
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import did_you_mean
from conformance.system.file_kinds import kind_at

__all__ = ["PLATFORMS", "PROGRAMS", "WORK", "Accepted", "Policy", "PolicyError", "load_policy"]

PLATFORMS = ("linux", "macos", "windows")
PROGRAMS = {
    "conformance": "pulse conformance",
    "stress": "pulse stress",
    "powercut": "pulse stress powercut",
}
"""The names of programs in a policy, and in the header of their results."""
WORK: Mapping[str, tuple[str, ...]] = {
    "writes": ("stress",),
    "reads": ("stress",),
    "faults": ("conformance",),
    "kills": ("stress", "conformance"),
    "cuts": ("powercut",),  # the suite counts those that its model foresees
}
"""What a policy may ask a minimum of, by the name that results count it by, and in the results of which programs."""

_KEYS: Mapping[str, Mapping[str, type]] = {
    "required": {
        **dict.fromkeys(("platforms", "supported", "file_systems", "programs", "should"), list),
        "wine": bool,
    },
    "minimum": dict.fromkeys(WORK, int),
    "accepted": {"clause": str, "case": str, "platform": str, "until": datetime.date, "reason": str},
}
_WRITTEN = {"required": "[required]", "minimum": "[minimum]", "accepted": "[[accepted]]"}
_NAMES: Mapping[type, str] = {
    list: "a list of strings, each once",
    bool: "true or false",
    int: "a number of at least 1",
    str: "a string that is not empty",
    datetime.date: "a date, such as 2027-03-31, without quotes",
}


class PolicyError(ValueError):
    """A policy that cannot be used. The message says what is wrong and where. Exit code 2."""


@dataclass(frozen=True)
class Accepted:
    """A known failure that is accepted: of a clause, of the cases that match a glob, on a platform ("" is any)."""

    clause: str
    until: datetime.date
    reason: str
    case: str = "*"
    platform: str = ""

    def matches(self, clause: str, case: str, platform: str) -> bool:
        """Whether it is about a failure of this clause and case on this platform."""
        return clause == self.clause and fnmatch.fnmatchcase(case, self.case) and self.platform in ("", platform)


@dataclass(frozen=True)
class Policy:
    """What a release needs. Without a file, the default of each key holds.

    ``supported`` are the platforms that the program is made for: a clause that can only be measured on another one is
    not asked. ``should`` are clauses of level SHOULD that have to pass, too; ``wine`` says that Wine counts as Windows.
    """

    platforms: tuple[str, ...] = ("linux", "windows")
    supported: tuple[str, ...] = PLATFORMS
    file_systems: tuple[str, ...] = ()
    programs: tuple[str, ...] = ("conformance", "stress")
    should: tuple[str, ...] = ()
    wine: bool = False
    minimum: Mapping[str, int] = field(default_factory=dict)
    accepted: tuple[Accepted, ...] = ()

    @property
    def is_for_all_platforms(self) -> bool:
        """Whether no clause is left out for the platform that it needs."""
        return set(self.supported) == set(PLATFORMS)

    def platform(self, system: str) -> str:
        """Which platform a system counts as, by its name in the header of results."""
        return "windows" if self.wine and system == "windows (wine)" else system


def load_policy(path: Path, today: datetime.date) -> Policy:
    """Read and check a policy. Raises PolicyError."""
    if (kind := kind_at(path)) is not None:
        raise PolicyError(f"{path}: {kind} is there, and no file")
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise PolicyError(f"{path}: cannot be read as TOML: {error}") from error
    for name in document:
        if name not in _WRITTEN:
            near = did_you_mean(name, _WRITTEN)
            raise PolicyError(f"{path}: unknown key {name!r}; there are {', '.join(_WRITTEN.values())}{near}")
    required = _checked(document.get("required", {}), "required", path)
    _known(required.get("platforms", ()), PLATFORMS, "required.platforms", path)
    _known(required.get("supported", ()), PLATFORMS, "required.supported", path)
    required["platforms"] = _platforms(required, path)
    _known(required.get("programs", ()), PROGRAMS, "required.programs", path)
    should = [clause.id for clause in load_clauses().values() if clause.level == "should"]
    _known(required.get("should", ()), should, "required.should", path)
    accepted = document.get("accepted", [])
    if not isinstance(accepted, list):
        raise PolicyError(f"{path}: accepted must be written as [[accepted]]")
    lists = {name: tuple(value) for name, value in required.items() if name != "wine"}
    return Policy(
        **lists,
        wine=required.get("wine", False),
        minimum=_checked(document.get("minimum", {}), "minimum", path),
        accepted=tuple(_accepted(entry, path, today) for entry in accepted),
    )


def _platforms(required: Mapping[str, Any], path: Path) -> Sequence[str]:
    """The platforms that a policy requires: by default those of the usual ones that the program supports."""
    supported = required.get("supported", PLATFORMS)
    usual = [platform for platform in Policy.platforms if platform in supported]
    platforms: Sequence[str] = required.get("platforms", usual or supported)
    if others := [platform for platform in platforms if platform not in supported]:
        raise PolicyError(f"{path}: required.platforms: {others[0]!r} is not one of required.supported")
    return platforms


def _accepted(entry: object, path: Path, today: datetime.date) -> Accepted:
    found = _checked(entry, "accepted", path)
    for key in ("clause", "until", "reason"):
        if key not in found:
            raise PolicyError(f"{path}: [[accepted]] lacks the key {key!r}")
    _known([found["clause"]], load_clauses(), "accepted.clause", path)
    if "platform" in found:
        _known([found["platform"]], PLATFORMS, "accepted.platform", path)
    if found["until"] < today:
        raise PolicyError(
            f"{path}: the failure of {found['clause']} was accepted until {found['until']}: mend it, or agree on a new "
            "date"
        )
    return Accepted(**found)


def _checked(table: object, where: str, path: Path) -> dict[str, Any]:
    """A table of which each key is known and each value of the right type."""
    keys = _KEYS[where]
    if not isinstance(table, dict):
        raise PolicyError(f"{path}: {where} must be written as {_WRITTEN[where]}")
    for key, value in table.items():
        if key not in keys:
            near = did_you_mean(key, keys)
            raise PolicyError(f"{path}: unknown key {key!r} in {_WRITTEN[where]}; known: {', '.join(keys)}{near}")
        kind = keys[key]
        right = type(value) is kind  # not isinstance: true is no number, and a time of day no date
        if kind is list:
            right = right and all(isinstance(word, str) and word for word in value) and bool(value)
            right = right and len(set(value)) == len(value)
        if not right or (kind is int and value < 1) or value == "":
            raise PolicyError(f"{path}: {where}.{key} must be {_NAMES[kind]}")
    return table


def _known(words: Collection[str], known: Collection[str], where: str, path: Path) -> None:
    for word in words:
        if word not in known:
            near = did_you_mean(word, known)
            raise PolicyError(f"{path}: {where} has {word!r}; it must be one of {_shown(known)}{near}")


def _shown(known: Collection[str]) -> str:
    names = list(known)
    return ", ".join(names if len(names) <= 12 else [*names[:6], "…", names[-1]])
