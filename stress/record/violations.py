"""Violations as they are observed: whether bytes are one whole document, and the evidence kept when they are not."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from conformance.contract.errors import Violation
from conformance.oracle.payload import Identity, identify, identify_values

__all__ = ["VIOLATION_KINDS", "ObservedViolation", "ViolationKind", "evidence_of", "verify"]

ViolationKind = Literal[
    "torn", "mixed", "missing", "stale", "future", "unknown", "refused", "blocked", "ended", "leak", "misread"
]
"""What can be wrong. ``refused``: a write failed although nothing had disturbed it. ``blocked``: on Windows, readers
kept a write waiting for longer than the budget. ``ended``: the implementation's process ended by itself. ``leak``: a
temp that belongs to no live writer. ``misread``: a reader implementation returned nothing, or something that no order
of the writes explains, while the kit's own readers saw nothing wrong."""
VIOLATION_KINDS: tuple[ViolationKind, ...] = ViolationKind.__args__  # type: ignore[attr-defined]  # a Literal is made at run time

_SHOWN = 80  # characters of each end of a long message


@dataclass(frozen=True)
class ObservedViolation:
    """A violation that a reader, a writer or a look at the folder found, at ``time`` (nanoseconds).

    Not to be confused with the exception `conformance.contract.errors.Violation`, which says that bytes are no whole
    document.
    """

    kind: ViolationKind
    time: int
    text: str
    evidence: dict[str, Any] = field(default_factory=dict)


def verify(data: bytes) -> Identity:
    """Return which document these bytes are. Raises Violation: torn, mixed or altered.

    The standard library's parser is quick; what it rejects, or what does not match, is examined again by the kit's own.
    """
    try:
        return identify_values(json.loads(data))
    except (ValueError, TypeError, RecursionError, Violation):
        return identify(data)


def evidence_of(violation: Violation) -> dict[str, Any]:
    """The evidence of a torn or mixed document, of which a long message keeps its two ends only."""
    values = violation.evidence.get("values")
    if not isinstance(values, dict):
        return dict(violation.evidence)
    return {"values": {name: _shortened(value) for name, value in values.items()}}


def _shortened(value: Any) -> Any:
    whole = not isinstance(value, str) or len(value) <= 2 * _SHOWN
    return value if whole else f"{value[:_SHOWN]} … {value[-_SHOWN:]} ({len(value):,} characters)"
