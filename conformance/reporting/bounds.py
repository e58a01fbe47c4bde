"""How much of a result is kept: a judged program chooses messages, names and contents, and can make them very long."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from conformance.reporting.results import Result, counted

__all__ = ["LONGEST_TEXT", "MOST_MEMBERS", "bounded", "cut"]

LONGEST_TEXT = 8000
"""Characters of a message, and of each text in the evidence."""
MOST_MEMBERS = 1000
"""Entries of each list and each object in the evidence."""
_WHOLE = 100_000  # characters of all texts in the evidence together, numbers counted as texts
_DEEPEST = 12


def bounded(result: Result) -> Result:
    """The result with whatever exceeds the limits cut; each cut says how much there was."""
    return dataclasses.replace(
        result, message=cut(result.message, LONGEST_TEXT), evidence=_Cutter().mapping(result.evidence, 0)
    )


def cut(text: str, limit: int) -> str:
    """The text, of at most this many characters; a cut says how many there were."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


class _Cutter:
    def __init__(self) -> None:
        self.left = _WHOLE

    def mapping(self, value: Mapping[str, Any], depth: int) -> dict[str, Any]:
        names = list(value)[:MOST_MEMBERS]
        found = {cut(str(name), LONGEST_TEXT): self.value(value[name], depth + 1) for name in names}
        if len(value) > len(names):
            found["…"] = f"{len(value):,} members"
        return found

    def value(self, value: Any, depth: int) -> Any:
        if isinstance(value, bool | None):
            return value
        if isinstance(value, Mapping | list | tuple):
            if depth > _DEEPEST or self.left <= 0:
                return f"… ({counted(len(value), 'members')})"
            if isinstance(value, Mapping):
                return self.mapping(value, depth)
            found = [self.value(member, depth + 1) for member in value[:MOST_MEMBERS]]
            return [*found, f"… ({counted(len(value), 'members')})"] if len(value) > len(found) else found
        text = value if isinstance(value, str) else str(value)
        limit = max(0, min(LONGEST_TEXT, self.left))
        self.left -= min(len(text), limit)
        if len(text) <= limit:
            return value
        return cut(text, limit)
