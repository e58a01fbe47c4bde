"""The witness of one write: it sees the file itself change, and nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.oracle.inotify import FolderWatch
from conformance.oracle.witness import Witness, witnessing

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="an open file may not be replaced on Windows")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "status.json"
    path.write_bytes(b"old and long")
    return path


def replaced(target: Path) -> None:
    temp = target.with_suffix(".tmp")
    temp.write_bytes(b"new")
    temp.replace(target)


def in_place_then_replaced(target: Path) -> None:
    target.write_bytes(b"new")
    replaced(target)


def longer(target: Path) -> None:
    with target.open("ab") as file:
        file.write(b"!")


@pytest.mark.parametrize(
    ("write", "changed"),
    [
        (replaced, False),
        (Path.unlink, False),
        (lambda target: target.chmod(0o600), False),
        (lambda target: os.utime(target, (1, 1)), False),
        (lambda target: None, False),
        (lambda target: target.write_bytes(b"new"), True),
        (in_place_then_replaced, True),
        (longer, True),
        (lambda target: os.truncate(target, 3), True),
    ],
)
def test_only_a_change_of_the_file_itself_counts(target: Path, write: Callable[[Path], object], changed: bool) -> None:
    with witnessing(str(target)) as witness:
        write(target)
    assert (witness.held, witness.changed) == (True, changed)


@pytest.mark.parametrize(
    ("write", "away"), [(replaced, True), (Path.unlink, True), (in_place_then_replaced, True), (longer, False)]
)
def test_it_says_whether_another_file_is_there_afterwards(
    target: Path, write: Callable[[Path], object], away: bool
) -> None:
    with witnessing(str(target)) as witness:
        write(target)
    assert witness.replaced is away


def test_a_write_that_fails_is_seen_too(target: Path) -> None:
    def write() -> None:
        with witnessing(str(target)) as witness:
            seen.append(witness)
            target.write_bytes(b"")
            raise OSError("no room")

    seen: list[Witness] = []
    with pytest.raises(OSError, match="no room"):
        write()
    assert seen[0].changed


def test_a_link_is_followed(target: Path) -> None:
    link = target.with_name("link")
    link.symlink_to(target)
    with witnessing(str(link)) as witness:
        target.write_bytes(b"new")
    assert witness.changed


def test_nothing_is_held_where_there_is_no_file_to_hold(tmp_path: Path) -> None:
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe")
    for path in ("", "relative", str(tmp_path), str(tmp_path / "none"), str(tmp_path / "pipe"), "\0", "/\ud800"):
        with witnessing(path) as witness:
            pass
        assert not witness.held


def test_nothing_is_held_while_a_folder_is_watched(target: Path) -> None:
    if sys.platform == "linux":
        with FolderWatch(target.parent) as watch:
            with witnessing(str(target)) as witness:
                pass
            assert not witness.held
            assert watch.events() == ()
    with witnessing(str(target)) as witness:
        pass
    assert witness.held


def test_no_descriptor_is_left(target: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("counted in /proc")
    before = len(os.listdir("/proc/self/fd"))
    with witnessing(str(target)):
        pass
    assert len(os.listdir("/proc/self/fd")) == before
