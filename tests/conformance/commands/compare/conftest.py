"""Recorded runs for the tests of `pulse compare`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.clauses import load_clauses
from conformance.reporting.results import Header, Result, results_file
from conformance.reporting.verdict import decide

HEADER = Header(
    kit="1.0",
    implementation={
        "name": "demo",
        "version": "1.0",
        "language": "go",
        "profile": "pulse",
        "roles": ["writer"],
        "mode": "serve",
    },
    platform={"system": "linux", "release": "6.1", "machine": "x86_64"},
    file_system="ext4",
    python="3.13.0",
    seed=7,
    selection={"clause": (), "case": (), "point": ("*",)},
)


@pytest.fixture
def header() -> Callable[..., Header]:
    """A header: ``header(version="2.0", system="macos", kit="1.1", selection={"clause": ("MET-*",)})``."""

    def make(**changes: Any) -> Header:
        about = {name: changes.pop(name) for name in HEADER.implementation if name in changes}
        system = changes.pop("system", HEADER.platform["system"])
        return dataclasses.replace(
            HEADER,
            implementation={**HEADER.implementation, **about},
            platform={**HEADER.platform, "system": system},
            selection={**HEADER.selection, **changes.pop("selection", {})},
            **changes,
        )

    return make


@pytest.fixture
def report(tmp_path: Path, header: Callable[..., Header]) -> Callable[..., Path]:
    """Writes the report of a run: ``report("old", *results, version="1.0", finished=True)`` → its folder."""

    def write(folder_name: str, /, *results: Result, finished: bool = True, **changes: Any) -> Path:
        folder = tmp_path / folder_name
        with results_file(folder) as file:
            assert file is not None
            file.header(header(**changes))
            for result in results:
                file.result(result)
            if finished:
                file.footer(decide(results, load_clauses(), (), "linux", strict=False, complete=False))
        return folder

    return write
