"""What the kit sees of a violation: whether bytes are one whole document, and what is kept of it when they are not."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from conformance.errors import Violation
from conformance.oracle.payload import Identity, identify, identify_values

__all__ = ["SIGHTS", "Sight", "Sighting", "evidence_of", "verify"]

Sight = Literal[
    "torn", "mixed", "missing", "stale", "future", "unknown", "refused", "blocked", "ended", "leak", "misread"
]
"""What can be wrong. ``refused``: a write failed, and nothing had been done to it. ``blocked``: on
Windows, readers kept a write waiting for longer than the budget. ``ended``: the implementation's
process ended by itself. ``leak``: a temp that belongs to no live writer. ``misread``: a reader implementation returned
nothing, or what no order of the writes explains, while the kit's own readers saw nothing wrong."""
SIGHTS: tuple[Sight, ...] = Sight.__args__  # type: ignore[attr-defined]  # a Literal is made at run time

_SHOWN = 80  # characters of each end of a long message


@dataclass(frozen=True)
class Sighting:
    """A violation that a reader, a writer or the watch of the folder saw by itself, at ``time`` (nanoseconds)."""

    sight: Sight
    time: int
    text: str
    evidence: dict[str, Any] = field(default_factory=dict)


def verify(data: bytes) -> Identity:
    """Say which document these bytes are. Raises Violation: torn or mixed.

    The standard library's parser is quick; what does not come out right is examined again by the kit's own.
    """
    try:
        return identify_values(json.loads(data))
    except (ValueError, TypeError, RecursionError, Violation):
        return identify(data)


def evidence_of(violation: Violation) -> dict[str, Any]:
    """The evidence of a torn or mixed document, of which a long message shows its two ends only."""
    values = violation.evidence.get("values")
    if not isinstance(values, dict):
        return dict(violation.evidence)
    return {"values": {name: _shortened(value) for name, value in values.items()}}


def _shortened(value: Any) -> Any:
    whole = not isinstance(value, str) or len(value) <= 2 * _SHOWN
    return value if whole else f"{value[:_SHOWN]} … {value[-_SHOWN:]} ({len(value):,} characters)"
