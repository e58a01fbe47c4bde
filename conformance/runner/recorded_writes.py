"""The operations of one undisturbed write, on their way from the syscall engine to results.jsonl (line ``write``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conformance.runner.run import Run

__all__ = ["keep_write", "kept_writes"]


def keep_write(run: Run, scenario: str, operations: Sequence[Mapping[str, Any]]) -> None:
    """Keep the operations of a write for the run, unless some of this scenario are kept: any worker may."""
    run.notes.once(f"write-{scenario}", lambda: {"scenario": scenario, "operations": list(operations)})


def kept_writes(run: Run) -> list[dict[str, Any]]:
    """What `keep_write` kept: ``scenario`` and ``operations`` of each write, a replace before a first write."""
    return [run.notes.read(name) for name in reversed(run.notes.names("write-"))]
