"""A link at the target: followed by the kernel's leave, and never one that a stranger has put in the way (MET-04)."""

import errno
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

if sys.platform == "win32":
    pytest.skip("owners and sticky folders of POSIX", allow_module_level=True)

from pulse import _posix, read_status, write_idle_status

IS_ROOT = os.geteuid() == 0
STRANGER = 65534
SECRET = "what another file holds"


def result(mode: int, owner: int) -> os.stat_result:
    """What ``stat`` says of a file with this mode and owner."""
    return os.stat_result((mode, 1, 1, 1, owner, 0, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("folder_mode", "folder_owner", "link_owner", "followed"),
    [
        (0o1777, 0, 7, False),
        (0o1777, 7, 7, True),
        (0o1777, 0, os.geteuid(), True),
        (0o1775, 0, 7, True),
        (0o777, 0, 7, True),
    ],
    ids=["a stranger's", "the folder's owner's", "my own", "others may not write here", "no sticky bit"],
)
def test_the_rule_is_that_of_the_kernel(folder_mode: int, folder_owner: int, link_owner: int, followed: bool) -> None:
    folder = result(stat.S_IFDIR | folder_mode, folder_owner if folder_owner != os.geteuid() else folder_owner + 1000)
    assert _posix._may_follow(result(stat.S_IFLNK | 0o777, link_owner), folder) is followed


@pytest.mark.skipif(not IS_ROOT, reason="only root can make a file of another user")
class TestStrangersLink:
    @pytest.fixture
    def shared(self, tmp_path: Path) -> Path:
        """A folder like ``/tmp``."""
        folder = tmp_path / "shared"
        folder.mkdir()
        folder.chmod(0o1777)
        return folder

    @pytest.fixture
    def victim(self, tmp_path: Path) -> Path:
        """A file of root's in a folder of its own."""
        folder = tmp_path / "private"
        folder.mkdir(0o700)
        (folder / "victim").write_text(SECRET)
        return folder / "victim"

    def link(self, path: Path, destination: Path, owner: int = STRANGER) -> Path:
        path.symlink_to(destination)
        os.lchown(path, owner, owner)
        return path

    def test_root_overwrites_no_file_through_it(self, shared: Path, victim: Path) -> None:
        link = self.link(shared / "status.json", victim)
        with pytest.raises(PermissionError) as failure:
            write_idle_status(link)
        assert failure.value.errno == errno.EACCES
        assert victim.read_text() == SECRET
        assert os.listdir(shared) == ["status.json"]
        assert link.is_symlink()

    def test_root_creates_no_file_through_one_that_dangles(self, shared: Path, victim: Path) -> None:
        link = self.link(shared / "status.json", victim.with_name("new"))
        with pytest.raises(PermissionError):
            write_idle_status(link)
        assert os.listdir(victim.parent) == ["victim"]

    def test_nor_when_it_is_the_second_of_a_chain(self, shared: Path, victim: Path, tmp_path: Path) -> None:
        link = self.link(shared / "status.json", victim)
        first = self.link(tmp_path / "mine", link, owner=0)
        with pytest.raises(PermissionError):
            write_idle_status(first)
        assert victim.read_text() == SECRET

    @pytest.mark.parametrize("mode", [0o1755, 0o777])
    def test_in_any_other_folder_it_is_followed(self, shared: Path, victim: Path, mode: int) -> None:
        shared.chmod(mode)
        write_idle_status(self.link(shared / "status.json", victim))
        assert read_status(victim).status is not None

    def test_the_folders_owner_may_set_one(self, shared: Path, victim: Path) -> None:
        os.chown(shared, STRANGER, STRANGER)
        write_idle_status(self.link(shared / "status.json", victim))
        assert read_status(victim).status is not None

    def test_one_of_the_writers_own_is_followed(self, shared: Path, victim: Path) -> None:
        write_idle_status(self.link(shared / "status.json", victim, owner=0))
        assert read_status(victim).status is not None


def test_what_the_kernel_refuses_to_follow_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text(SECRET)
    (tmp_path / "link").symlink_to("file")
    real = os.stat

    def refuse(path: Any, *, follow_symlinks: bool = True) -> os.stat_result:
        if follow_symlinks and str(path).endswith("link"):
            raise OSError(errno.EACCES, "injected")
        return real(path, follow_symlinks=follow_symlinks)

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", refuse)
        with pytest.raises(PermissionError, match="injected"):
            write_idle_status(tmp_path / "link")
    assert (tmp_path / "file").read_text() == SECRET


def test_links_that_become_a_loop_meanwhile_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("file")
    monkeypatch.setattr(_posix, "_LONGEST_CHAIN", 0)
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        write_idle_status(tmp_path / "link")


def test_a_chain_and_dots_are_followed_as_the_kernel_does(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "elsewhere").symlink_to("a/b")
    (tmp_path / "link").symlink_to("elsewhere/../second")
    (tmp_path / "a" / "second").symlink_to("b/status.json")
    for _ in range(2):
        write_idle_status(tmp_path / "link")
    assert os.listdir(tmp_path / "a" / "b") == ["status.json"]
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a" / "second").is_symlink()


@pytest.mark.parametrize("destination", ["folder", "folder/", ".", "..", "/"])
def test_a_link_to_a_folder_is_an_error(tmp_path: Path, destination: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(destination)
    with pytest.raises(IsADirectoryError):
        write_idle_status(tmp_path / "link")
    assert set(os.listdir(tmp_path)) == {"folder", "link"}
