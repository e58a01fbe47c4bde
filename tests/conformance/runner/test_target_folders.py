"""What became of the folders that the kit made for targets."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.contract.errors import Violation
from conformance.runner.target_folders import TargetFolders


def _replaced(folder: Path) -> None:
    other = folder.with_name("other")  # made before the old one goes, so that the two cannot have one inode
    other.mkdir()
    folder.rmdir()
    other.rename(folder)


def _by_a_link(folder: Path) -> None:
    folder.rename(folder.with_name("away"))
    folder.symlink_to(folder.with_name("away"))


def _by_a_file(folder: Path) -> None:
    folder.rmdir()
    folder.touch()


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "removed": (Path.rmdir, "the folder of the target is gone: it was renamed away or removed"),
    "renamed": (lambda folder: folder.rename(folder.with_name("away")), "the folder of the target is gone"),
    "replaced": (_replaced, "the folder of the target was replaced by another folder"),
    "by a file": (_by_a_file, "the folder of the target was replaced by a file"),
}
if sys.platform != "win32":
    CHANGES["by a link"] = (_by_a_link, "the folder of the target was replaced by a symbolic link")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Not made yet."""
    return tmp_path / "case"


@pytest.mark.parametrize(("change", "words"), CHANGES.values(), ids=CHANGES)
def test_a_changed_folder_is_a_violation(folder: Path, change: Callable[[Path], object], words: str) -> None:
    folders = TargetFolders()
    folders.make(folder)
    change(folder)
    with pytest.raises(Violation, match=words):
        folders.require_kept()


def test_a_folder_that_stays_is_none_whatever_is_in_it(folder: Path) -> None:
    folders = TargetFolders()
    folders.make(folder)
    (folder / "status.json").touch()
    folder.chmod(0o755)
    folders.require_kept()


def test_what_the_kit_itself_removes_is_not_gone(folder: Path) -> None:
    folders = TargetFolders()
    folders.make(folder)
    (folder / "inner").mkdir()
    folders.watch(folder / "inner")
    folders.remove(folder)
    assert not folder.exists()
    assert folders.look() == ""


def test_what_became_of_a_folder_is_known_after_its_removal(folder: Path) -> None:
    folders = TargetFolders()
    folders.make(folder)
    _by_a_file(folder)
    folders.remove(folder)
    assert not folder.exists()
    assert folders.look() == "the folder of the target was replaced by a file"


def test_the_next_case_begins_anew(folder: Path) -> None:
    folders = TargetFolders()
    folders.make(folder)
    folder.rmdir()
    folders.look()
    folders.forget()
    assert folders.look() == ""


def test_nothing_is_watched_where_no_folder_is(folder: Path) -> None:
    folders = TargetFolders()
    folders.watch(folder)
    folder.touch()
    folders.watch(folder)
    assert folders.made == {}
