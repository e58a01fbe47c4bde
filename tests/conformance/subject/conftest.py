"""Running implementations for the tests of the client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.clauses import load_clauses
from conformance.contract.manifest import Manifest, load_manifest
from conformance.subject.children import running
from conformance.subject.client import Implementation, start
from conformance.subject.launch import LaunchOptions


def load(path: Path) -> Manifest:
    return load_manifest(path, frozenset(load_clauses()), source=str(path))


@pytest.fixture
def started(launch_options: Callable[..., LaunchOptions]) -> Iterator[Callable[..., Implementation]]:
    """Starts the implementation of a manifest; it ends with the test."""
    running: list[Implementation] = []

    def run(manifest: Path, **changes: Any) -> Implementation:
        running.append(start(load(manifest), launch_options(**changes)))
        return running[-1]

    yield run
    for implementation in running:
        implementation.kill()


def running_children(children: Path) -> list[int]:
    return running(children)
