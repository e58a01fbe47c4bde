"""One look after the other at a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.commands.observe.looks import Looker
from conformance.system.file_kinds import LARGEST


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "f"
    path.write_bytes(b"one")
    return path


@pytest.fixture
def looker(target: Path) -> Iterator[Looker]:
    with Looker(target) as looker:
        yield looker


def replace(target: Path, data: bytes) -> None:
    temp = target.with_name("temp")
    temp.write_bytes(data)
    os.replace(temp, target)


def test_a_look_reads_the_file_and_nothing_is_written(target: Path, looker: Looker) -> None:
    before = os.stat(target)
    look = looker.look()
    after = os.stat(target)
    assert (look.state, look.data, look.size, look.same) == ("read", b"one", 3, False)
    assert look.modified == before.st_mtime_ns
    assert (after.st_mtime_ns, after.st_ctime_ns) == (before.st_mtime_ns, before.st_ctime_ns)
    assert os.listdir(target.parent) == ["f"]


def test_the_same_file_and_a_new_one_are_distinguished(target: Path, looker: Looker) -> None:
    looker.look()
    assert looker.look().same
    target.write_bytes(b"two")
    assert looker.look().same
    replace(target, b"three")
    assert not looker.look().same


def test_new_files_are_never_taken_for_the_old_one_although_numbers_are_used_again(
    target: Path, looker: Looker
) -> None:
    looker.look()
    for number in range(50):
        replace(target, b"a")
        replace(target, b"b")  # may get the number of the file that `a` has replaced
        assert not looker.look().same, number


def test_a_file_that_is_gone_is_missing_and_so_is_one_without_its_folder(tmp_path: Path) -> None:
    with Looker(tmp_path / "none" / "f") as looker:
        assert looker.look().state == "missing"
        (tmp_path / "none").write_bytes(b"")
        assert looker.look().state == "missing"


def test_the_bytes_of_a_huge_file_are_not_read(target: Path, looker: Looker) -> None:
    os.truncate(target, 10 << 30) if sys.platform == "linux" else os.truncate(target, LARGEST + 1)
    look = looker.look()
    assert (look.state, look.data) == ("read", None)
    assert look.size > LARGEST


def test_a_folder_in_its_place_is_named(target: Path, looker: Looker) -> None:
    target.unlink()
    target.mkdir()
    assert (looker.look().state, looker.look().why) == ("other", "a folder")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFO in a folder")
def test_a_fifo_in_its_place_is_not_opened(target: Path, looker: Looker) -> None:
    if sys.platform != "win32":
        target.unlink()
        os.mkfifo(target)
        assert looker.look().why == "a FIFO"
        with pytest.raises(OSError, match="No such device"):  # ENXIO: no reader has it open
            os.open(target, os.O_WRONLY | os.O_NONBLOCK)


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read")
def test_a_file_that_may_not_be_read_is_refused(target: Path, looker: Looker) -> None:
    target.chmod(0)
    assert looker.look().state == "refused"


def test_errors_are_sorted_by_what_they_mean(target: Path, looker: Looker, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(error: OSError) -> str:
        def fail(path: str) -> os.stat_result:
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(os, "stat", fail)
            return looker.look().state

    import errno

    held = PermissionError(13, "in use")
    held.winerror = 32  # type: ignore[attr-defined,unused-ignore]  # Windows alone has it
    assert failing(held) == "busy"
    assert failing(PermissionError(errno.EACCES, "no")) == "refused"
    assert failing(OSError(errno.EIO, "broken")) == "other"
    if hasattr(errno, "ESTALE"):
        assert failing(OSError(errno.ESTALE, "stale")) == "busy"


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need rights there")
def test_a_symbolic_link_is_noticed(tmp_path: Path, target: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(target)
    with Looker(link) as looker:
        assert looker.look().link
        replace(link, b"a file")
        assert not looker.look().link


def test_no_descriptor_is_left_open(target: Path) -> None:
    before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    with Looker(target) as looker:
        for _ in range(5):
            looker.look()
    after = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    assert after == before
