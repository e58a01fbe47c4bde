"""The state of a path at one moment."""

import os
import sys
from pathlib import Path

import pytest

from conformance.oracle.snapshot import Snapshot, snapshot
from tests.wine import long_names_are_refused

# What a path is


def test_nothing_at_a_path(tmp_path: Path) -> None:
    assert snapshot(tmp_path / "none") == Snapshot(exists=False)


def test_nothing_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert snapshot(tmp_path / "file" / "below") == Snapshot(exists=False)


@long_names_are_refused
def test_a_path_that_cannot_be_inspected_is_not_called_missing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"name too long|syntax is incorrect"):
        snapshot(tmp_path / ("x" * 5000))


def test_an_untouched_file_is_not_different(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"data")
    before = snapshot(path)
    assert before.data == b"data"
    assert before.difference(snapshot(path)) == ""


def test_a_folder_has_no_bytes(tmp_path: Path) -> None:
    found = snapshot(tmp_path)
    assert found.exists
    assert found.data is None


def test_a_change_in_place_is_seen_even_when_the_time_is_put_back(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    before = snapshot(path)
    path.write_bytes(b"new")
    os.utime(path, ns=(before.modified, before.modified))
    assert before.difference(snapshot(path)) == "bytes"


def test_a_rewrite_with_the_same_bytes_is_seen_by_its_time(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    before = snapshot(path)
    os.utime(path, ns=(before.modified, before.modified + 1_000_000_000))
    assert before.difference(snapshot(path)) == "modification time"


def test_a_replace_by_the_same_bytes_is_seen_by_its_inode(tmp_path: Path) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    path.write_bytes(b"old")
    before = snapshot(path)
    other.write_bytes(b"old")
    os.utime(other, ns=(before.modified, before.modified))
    other.replace(path)
    assert before.difference(snapshot(path)) == "inode"


def test_a_removal_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    before = snapshot(path)
    path.unlink()
    assert "existence" in before.difference(snapshot(path))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such mode")
def test_a_change_of_mode_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o600)
    before = snapshot(path)
    path.chmod(0o640)
    assert before.difference(snapshot(path)) == "mode"


@pytest.mark.skipif(sys.platform == "win32", reason="a link needs a privilege there")
def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_bytes(b"data")
    link.symlink_to(path)
    found = snapshot(link)
    assert found.data is None
    assert "kind of file" in snapshot(path).difference(found)
