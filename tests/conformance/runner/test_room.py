"""A full folder of the run: what is then no verdict, and what is said of it."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from conformance.errors import ImplementationError, Inconclusive
from conformance.runner import room
from conformance.runner.pytest_plugin import _for_want_of_room


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    said = SimpleNamespace(free=1 << 40)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: said)
    return said


def test_with_room_nothing_is_said(free: SimpleNamespace, tmp_path: Path) -> None:
    room.require_room(tmp_path)
    assert room.warning_of(tmp_path) == ""


def test_little_room_is_said_at_the_start(free: SimpleNamespace, tmp_path: Path) -> None:
    free.free = 10 << 20
    room.require_room(tmp_path)
    assert room.warning_of(tmp_path).startswith(
        f"warning: only 10,240 KiB are free in {tmp_path}; with less than 4,096"
    )


def test_without_room_there_is_no_verdict(free: SimpleNamespace, tmp_path: Path) -> None:
    free.free = 400 << 10
    with pytest.raises(Inconclusive, match=r"^the folder of the run is full \(400 KiB free in .*\): choose another"):
        room.require_room(tmp_path)


def test_a_folder_that_cannot_be_asked_is_not_full(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        raise OSError(errno.EIO, "no answer")

    monkeypatch.setattr(shutil, "disk_usage", fail)
    assert not room.is_full(tmp_path)
    assert not room.is_full(tmp_path / "missing")
    assert room.warning_of(tmp_path) == ""


def test_an_error_says_that_there_is_no_room_or_comes_from_one_that_does() -> None:
    full = OSError(errno.ENOSPC, "no space left")
    wrapped = RuntimeError("the findings could not be kept")
    wrapped.__cause__ = full
    assert room.is_about_room(full)
    assert room.is_about_room(wrapped)
    assert not room.is_about_room(OSError(errno.EIO, "broken"))
    assert not room.is_about_room(None)


def test_what_fails_for_want_of_room(free: SimpleNamespace, tmp_path: Path) -> None:
    assert _for_want_of_room(OSError(errno.ENOSPC, ""), tmp_path)
    assert not _for_want_of_room(ImplementationError("ended"), tmp_path)
    assert not _for_want_of_room(ValueError(), tmp_path)
    free.free = 0
    assert _for_want_of_room(ImplementationError("ended"), tmp_path)
    assert not _for_want_of_room(Inconclusive("too little"), tmp_path)
