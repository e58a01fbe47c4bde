"""The kit opens files so that it causes no refusal, or so that it does, on purpose."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from conformance.system.share_modes import HELD, Sharing, hold, open_shared, read_shared, require_deletable

only_windows = pytest.mark.skipif(sys.platform != "win32", reason="only Windows refuses what a holder does not share")

CONTENTS = b"a\r\nb\n\x1a\xff"  # text mode would change these bytes
SHARE_MODES: tuple[Sharing, ...] = ("none", "read", "read-write", "read-write-delete")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "status.json"
    path.write_bytes(CONTENTS)
    return path


def test_bytes_are_read_as_they_are(file: Path) -> None:
    assert read_shared(file) == CONTENTS
    assert read_shared(str(file)) == CONTENTS


def test_a_missing_file_is_reported_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        read_shared(tmp_path / "missing")
    assert caught.value.filename == str(tmp_path / "missing")


def test_no_child_inherits_the_descriptor(file: Path) -> None:
    descriptor = open_shared(file)
    try:
        assert not os.get_inheritable(descriptor)
    finally:
        os.close(descriptor)


def test_a_reader_that_shares_deletion_lets_others_remove_the_file(file: Path) -> None:
    with hold(file, "read-write-delete"):
        require_deletable(file)
        file.unlink()
    assert not file.exists()


@pytest.mark.parametrize("sharing", SHARE_MODES)
def test_after_a_hold_nothing_stands_in_the_way(file: Path, sharing: Sharing) -> None:
    with hold(file, sharing):
        pass
    with hold(file, "none"):
        pass
    require_deletable(file)


@only_windows
@pytest.mark.parametrize("sharing", ["none", "read", "read-write"])
def test_a_hold_without_delete_sharing_refuses_removal_until_it_ends(file: Path, sharing: Sharing) -> None:
    with hold(file, sharing):
        with pytest.raises(PermissionError) as caught:
            require_deletable(file)
        assert getattr(caught.value, "winerror", None) in HELD
        assert caught.value.filename == str(file)
        with pytest.raises(PermissionError):
            file.unlink()
    file.unlink()


@only_windows
def test_a_hold_that_shares_nothing_refuses_readers(file: Path) -> None:
    with hold(file, "none"), pytest.raises(PermissionError) as caught:
        read_shared(file)
    assert getattr(caught.value, "winerror", None) == 32
