"""How other programs sync beside a writer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from stress.powercut.blocks.syncs import NEIGHBOUR, syncs_of

if sys.platform != "linux":
    pytest.skip("file systems are synced like this on Linux only", allow_module_level=True)


def test_where_a_sync_of_a_file_commits_nothing_else_there_are_others_in_turn() -> None:
    """On btrfs an fsync(2) leaves the names of other files to the commit that comes every 30 s, or to sync(1)."""
    assert len(set(syncs_of("ext4"))) == len(set(syncs_of("xfs"))) == len(set(syncs_of("f2fs"))) == 2
    assert len(set(syncs_of("btrfs"))) == 3


@pytest.mark.parametrize("way", [0, 1])
def test_each_writes_to_the_file_of_the_other_program(tmp_path: Path, way: int) -> None:
    sync = syncs_of("ext4")[way]
    sync(tmp_path)
    sync(tmp_path)
    assert (tmp_path / NEIGHBOUR).read_bytes() == 2 * b"neighbour"


@pytest.mark.parametrize("way", [0, 1])
def test_where_nothing_can_be_written_that_is_an_error(tmp_path: Path, way: int) -> None:
    with pytest.raises(FileNotFoundError):
        syncs_of("ext4")[way](tmp_path / "nothing")
