"""The writers that are measured: they publish what they are given, and clean up after a failure."""

import json
import os
import sys
from pathlib import Path

import pytest

from bench.sharing.writers import WRITERS
from conformance.oracle import payload

HERE = [name for name in WRITERS if name != "ReplaceFileW" or sys.platform == "win32"]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A target that exists already: ReplaceFileW asks for it."""
    path = tmp_path / "status.json"
    path.write_bytes(b"before")
    return path


@pytest.mark.parametrize("name", HERE)
def test_a_writer_publishes_the_status_and_leaves_nothing_else(name: str, target: Path) -> None:
    status = payload.make_status(1, 7)
    WRITERS[name](target, status)
    assert json.loads(target.read_bytes()) == status
    assert list(target.parent.iterdir()) == [target]


def test_the_orders_writer_does_not_try_again(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def refuse(temp: str, name: Path) -> None:
        tried.append(temp)
        raise PermissionError(13, "Access is denied", temp)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError):
        WRITERS["orders"](target, payload.make_status(1, 7))
    assert len(tried) == 1
    assert Path(tried[0]).suffix == ".tmp"
    assert target.read_bytes() == b"before"
    assert list(target.parent.iterdir()) == [target]
