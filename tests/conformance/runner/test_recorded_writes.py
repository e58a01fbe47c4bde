"""The operations of an undisturbed write, kept once for each scenario whatever worker recorded them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.contract.clauses import load_clauses
from conformance.contract.manifest import load_manifest
from conformance.runner.recorded_writes import keep_write, kept_writes
from conformance.runner.run import Run


@pytest.fixture
def run(misbehaving: Callable[..., Path], tmp_path: Path) -> Run:
    return Run(load_manifest(misbehaving(), frozenset(load_clauses()), source="x"), tmp_path, seed=3)


def test_the_first_of_each_scenario_is_kept_a_replace_first(run: Run) -> None:
    keep_write(run, "first", [{"number": 0, "text": "create"}])
    keep_write(run, "replace", [{"number": 0, "text": "open"}])
    keep_write(run, "replace", [{"number": 0, "text": "by another worker"}])
    assert kept_writes(run) == [
        {"scenario": "replace", "operations": [{"number": 0, "text": "open"}]},
        {"scenario": "first", "operations": [{"number": 0, "text": "create"}]},
    ]


def test_without_the_syscall_engine_there_are_none(run: Run) -> None:
    assert kept_writes(run) == []
