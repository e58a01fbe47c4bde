"""A run on its way to a worker process, as JSON: what comes out of it is data, whatever was put in."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from conformance.contract.manifest import KnownFailure, Manifest
from conformance.runner.notes import Notes
from conformance.runner.run import Run, RunPlan

__all__ = ["run_from_json", "run_to_json"]


def run_to_json(run: Run) -> str:
    """The run, with the key of its notes: only for the process that it is handed over to."""
    return json.dumps(
        {
            "plan": {field.name: _plain(getattr(run, field.name)) for field in dataclasses.fields(RunPlan)},
            "manifest": {name: _plain(value) for name, value in vars(run.manifest).items()},
            "folder": str(run.folder),
            "own": _plain(run.own),
            "about": dict(run.about),
            "notes": {"folder": _plain(run.notes.folder), "key": run.notes.key.hex()},
        }
    )


def run_from_json(text: str) -> Run:
    """The run that `run_to_json` made this of."""
    value = json.loads(text)
    notes = Notes(_path(value["notes"]["folder"]), bytes.fromhex(value["notes"]["key"]))
    of_plan = value["plan"]
    plan = {**of_plan, "parent": _path(of_plan["parent"]), "sandbox_read": tuple(of_plan["sandbox_read"])}
    return Run(
        _manifest(value["manifest"]),
        Path(value["folder"]),
        value["about"],
        own=_path(value["own"]),
        notes=notes,
        **plan,
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [vars(each) if isinstance(each, KnownFailure) else each for each in value]
    return value


def _path(value: str | None) -> Path | None:
    return None if value is None else Path(value)


def _manifest(value: dict[str, Any]) -> Manifest:
    known = [
        KnownFailure(**{**each, "os": tuple(each["os"]), "cases": tuple(each["cases"])})
        for each in value["known_failures"]
    ]
    lists = {name: tuple(value[name]) for name in ("roles", "command", "refusals", "keeps")}
    set_up = tuple(tuple(command) for command in value["setup"])
    folders = {"folder": Path(value["folder"]), "original": _path(value["original"])}
    return Manifest(**{**value, **lists, **folders, "setup": set_up, "known_failures": tuple(known)})
