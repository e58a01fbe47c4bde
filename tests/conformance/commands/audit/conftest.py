"""Legs as the commands of the kit write them, without a run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.clauses import load_clauses
from conformance.reporting.chain import sealed
from conformance.reporting.header import kit_version
from conformance.reporting.results import FORMAT, Header, Result, results_file
from conformance.reporting.verdict import decide
from conformance.system.file_hashes import kit_files

IMPLEMENTATION = {
    "name": "demo",
    "version": "1.0",
    "language": "go",
    "profile": "pulse",
    "roles": ["writer", "reader"],
    "mode": "serve",
    "command": ["./demo"],
    "executable": {"path": "/opt/demo"},
    "files": {"each": {"implementation.toml": "1" * 64}, "count": 1, "sha256": "2" * 64},
}
# What is measured where: the suite on Linux, on Windows, load and power cuts.
ENGINES = {"linux": ("portable", "trace"), "macos": ("portable",), "windows": ("portable", "windows")}
LOAD = {"writes": 4_000, "reads": 50_000, "positive controls": 1}


def results_on(system: str, **others: Result) -> list[Result]:
    """A pass of each clause that the suite measures there; ``others`` are results of clauses, by id with _ for -."""
    instead = {name.replace("_", "-"): result for name, result in others.items()}
    return [
        instead.get(clause.id)
        or (
            Result(clause.id, "case", "pass", counts={"faults": 90} if clause.id == "FLT-01" else {})
            if clause.engine in ENGINES[system.partition(" ")[0]]
            else Result(clause.id, "*", "unmeasured", f"needs the engine {clause.engine}")
        )
        for clause in load_clauses().values()
    ]


@pytest.fixture
def write_leg(tmp_path: Path) -> Callable[..., Path]:
    """Write a leg into a folder: ``write_leg("linux", system=…, program=…, results=…)`` → its results.jsonl."""

    def write(
        name: str,
        *,
        system: str = "linux",
        program: str = "pulse conformance",
        results: Sequence[Result] | None = None,
        implementation: dict[str, Any] | None = None,
        complete: bool = True,
        mishaps: Sequence[str] = (),
        **header: Any,
    ) -> Path:
        found = results_on(system) if results is None else list(results)
        about = Header(
            kit=kit_version(),
            implementation={**IMPLEMENTATION, **(implementation or {})},
            platform={"system": system},
            file_system="ext4",
            python="3.13.0",
            seed=len(name),
            selection={"clause": [], "case": [], "point": ["*"]},
            started="2026-11-26T17:59:20+00:00",
            command=f"pulse conformance --impl mine.toml --report {name}",
            kit_files=kit_files(),
            program=program,
        )
        verdict = decide(
            found,
            load_clauses(),
            (),
            "linux",
            strict=False,
            mishaps=mishaps,
            complete=complete and program == "pulse conformance",
            part="measured",
        )
        with results_file(tmp_path / name) as file:
            assert file is not None
            file.header(dataclasses.replace(about, **header))
            for result in found:
                file.result(result)
            file.footer(verdict)
        return tmp_path / name / "results.jsonl"

    return write


@pytest.fixture
def write_matrix(tmp_path: Path) -> Callable[..., Path]:
    """Write a matrix of mutants into a folder: ``write_matrix("mutants", missed=…, kit_files=…)`` → its matrix.json."""

    def write(name: str = "mutants", *, missed: Sequence[str] = (), clause: Sequence[str] = (), **members: Any) -> Path:
        caught = [{"entry": {"name": f"mutant-{number}"}, "verdict": "caught"} for number in range(3)]
        matrix = {
            "format": FORMAT,
            "kit": kit_version(),
            "kit_files": kit_files(),
            "platform": {"system": "linux"},
            "selection": {"names": [], "clause": list(clause), "only_here": False},
            "mutants": [*caught, *({"entry": {"name": one}, "verdict": "missed"} for one in missed)],
            "variants": [],
            "totals": {"mutants": 3 + len(missed), "caught": 3, "holds": not missed, "complete": True},
            **members,
        }
        path = tmp_path / name / "matrix.json"
        path.parent.mkdir()
        path.write_text(json.dumps(sealed(matrix)), encoding="utf-8")
        return path

    return write


@pytest.fixture
def every_leg(write_leg: Callable[..., Path], write_matrix: Callable[..., Path]) -> Path:
    """The folder of the legs that the default policy needs: suite on Linux and Windows, load, power cuts, mutants."""
    write_leg("linux/conformance")
    write_leg("windows/conformance", system="windows", file_system="NTFS")
    write_leg("linux/stress", program="pulse stress suite", results=[Result("CON-01", "load", "pass", counts=LOAD)])
    cuts = [Result(clause, "cuts", "pass", counts={"cuts": 200}) for clause in ("PWR-02", "PWR-03", "PWR-04")]
    write_leg("linux/powercut", program="pulse stress powercut", results=cuts)
    return write_matrix("linux/mutants").parents[2]
