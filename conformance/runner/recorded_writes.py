"""The operations of one undisturbed write, on their way from the syscall engine to results.jsonl (line ``write``)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from conformance.runner.run import Run

__all__ = ["keep_write", "kept_writes"]


def keep_write(run: Run, scenario: str, operations: Sequence[Mapping[str, Any]]) -> None:
    """Keep the operations of a write in the run's folder, unless some of this scenario are there: any worker may."""
    path = run.folder / "findings" / f"write-{scenario}.json"
    if not path.exists():
        temp = path.with_suffix(f".{os.getpid()}")
        temp.write_text(json.dumps({"scenario": scenario, "operations": list(operations)}), encoding="utf-8")
        temp.replace(path)


def kept_writes(run: Run) -> list[dict[str, Any]]:
    """What `keep_write` kept: ``scenario`` and ``operations`` of each write, a replace before a first write."""
    paths = sorted((run.folder / "findings").glob("write-*.json"), reverse=True)
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]
