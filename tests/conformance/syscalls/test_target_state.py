"""The state of a target after a write that was disturbed."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from conformance.oracle.payload import encode, make_status
from conformance.syscalls.target_state import NEW, OLD, sequence_at, state_of


@pytest.mark.parametrize(
    ("content", "sequence", "state"),
    [
        (encode(make_status(0, OLD)), OLD, "old"),
        (encode(make_status(0, NEW)), NEW, "new"),
        (encode(make_status(0, 7)), 7, "other"),
        ("", -1, "torn"),
        (encode(make_status(0, NEW))[:-1], -1, "torn"),
        (None, None, "missing"),
    ],
)
def test_the_state_of_a_target(tmp_path: Path, content: str | None, sequence: int | None, state: str) -> None:
    path = tmp_path / "status.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert (sequence_at(path), state_of(path)) == (sequence, state)


def test_a_target_that_is_no_file(tmp_path: Path) -> None:
    assert (sequence_at(tmp_path), state_of(tmp_path)) == (-1, "a folder")


def test_a_target_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "denied")

    monkeypatch.setattr("conformance.syscalls.target_state.read_shared", fail)
    assert (sequence_at(tmp_path), state_of(tmp_path)) == (-1, "unreadable")
