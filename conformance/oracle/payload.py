"""Self-verifying statuses: every member follows from (writer, sequence), so that a mixture of two is noticed.

``message`` carries writer, sequence, padding and a checksum over the other members and the padding. The idea is that of
Go's renameio test, whose payload is its own checksum.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from conformance.errors import Violation
from conformance.oracle.document import STATUSES, examine, shown

__all__ = ["Identity", "encode", "identify", "identify_values", "make_status"]

Identity = tuple[int, int]  # (writer, sequence)
_PADDING = "0123456789abcdef"


def make_status(writer: int, sequence: int, size: int = 0) -> dict[str, Any]:
    """Build the legal status number ``sequence`` of ``writer``, whose `encode`d form has about ``size`` bytes."""
    room = max(0, size - len(encode(_status(writer, sequence, ""))))
    return _status(writer, sequence, (_PADDING * (room // len(_PADDING) + 1))[:room])


def _status(writer: int, sequence: int, padding: str) -> dict[str, Any]:
    status: dict[str, Any] = {
        "status": STATUSES[sequence % len(STATUSES)],
        "epoch": sequence / 8,
        "total_epochs": float(sequence + writer),
        "loss": 1.0 / (1 + sequence),
        "message": "",
        "timestamp": 1_700_000_000 + sequence,
    }
    checksum = zlib.crc32((encode(status) + padding).encode("utf-8"))
    status["message"] = f"w{writer} s{sequence} {checksum:08x} {padding}"
    return status


def encode(status: Mapping[str, Any]) -> str:
    """The document as one line of JSON: what the profile ``replace`` is given to publish."""
    return json.dumps(status, ensure_ascii=False, separators=(",", ":"))


def identify(data: bytes) -> Identity:
    """Identify the status that these bytes are, whole and unmixed. Raises Violation when they are torn or mixed."""
    examination = examine(data)
    if examination.problems:
        problems = "; ".join(problem.text for problem in examination.problems)
        raise Violation(f"torn: a reader saw bytes that are not one document ({problems})", bytes=shown(data))
    return identify_values(examination.values)


def identify_values(values: Mapping[str, Any]) -> Identity:
    """As `identify`, for the six values that a reader returned. Numbers are compared by value: 0 equals 0.0."""
    try:
        head, number, _, padding = values["message"].split(" ", 3)
        identity = int(head.removeprefix("w")), int(number.removeprefix("s"))
        whole = dict(values) == _status(*identity, padding)
    except (ArithmeticError, ValueError, AttributeError, KeyError, TypeError):
        whole = False
    if not whole or any(isinstance(value, bool) for value in values.values()):
        raise Violation("mixed: a reader saw members of different documents", values=dict(values))
    return identity
