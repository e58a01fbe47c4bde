"""A full folder of the run: what is then no verdict, and what is said of it."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from conformance.contract.errors import ImplementationError, Inconclusive
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
        f"warning: only 10,240 KiB are free in {tmp_path}: what fails once there are less than 4,096 KiB is incon"
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


def test_whatever_fails_in_a_full_folder_is_inconclusive(free: SimpleNamespace, tmp_path: Path) -> None:
    """A disk in a file there answers EIO, or goes read-only: nothing of it is about room."""
    with pytest.raises(ImplementationError), room.blaming_room(tmp_path):
        raise ImplementationError("io: Input/output error")
    free.free = 400 << 10
    for error in (ImplementationError("io: Input/output error"), OSError(errno.EROFS, ""), ValueError("half a record")):
        with (
            pytest.raises(Inconclusive, match=r"^the folder of the run is full \(400 KiB"),
            room.blaming_room(tmp_path),
        ):
            raise error
    with pytest.raises(Inconclusive, match="too little"), room.blaming_room(tmp_path):
        raise Inconclusive("too little")


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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_where_too_few_files_may_be_open_the_limit_is_named() -> None:
    code = """
import resource, sys
from conformance.contract.errors import ManifestError
from conformance.runner.room import DESCRIPTORS, require_descriptors
for number in (DESCRIPTORS, DESCRIPTORS - 1):
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    try:
        require_descriptors()
        print("enough")
    except ManifestError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines() == [
        "enough",
        "a process may have only 127 files open here, and the kit needs 128: raise the limit (ulimit -n 128, or more)",
    ]
