"""Samples that the tests of the harness share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stress.record.folder_record import Control, FolderRecord, Overlap, Totals
from stress.record.scenario import Scenario

__all__ = ["a_record", "by_column"]


def a_record(**changes: Any) -> FolderRecord:
    """The record of a complete run of 2 s without violations; ``changes`` are other attributes."""
    attributes = {
        "folder": "/somewhere",
        "file_system": "ext4",
        "scenario": Scenario(),
        "seconds": 2.0,
        "complete": True,
        "totals": Totals(),
        "overlap": Overlap(),
        "control": Control(1, 10, 0.01),
    }
    return FolderRecord(**{**attributes, **changes})


def by_column(flat: Sequence[int], columns: Sequence[str]) -> list[dict[str, int]]:
    """The rows of a report, each by the names of its columns."""
    size = len(columns)
    rows = [flat[start : start + size] for start in range(0, len(flat), size)]
    return [dict(zip(columns, row, strict=True)) for row in rows]
