"""A judged program may put anything in the place of a file: the kit opens it without waiting, or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.system.file_kinds import LARGEST, NotAFile
from conformance.system.guarded_path import GuardedPath

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither FIFOs nor such devices")

OPENING: dict[str, Callable[[Path], object]] = {
    "read_bytes": lambda path: path.read_bytes(),
    "read_text": lambda path: path.read_text(encoding="utf-8"),
    "write_bytes": lambda path: path.write_bytes(b"1"),
    "write_text": lambda path: path.write_text("1", encoding="utf-8"),
    "change": lambda path: path.open("r+b").close(),
    "append": lambda path: path.open("ab").close(),
}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return GuardedPath(tmp_path) / "status.json"


def test_every_path_made_of_it_is_guarded(target: Path) -> None:
    for path in (target, target.parent, target.with_name("other"), target.parent / "a" / "b", target.resolve()):
        assert isinstance(path, GuardedPath)
    assert target == Path(str(target))
    assert hash(target) == hash(Path(str(target)))


def test_a_regular_file_is_read_and_written_as_ever(target: Path) -> None:
    target.write_bytes(b"a\r\n")
    assert target.read_bytes() == b"a\r\n"
    target.write_text("b", encoding="utf-8")
    assert target.read_text(encoding="utf-8") == "b"
    with target.open("r+b", buffering=0) as file:
        file.truncate(0)
    assert target.stat().st_size == 0
    with pytest.raises(FileExistsError):
        target.open("xb")
    target.unlink()
    with pytest.raises(FileNotFoundError):
        target.read_bytes()


if sys.platform != "win32":  # not a mark, so that mypy sees it, too

    @pytest.mark.parametrize("way", OPENING)
    def test_no_open_waits_for_the_other_end_of_a_fifo(target: Path, way: str) -> None:
        os.mkfifo(target)
        with pytest.raises(NotAFile, match="a FIFO is at the target, and no file"):
            OPENING[way](target)

    def test_a_fifo_with_a_reader_gets_nothing(target: Path) -> None:
        os.mkfifo(target)
        reader = os.open(target, os.O_RDONLY | os.O_NONBLOCK)
        try:
            with pytest.raises(NotAFile, match="a FIFO"):
                target.write_bytes(b"1")
            assert os.read(reader, 1) == b""
        finally:
            os.close(reader)


@needs_posix
@pytest.mark.parametrize("way", OPENING)
def test_a_link_to_a_device_is_neither_read_nor_written(target: Path, way: str) -> None:
    target.symlink_to("/dev/zero")
    with pytest.raises(NotAFile, match=r"a device|a symbolic link"):
        OPENING[way](target)


@needs_posix
@pytest.mark.parametrize("way", ["write_bytes", "write_text", "change", "append"])
def test_a_link_to_the_file_of_another_is_not_followed_to_write(target: Path, tmp_path: Path, way: str) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"kept")
    target.symlink_to(other)
    with pytest.raises(NotAFile, match="a symbolic link is at the target"):
        OPENING[way](target)
    assert other.read_bytes() == b"kept"


@needs_posix  # elsewhere the file would not be sparse
def test_a_file_of_ten_gigabytes_is_not_read(target: Path) -> None:
    with target.open("wb") as file:
        file.truncate(10 << 30)
    with pytest.raises(NotAFile, match="a file of more than 16 MiB is at the target, and no document"):
        target.read_bytes()


def test_the_largest_file_is_read(target: Path) -> None:
    with target.open("wb") as file:
        file.truncate(LARGEST)
    assert len(target.read_bytes()) == LARGEST
