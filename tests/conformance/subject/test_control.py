"""Whose fault it is that an implementation does not start: that of its launch options, or its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.clauses import load_clauses
from conformance.contract.manifest import load_manifest
from conformance.subject.control import obstacle
from conformance.subject.launch import LaunchOptions


@pytest.fixture
def found(make_manifest: Callable[..., Path], tmp_path: Path) -> Callable[..., str]:
    """The obstacle for a program that ends at once, with launch options."""
    for name in ("children", "scratch"):
        (tmp_path / name).mkdir()

    def ask(**options: Any) -> str:
        manifest = load_manifest(
            make_manifest(command=["{python}", "-c", "raise SystemExit(9)"]), frozenset(load_clauses()), source="x"
        )
        return obstacle(manifest, LaunchOptions(tmp_path / "children", tmp_path / "scratch", **options))

    return ask


def test_nothing_is_in_the_way_of_a_program_that_just_does_not_start(found: Callable[..., str]) -> None:
    assert found() == ""


def test_a_prefix_that_cannot_be_executed(found: Callable[..., str]) -> None:
    assert "no-such-program" in found(prefix=("no-such-program",))


def test_a_prefix_that_ends_by_itself(found: Callable[..., str]) -> None:
    ending = (sys.executable, "-c", "import sys; sys.stderr.write('not allowed here'); sys.exit(3)")
    assert found(prefix=ending) == "not allowed here"


def test_a_prefix_that_ends_without_a_word(found: Callable[..., str]) -> None:
    assert found(prefix=(sys.executable, "-c", "raise SystemExit(3)")) == "exit code 3"


def test_a_home_that_is_not_there_is_not_needed(found: Callable[..., str], tmp_path: Path) -> None:
    assert found(environment={"HOME": str(tmp_path / "none")}) == ""


def test_a_prefix_that_never_starts_it(found: Callable[..., str]) -> None:
    sleeping = (sys.executable, "-c", "import time; time.sleep(600)")
    assert "timed out" in found(prefix=sleeping, start_seconds=0.1)
