"""After which calls a writer is held, for another program that syncs then."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from conformance.oracle.payload import identify, make_status
from conformance.syscalls.tracer.session import Boundary
from stress.powercut.blocks.recording import Writers
from stress.powercut.blocks.writers import at_changes, durable, unsynced


def held_after(*names: str) -> list[str]:
    """The calls after which there was a sync, of a document that is written by these."""
    found: list[str] = []
    current = ""
    at_boundary = at_changes(lambda: found.append(current))
    for number, name in enumerate(names):
        current = f"{name} {number}"
        at_boundary(Boundary(number, "after", name))
    return found


def test_each_call_that_may_change_something_is_followed_by_a_sync() -> None:
    calls = ["openat", "fstat", "write", "fsync", "close", "rename", "openat", "fsync", "close"]
    assert held_after(*calls) == ["openat 0", "write 2", "fsync 3", "rename 5", "openat 6", "fsync 7"]


def test_a_document_in_many_pieces_does_not_take_as_many_syncs() -> None:
    assert held_after("openat", *["write", "lseek"] * 5000, "fsync") == ["openat 0", "write 1", "fsync 10001"]
    assert len(held_after(*["write", "fsync"] * 5000)) == 40


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not sync folders")
@pytest.mark.parametrize(("writer", "gaps"), [(durable, 5), (unsynced, 3)])
def test_the_kits_own_writers_let_others_sync_after_each_of_their_calls(
    tmp_path: Path, writer: Writers, gaps: int
) -> None:
    held: list[list[str]] = []
    target = tmp_path / "status.json"
    with writer() as write:
        write(target, make_status(0, 1, 300), lambda: held.append([path.name for path in tmp_path.iterdir()]))
    assert (len(held), held[-1], identify(target.read_bytes())) == (gaps, ["status.json"], (0, 1))
