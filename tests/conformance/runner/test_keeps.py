"""Files that stay beside a target: which name is that of one, and what an implementation keeps undeclared."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.clauses import load_clauses
from conformance.runner.keeps import is_kept, not_kept, undeclared
from conformance.runner.resolve import resolve
from conformance.runner.run import Run

LONG = "n" * 250 + ".json"


@pytest.mark.parametrize(
    ("name", "pattern", "kept"),
    [
        (".status.json.lock", ".{name}.lock", True),
        ("status.json.bak", "{name}.bak", True),
        (".lock", ".lock", True),
        (".other.json.lock", ".{name}.lock", False),
        (".status.lock", ".{name}.lock", False),  # a prefix is enough only where the whole name is too long
        ("status.json", "{name}.bak", False),
        (f".{'n' * 240}.lock", ".{name}.lock", True),
        (f".{'n' * 240}x.lock", ".{name}.lock", False),
        ("..lock", ".{name}.lock", False),
    ],
)
def test_a_name_is_that_of_a_kept_file(name: str, pattern: str, kept: bool) -> None:
    assert is_kept(name, [pattern], ["status.json", LONG]) is kept


@pytest.fixture
def run_of(tmp_path: Path) -> Callable[..., Run]:
    def make(name: str, **manifest: Any) -> Run:
        (tmp_path / "cases").mkdir()
        (tmp_path / "children").mkdir()
        (tmp_path / "scratch").mkdir()
        found = dataclasses.replace(resolve(name, frozenset(load_clauses())), **manifest)
        return Run(seed=0, manifest=found, folder=tmp_path)

    return make


def test_an_undeclared_file_is_found_once(run_of: Callable[..., Run]) -> None:
    run = run_of("mutant:undeclared-lock-file")
    assert undeclared(run) == (".{name}.lock",)
    assert not_kept(run, [".status.json.lock", "left.tmp"], ["status.json"]) == {"left.tmp"}
    run.notes.write("undeclared", ["{name}.bak"])
    assert undeclared(run) == ("{name}.bak",)


def test_a_declared_file_is_not_undeclared(run_of: Callable[..., Run]) -> None:
    run = run_of("mutant:undeclared-lock-file", keeps=(".{name}.lock",))
    assert undeclared(run) == ()
    assert not_kept(run, [".status.json.lock"], ["status.json"]) == set()


def test_a_writer_that_keeps_nothing(run_of: Callable[..., Run]) -> None:
    run = run_of("variant:plain")
    assert not_kept(run, [], ["status.json"]) == set()
    assert run.notes.names("") == []
    assert undeclared(run) == ()


@pytest.mark.parametrize("name", ["mutant:undeclared-lock-file"])
def test_one_that_does_not_start_keeps_nothing(run_of: Callable[..., Run], name: str) -> None:
    assert undeclared(run_of(name, callable="no_such_module:factory")) == ()
