"""A folder is removed whatever is in it, and nothing outside it is touched."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from conformance.system.removal import remove_folder
from conformance.system.windows import verbatim

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither modes nor dir_fd")


@pytest.fixture(name="outside")
def _outside(tmp_path: Path) -> Path:
    """A folder of someone else, which must keep its content and its mode."""
    folder = tmp_path.resolve() / "outside"
    folder.mkdir(mode=0o755)
    (folder / "canary").write_text("alive", encoding="ascii")
    return folder


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "run"
    folder.mkdir()
    return folder


def _intact(outside: Path) -> bool:
    return (outside / "canary").read_text(encoding="ascii") == "alive" and os.listdir(outside) == ["canary"]


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def _link(path: Path, target: Path) -> None:
    try:
        path.symlink_to(target, target_is_directory=True)
    except OSError as error:  # Windows asks for a privilege
        pytest.skip(f"no symbolic link can be made here: {error}")
    if not path.is_symlink():
        pytest.skip("no symbolic link can be made here: Wine says that it has made one, and has not")


def test_tree_is_removed(folder: Path) -> None:
    (folder / "one" / "two").mkdir(parents=True)
    (folder / "one" / "two" / "file").write_bytes(b"x")
    read_only = folder / "read-only"
    read_only.write_bytes(b"x")
    read_only.chmod(0o444)
    remove_folder(folder)
    assert not folder.exists()


def test_missing_folder_is_an_error(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        remove_folder(folder / "missing")


def test_names_that_look_like_its_own_are_removed_too(folder: Path) -> None:
    for name in ("1.removed", "2.removed"):
        (folder / name / "1.removed" / "2.removed").mkdir(parents=True)
        (folder / name / "1.removed" / "3.removed").write_bytes(b"x")
    remove_folder(folder)
    assert not folder.exists()


@needs_posix
def test_tree_deeper_than_any_path_is_removed(folder: Path) -> None:
    here = os.open(folder, os.O_RDONLY)
    for _ in range(2_000):
        os.mkdir("a", dir_fd=here)
        inner = os.open("a", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    remove_folder(folder)
    assert not folder.exists()


def test_link_in_its_place_is_removed_and_not_followed(folder: Path, outside: Path) -> None:
    folder.rmdir()
    _link(folder, outside)
    mode = _mode(outside)
    remove_folder(folder)
    assert not os.path.lexists(folder)
    assert _intact(outside)
    assert _mode(outside) == mode


def test_file_in_its_place_is_removed(folder: Path) -> None:
    folder.rmdir()
    folder.write_bytes(b"x")
    remove_folder(folder)
    assert not folder.exists()


def test_links_below_are_removed_and_not_followed(folder: Path, outside: Path) -> None:
    (folder / "inner").mkdir()
    _link(folder / "to-folder", outside)
    _link(folder / "inner" / "to-folder", outside)
    mode = _mode(outside)
    remove_folder(folder)
    assert not folder.exists()
    assert _intact(outside)
    assert _mode(outside) == mode


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot open a folder without reading it")
def test_link_above_is_an_error(folder: Path, outside: Path) -> None:
    (outside / "cases").mkdir()
    _link(folder / "cases", outside)
    with pytest.raises(OSError, match="'cases' is no folder any more"):
        remove_folder(folder / "cases" / "cases")
    assert (outside / "cases").is_dir()


@needs_posix
@pytest.mark.parametrize("mode", [0, 0o100, 0o200, 0o400, 0o500])
def test_closed_folders_are_removed(mode: int) -> None:
    """By a user to whom modes apply: root, where the tests have it, becomes another user in another process."""
    with tempfile.TemporaryDirectory() as above:
        folder = Path(above).resolve() / "run"
        inner = folder / "closed" / "inner"
        inner.mkdir(parents=True)
        (inner / "file").write_bytes(b"x")
        inner.chmod(mode)
        inner.parent.chmod(mode)
        _remove_without_rights(folder)
        assert not folder.exists()


def _remove_without_rights(folder: Path) -> None:
    other_user = 65534
    become = ""
    if sys.platform != "win32" and os.geteuid() == 0:
        become = f"os.setgid({other_user}); os.setuid({other_user})"
        for path in [folder.parent, folder, *folder.rglob("*")]:
            os.chown(path, other_user, other_user, follow_symlinks=False)
    program = f"""
import os, pathlib
from conformance.system.removal import remove_folder
{become}
remove_folder(pathlib.Path({str(folder)!r}))
"""
    subprocess.run([sys.executable, "-c", program], check=True, env=_environment())


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.mark.skipif(sys.platform != "linux", reason="mounts are tried on Linux")
@pytest.mark.parametrize("place", [".", "mounted", "inner/mounted"])
def test_mounts_are_taken_away_and_not_emptied(folder: Path, outside: Path, place: str) -> None:
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("mounting needs root, and unshare(1) to leave nothing behind")
    (folder / place).mkdir(parents=True, exist_ok=True)
    program = f"""
import pathlib, subprocess
from conformance.system.removal import remove_folder
folder = pathlib.Path({str(folder)!r})
for _ in range(2):  # twice: a mount over a mount
    subprocess.run(["mount", "--bind", {str(outside)!r}, str(folder / {place!r})], check=True)
assert (folder / {place!r} / "canary").exists()
remove_folder(folder)
"""
    done = subprocess.run(["unshare", "--mount", sys.executable, "-c", program], env=_environment(), check=False)
    if done.returncode != 0 and subprocess.run(["unshare", "--mount", "true"], check=False).returncode != 0:
        pytest.skip("no mount namespace may be made here")
    assert done.returncode == 0
    assert not folder.exists()
    assert _intact(outside)


@needs_posix
def test_swaps_during_the_removal_reach_nothing_outside(folder: Path, outside: Path) -> None:
    """A program exchanges a folder for a link to another one, again and again, until the removal has ended."""
    swapped, aside = folder / "swapped", folder / "aside"
    for name in map(str, range(1_000)):
        (swapped / name).mkdir(parents=True)
    begun, ended = threading.Event(), threading.Event()

    def swap() -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError):
                swapped.rename(aside)
                swapped.symlink_to(outside)
                begun.set()
                swapped.unlink()
                aside.rename(swapped)

    rival = threading.Thread(target=swap)
    rival.start()
    try:
        assert begun.wait(60), "no swap was seen"
        with contextlib.suppress(OSError):  # what the rival puts there meanwhile is left
            remove_folder(folder)
    finally:
        ended.set()
        rival.join()
    assert _intact(outside)


@pytest.mark.skipif(sys.platform != "linux", reason="chattr(1) is of Linux")
def test_what_is_left_is_named_with_the_reason(folder: Path) -> None:
    kept = folder / "inner" / "kept"
    kept.parent.mkdir()
    kept.write_bytes(b"x")
    if subprocess.run(["chattr", "+i", str(kept)], check=False, stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("no file can be made immutable here")
    (folder / "other").write_bytes(b"x")
    try:
        with pytest.raises(PermissionError, match="inner/kept: Operation not permitted"):
            remove_folder(folder)
        assert not (folder / "other").exists()
    finally:
        for path in folder.rglob("*"):
            subprocess.run(["chattr", "-i", str(path)], check=False, stderr=subprocess.DEVNULL)


def test_names_that_only_the_verbatim_form_can_hold(folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    for name in ("status.json", "nul.json", "trailing dot.", "trailing space "):
        file = verbatim(inner / name)
        file.write_bytes(b"x")
        file.chmod(0o444)
    remove_folder(folder)
    assert not folder.exists()
