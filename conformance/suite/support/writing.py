"""Documents that real runs write, and what has come of them."""

from __future__ import annotations

import time
from typing import Any

from conformance.contract.errors import Violation
from conformance.oracle.document import examine, shown
from conformance.oracle.snapshot import snapshot
from conformance.runner.case import Case
from conformance.subject.client import Implementation

__all__ = ["LIFE", "require_now", "written"]

# The example documents of LIF-01 to LIF-04, and other values that real runs write.
LIFE = {
    "idle": {
        "status": "idle",
        "epoch": 0.0,
        "total_epochs": 0.0,
        "loss": 0.0,
        "message": "Waiting to start...",
        "timestamp": 1764345613,
    },
    "running": {
        "status": "running",
        "epoch": 2.5,
        "total_epochs": 3.0,
        "loss": 0.342,
        "message": "epoch 2/3, step 150/800",
        "timestamp": 1764345613,
    },
    "done": {
        "status": "done",
        "epoch": 3.0,
        "total_epochs": 3.0,
        "loss": 0.127,
        "message": "Training completed successfully",
        "timestamp": 1764345613,
    },
    "error": {
        "status": "error",
        "epoch": 2.5,
        "total_epochs": 3.0,
        "loss": 0.342,
        "message": "CUDA out of memory at step 150",
        "timestamp": 1764345613,
    },
}


def written(case: Case, status: dict[str, Any], by: Implementation | None = None) -> bytes:
    """Have the status written. Returns the target's bytes; raises Violation when there is no such file, or the file
    from before with other values.
    """
    began, before = time.time(), snapshot(case.target)
    case.require_ok(case.write(case.target, status, by=by))
    data = case.bytes_at(case.target)
    if not before.difference(snapshot(case.target)) and not _says(data, {"timestamp": int(began), **status}):
        raise Violation(
            "answered ok, but published nothing: the target is still the one from before", bytes=shown(data)
        )
    return data


def _says(data: bytes, status: dict[str, Any]) -> bool:
    """Whether a document has these values, however it writes them."""
    found = examine(data).values
    return all(name in found and found[name] == value for name, value in status.items())


def require_now(case: Case, members: dict[str, Any], by: Implementation | None = None) -> dict[str, Any]:
    """Have members without a timestamp written; it must be the current second, give or take two. Returns the values."""
    before = time.time()
    data = written(case, members, by)
    after = time.time()
    examination = examine(data)
    if examination.problems:
        raise Violation("; ".join(problem.text for problem in examination.problems), bytes=shown(data))
    found = examination.values["timestamp"]
    if not int(before) - 2 <= found <= int(after) + 2:
        raise Violation(f"timestamp is {found}, but the clock said {before:.0f} to {after:.0f}", bytes=shown(data))
    return dict(examination.values)
