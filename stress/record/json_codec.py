"""A folder's record as JSON and back: for results.jsonl, and to send it from one machine to another."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from stress.record.folder_record import Control, Finding, FolderRecord, Machines, Overlap, Sample, Shown, Totals
from stress.record.histogram import EDGES, Histogram
from stress.record.scenario import Goal, Scenario

__all__ = ["from_json", "scenario_from_json", "to_json"]

_NAMES: Mapping[tuple[object, str], str] = {
    (Finding, "kind"): "sight"
}  # attributes that have a different name in the format


def to_json(record: FolderRecord) -> dict[str, Any]:
    """The record as values that `json` writes. `from_json` makes an equal record of them, except that
    tuples in evidence become lists.

    Raises TypeError for evidence that JSON cannot represent.
    """
    value = _plain(record)
    assert isinstance(value, dict)
    return value


def from_json(value: Mapping[str, Any]) -> FolderRecord:
    """The record that `to_json` made this of. Raises ValueError for anything else."""
    try:
        return FolderRecord(
            **{
                **value,
                "scenario": scenario_from_json(value["scenario"]),
                "totals": Totals(**value["totals"]),
                "overlap": Overlap(**value["overlap"]),
                "control": Control(**value["control"]),
                "findings": tuple(_finding(finding) for finding in value["findings"]),
                "doubts": tuple(value["doubts"]),
                "samples": tuple(Sample(**sample) for sample in value["samples"]),
                "sizes": {int(size): count for size, count in value["sizes"].items()},
                "actions": tuple(value["actions"]),
                "machines": _machines(value["machines"]),
                **{name: _histogram(value[name]) for name in ("write_latency", "read_latency", "staleness")},
            }
        )
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(
            f"this is not the record of a stress run ({error!r}); use the same version of the kit on both sides"
        ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, Histogram):
        # Most buckets are empty: only the others are written.
        return {str(bucket): int(count) for bucket, count in enumerate(value.counts) if count}
    if dataclasses.is_dataclass(value):
        return {
            _NAMES.get((type(value), field.name), field.name): _plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"{value!r} cannot be written as JSON; keep it as text, number, list or mapping")


def scenario_from_json(value: Mapping[str, Any]) -> Scenario:
    """The scenario that this was made of by `to_json`."""
    goal = None if value["goal"] is None else Goal(**value["goal"])
    return Scenario(**{**value, "sizes": tuple(value["sizes"]), "goal": goal, "chaos": tuple(value["chaos"])})


def _finding(value: Mapping[str, Any]) -> Finding:
    timeline = tuple(Shown(**{**shown, "value": tuple(shown["value"])}) for shown in value["timeline"])
    kind, members = value["sight"], {name: item for name, item in value.items() if name != "sight"}
    return Finding(**{**members, "kind": kind, "timeline": timeline})


def _machines(value: Mapping[str, Any] | None) -> Machines | None:
    return None if value is None else Machines(**{**value, "names": tuple(value["names"])})


def _histogram(value: Mapping[str, int]) -> Histogram:
    counts = [0] * len(EDGES)
    for bucket, count in value.items():
        counts[int(bucket)] = count
    return Histogram(tuple(counts))
