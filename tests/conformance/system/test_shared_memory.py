"""Shared memory that a program leaves is named; what a process uses, or what was there before, is not."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.system.shared_memory import Segment, left_since, segments, warning_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows shared memory as files")

_HEADING = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid\n"


@pytest.fixture(name="posix")
def _posix() -> Iterator[Path]:
    path = Path(f"/dev/shm/pulse-test-{os.getpid()}")
    yield path
    path.unlink(missing_ok=True)


def _named(left: tuple[Segment, ...], path: Path) -> list[str]:
    return [each.name for each in left if each.name == str(path)]


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="needs /dev/shm")
def test_segment_that_no_process_uses_is_found(posix: Path) -> None:
    before = segments()
    with posix.open("wb") as file:
        file.write(b"x")
        file.flush()
        assert _named(left_since(before), posix) == []  # in use
    assert _named(left_since(before), posix) == [str(posix)]
    assert _named(left_since(segments()), posix) == []  # it was there before


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="needs root, to give a file away")
def test_segment_of_another_user_is_of_no_concern_unless_it_is_the_judged_one(posix: Path) -> None:
    before = segments()
    posix.touch()
    if sys.platform != "win32":
        os.chown(posix, 65534, 65534)
    assert _named(left_since(before), posix) == []
    assert _named(left_since(before, 65534), posix) == [str(posix)]


def test_segments_of_system_v_are_found_by_their_table(tmp_path: Path) -> None:
    table = tmp_path / "shm"
    table.write_text(
        f"{_HEADING} 1752134516  7  1666  4096  100  100  0  1000  1000  1000  1000\n"
        "          0  8  1666  4096  100  100  2  1000  1000  1000  1000\n",
        encoding="ascii",
    )
    seven, eight = (Segment(f"System V segment {number}", number, 1000) for number in (7, 8))
    assert segments(posix=tmp_path / "missing", system_v=table) == {seven, eight}
    assert segments(posix=tmp_path / "missing", system_v=table, unused=True) == {seven}


def test_folders_and_links_are_no_segments(tmp_path: Path) -> None:
    (tmp_path / "run-abcdefgh").mkdir()
    (tmp_path / "link").symlink_to(__file__)
    (tmp_path / "file").touch()
    found = segments(posix=tmp_path, system_v=tmp_path / "missing")
    assert [each.name for each in found] == [str(tmp_path / "file")]


def test_warning_says_how_to_remove_what_was_left() -> None:
    assert warning_of(()) == ""
    left = [Segment("/dev/shm/a b", 5, 0), *(Segment(f"System V segment {number}", number, 0) for number in (1, 2, 3))]
    assert warning_of(left) == (
        "warning: shared memory appeared during the run, and no process uses it: /dev/shm/a b, System V segment 1, "
        "System V segment 2 and 1 more; if the program left it, remove it yourself: rm '/dev/shm/a b'; ipcrm -m 1; "
        "ipcrm -m 2"
    )
