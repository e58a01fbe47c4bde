"""Which file systems can be cut at every block: the kit's own, and what is found on the machine."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest

from stress.powercut.blocks.file_systems import file_systems, known_to_kernel
from stress.powercut.blocks.rounds import rounds

OWN = ["ext4", "ext4-auto_da_alloc", "ext4-writeback", "xfs", "btrfs"]


def test_types_of_file_systems_are_those_on_block_devices(tmp_path: Path) -> None:
    table = tmp_path / "filesystems"
    table.write_text("nodev\tproc\n\text3\nnodev\tfuse\n\tf2fs\n", encoding="ascii")
    assert known_to_kernel(table) == ("ext3", "f2fs")


def test_where_the_kernel_has_no_table_there_are_none(tmp_path: Path) -> None:
    assert known_to_kernel(tmp_path / "missing") == ()


def test_the_own_ones_are_always_there_and_copies_of_one_can_be_mounted_at_once() -> None:
    found = file_systems(["ext4", "f2fs"], path="")
    assert list(found) == OWN
    assert found["ext4"].kind.options == found["ext4"].copies.options == "noauto_da_alloc"
    assert found["ext4-writeback"].kind.options == "noauto_da_alloc,data=writeback"
    assert (found["xfs"].kind.options, found["xfs"].copies.options) == ("", "nouuid")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows goes by extensions, not by the bit for execution")
def test_others_are_found_by_the_command_that_makes_them(tmp_path: Path) -> None:
    (tmp_path / "mkfs.f2fs").touch(mode=0o755)
    found = file_systems(["f2fs", "jfs"], path=str(tmp_path))
    assert list(found) == [*OWN, "f2fs"]
    assert (found["f2fs"].kind.name, found["f2fs"].kind.make) == ("f2fs", ("mkfs.f2fs",))


def test_rounds_take_turns() -> None:
    first = list(itertools.islice(rounds(1), 12))
    assert first == list(itertools.islice(rounds(1), 12))
    assert first != list(itertools.islice(rounds(2), 12))
    assert len({played.size for played in first}) == 5
    assert {(played.writers, played.exists) for played in first} == {(1, True), (1, False), (2, True), (2, False)}
    assert len(first[2].documents()) == 2 * 9
    assert [played.beside_syncs for played in first[:4]] == [False, True, False, False]
    assert [played.number for played in first if played.held] == [1, 7]
    assert [played.number for played in first if played.beside_syncs] == [1, 4, 7, 10]
    assert first[1].described().endswith(", while another program syncs after each of the writer's calls")
    assert first[4].described().endswith(", while another program syncs")
