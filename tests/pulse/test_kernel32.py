"""The calls of Windows: what they do there, and that they are harmless elsewhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pulse import _kernel32
from pulse._holders import holders
from tests.wine import under_wine

windows = pytest.mark.skipif(sys.platform != "win32", reason="share modes and process times of Windows")
elsewhere = pytest.mark.skipif(sys.platform == "win32", reason="what other systems do instead")


@elsewhere
def test_elsewhere_a_file_is_only_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a\r\n")
    descriptor = _kernel32.open_shared(str(tmp_path / "file"))
    assert os.read(descriptor, 9) == b"a\r\n"
    os.close(descriptor)
    assert not _kernel32.rename_posix(str(tmp_path / "file"), str(tmp_path / "other"))
    assert os.listdir(tmp_path) == ["file"]


@elsewhere
def test_elsewhere_no_process_can_be_checked() -> None:
    assert _kernel32.own_times() == 0
    assert holders("/etc/hosts") == []
    with pytest.raises(OSError, match="not Windows"):
        _kernel32.times_of(os.getpid())


@windows
class TestOnWindows:
    def test_a_file_that_is_open_for_reading_can_be_renamed_and_deleted(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"a\r\n")
        descriptor = _kernel32.open_shared(str(path))
        os.rename(path, tmp_path / "other")
        os.unlink(tmp_path / "other")
        assert os.read(descriptor, 9) == b"a\r\n"
        os.close(descriptor)

    def test_no_child_inherits_the_descriptor(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        descriptor = _kernel32.open_shared(str(tmp_path / "file"))
        assert not os.get_inheritable(descriptor)
        os.close(descriptor)

    @pytest.mark.parametrize("name", ["missing", "."])
    def test_what_cannot_be_opened_is_reported_with_name_and_number(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(OSError) as failure:  # noqa: PT011  # the test checks the number
            _kernel32.open_shared(str(tmp_path / name))
        assert failure.value.filename == str(tmp_path / name)
        assert failure.value.winerror in (2, 5)  # type: ignore[attr-defined,unused-ignore]  # only Windows has it

    def test_a_failed_rename_is_reported_with_both_names(self, tmp_path: Path) -> None:
        temp, target = str(tmp_path / "temp"), str(tmp_path / "target")
        with pytest.raises(FileNotFoundError) as failure:
            _kernel32.rename_posix(temp, target)
        assert (failure.value.filename, failure.value.filename2) == (temp, target)

    def test_a_temp_that_is_held_is_a_sharing_violation(self, tmp_path: Path) -> None:
        temp = tmp_path / "temp"
        with temp.open("w"), pytest.raises(PermissionError) as failure:
            _kernel32.rename_posix(str(temp), str(tmp_path / "target"))
        assert failure.value.winerror == 32  # type: ignore[attr-defined,unused-ignore]  # only Windows has it
        assert os.listdir(tmp_path) == ["temp"]

    @pytest.mark.skipif(under_wine(), reason="Wine does not support POSIX renames")
    def test_a_rename_replaces_a_target_that_a_reader_has_open(self, tmp_path: Path) -> None:
        temp, target = tmp_path / "temp", tmp_path / "a target with a longer name.json"
        temp.write_bytes(b"new")
        target.write_bytes(b"old")
        descriptor = _kernel32.open_shared(str(target))
        assert _kernel32.rename_posix(str(temp), str(target))
        assert os.read(descriptor, 9) == b"old"
        os.close(descriptor)
        assert target.read_bytes() == b"new"
        assert os.listdir(tmp_path) == [target.name]

    def test_the_older_rename_takes_the_same_structure(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """FileRenameInfo has the layout of FileRenameInfoEx and is known to every Windows: the name arrives whole."""
        monkeypatch.setattr(_kernel32, "_FILE_RENAME_INFO_EX", 3, raising=False)
        temp, target = tmp_path / "temp", tmp_path / "a target with a longer name é.json"
        temp.write_bytes(b"new")
        target.write_bytes(b"old")
        assert _kernel32.rename_posix(str(temp), str(target))
        assert os.listdir(tmp_path) == [target.name]
        assert target.read_bytes() == b"new"

    @pytest.mark.skipif(not under_wine(), reason="Windows supports it")
    def test_a_rename_that_cannot_be_done_changes_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "temp").write_bytes(b"new")
        assert not _kernel32.rename_posix(str(tmp_path / "temp"), str(tmp_path / "target"))
        assert os.listdir(tmp_path) == ["temp"]

    def test_a_process_is_known_by_the_time_of_its_creation(self) -> None:
        assert _kernel32.times_of(os.getpid()) == _kernel32.own_times() > 0

    def test_a_process_that_has_ended_is_distinguished_from_one_that_runs(self) -> None:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        assert _kernel32.times_of(child.pid)
        child.communicate(b"\n")
        assert _kernel32.times_of(child.pid) is None  # its handle is still open, so that its number is not reused

    @pytest.mark.skipif(under_wine(), reason="Wine's Restart Manager reports no programs")
    def test_a_program_that_has_a_file_open_is_named(self, tmp_path: Path) -> None:
        with (tmp_path / "file").open("w"):
            (who,) = holders(str(tmp_path / "file"))
        assert who.endswith(f"(process {os.getpid()})")

    def test_no_program_is_named_for_a_file_that_is_not_open(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        assert holders(str(tmp_path / "file")) == []
