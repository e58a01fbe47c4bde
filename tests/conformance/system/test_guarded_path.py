"""A judged program may put anything in the place of a file: the kit opens it without waiting, or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.system.file_kinds import LARGEST, NotAFile
from conformance.system.guarded_path import GuardedPath, very_file

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


@pytest.mark.parametrize("way", ["write_bytes", "write_text", "change", "append"])
def test_a_file_of_another_with_a_second_name_is_not_written(target: Path, tmp_path: Path, way: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    other = tmp_path / "elsewhere" / "other"
    other.write_bytes(b"kept")
    try:
        os.link(other, target)
    except OSError as error:
        pytest.skip(f"no second name can be made here: {error}")
    with pytest.raises(NotAFile, match="a file with another name elsewhere is at the target, and no file of its own"):
        OPENING[way](target)
    assert other.read_bytes() == b"kept"
    assert target.read_bytes() == b"kept"


def test_a_file_that_has_all_its_names_in_the_folder_is_written(target: Path) -> None:
    target.write_bytes(b"old")
    try:
        os.link(target, target.with_name("status.json.bak"))
    except OSError as error:
        pytest.skip(f"no second name can be made here: {error}")
    target.write_bytes(b"new")
    assert target.read_bytes() == b"new"


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


@needs_posix
def test_mode_is_that_of_the_file_or_folder_itself(target: Path) -> None:
    target.write_bytes(b"1")
    target.chmod(0o604)
    assert target.stat().st_mode & 0o777 == 0o604
    target.chmod(0)
    target.chmod(0o640)  # also of a file that may not be opened
    assert target.stat().st_mode & 0o777 == 0o640
    target.parent.chmod(0o751)
    assert target.parent.stat().st_mode & 0o777 == 0o751


@needs_posix
@pytest.mark.parametrize("kind", ["link", "second name"])
def test_mode_of_the_file_of_another_is_not_changed(target: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    other = tmp_path / "elsewhere" / "other"
    other.write_bytes(b"kept")
    other.chmod(0o600)
    if kind == "link":
        target.symlink_to(other)
    else:
        target.hardlink_to(other)
    with pytest.raises(NotAFile, match=r"a symbolic link|a file with another name elsewhere"):
        target.chmod(0o604)
    assert other.stat().st_mode & 0o777 == 0o600


@needs_posix
def test_what_is_at_a_path_is_changed_through_its_very_file(target: Path) -> None:
    target.write_bytes(b"123")
    with very_file(target) as this:
        os.truncate(this, 1)
        os.utime(this, (5, 5))
    assert target.read_bytes() == b"1"
    assert target.stat().st_mtime == 5


@needs_posix
def test_a_fifo_is_no_very_file(target: Path) -> None:
    if sys.platform != "win32":
        os.mkfifo(target)
    with pytest.raises(NotAFile, match="a FIFO"), very_file(target):
        pass
