"""The kit's own reader on Windows: it opens in a share mode, and a rename under way may refuse it for a moment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conformance.oracle.payload import encode, make_status
from stress.clients import file_reader as reading
from stress.clients.file_reader import FileReader
from stress.record.reports import READ_COLUMNS
from stress.record.scenario import Sharing

NAMES = ("status.json",)


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The target, in the current folder. It holds document 7 of writer 1."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / NAMES[0]).write_text(encode(make_status(1, 7, 300)), encoding="utf-8", newline="")
    return tmp_path / NAMES[0]


def windows_error(code: int) -> OSError:
    error = PermissionError(13, "Access is denied", NAMES[0])
    error.winerror = code  # type: ignore[attr-defined,unused-ignore]  # Windows alone has it
    return error


@pytest.mark.parametrize(("sharing", "mode"), [("delete", "read-write-delete"), ("plain", "read-write")])
def test_a_reader_opens_in_the_share_mode_that_it_was_given(
    target: Path, monkeypatch: pytest.MonkeyPatch, sharing: Sharing, mode: str
) -> None:
    opened: list[tuple[str, str]] = []

    def open_noted(name: str, mode: str) -> int:
        opened.append((name, mode))
        return os.open(name, os.O_RDONLY | getattr(os, "O_BINARY", 0))

    monkeypatch.setattr(reading, "open_shared", open_noted)
    reader = FileReader(NAMES, sharing)
    reader.read(3)
    assert set(opened) == {(NAMES[0], mode)}
    assert reader.take().rows[1:3].tolist() == [1, 7]


@pytest.mark.parametrize("code", [5, 32, 33])
def test_a_read_that_a_rename_refuses_is_counted_and_is_neither_a_read_nor_wrong(
    target: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    outcomes = iter([True, False, True, True, False, False, True, True])

    def open_sometimes(name: str, mode: str) -> int:
        if not next(outcomes):
            raise windows_error(code)
        return os.open(name, os.O_RDONLY | getattr(os, "O_BINARY", 0))

    monkeypatch.setattr(reading, "open_shared", open_sometimes)
    reader = FileReader(NAMES, "delete")
    reader.read(8)
    seen = reader.take()
    assert (seen.reads, seen.errors, seen.counts) == (5, {f"WinError {code}": 3}, {})
    assert len(seen.rows) == len(READ_COLUMNS)


def test_any_other_error_is_a_violation(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str, mode: str) -> int:
        raise windows_error(1392)  # the file is corrupted

    monkeypatch.setattr(reading, "open_shared", fail)
    reader = FileReader(NAMES, "plain")
    reader.read(1)
    assert reader.take().counts == {"missing": 1}
