"""The watch of one file and its folder."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from conformance.commands.observe import watching
from conformance.commands.observe.tally import Tally
from conformance.commands.observe.watching import Watched, looking, stopping

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs inotify")


def watched_in(folder: Path, name: str = "f") -> Watched:
    return Watched.of(folder / name, Tally(name))


def test_only_what_is_beside_the_file_at_the_end_is_listed_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"")
    watched = watched_in(tmp_path)
    with looking([watched]) as look:
        look()
        (tmp_path / "f").write_bytes(b"1")
        (tmp_path / "new").write_bytes(b"")
        (tmp_path / "folder").mkdir()
        look()
    assert watched.beside is not None
    assert sorted((each.name, each.before) for each in watched.beside) == [("new", False), ("old", True)]
    assert sorted(os.listdir(tmp_path)) == ["f", "folder", "new", "old"]


@ON_LINUX
def test_a_folder_that_is_removed_and_made_again_is_watched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_FOLDER_SECONDS", 0.0)
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "f").write_bytes(b"1")
    watched = watched_in(folder)
    with looking([watched]) as look:
        look()
        shutil.rmtree(folder)
        look()
        folder.mkdir()
        look()
        (folder / "t").write_bytes(b"2")
        os.replace(folder / "t", folder / "f")
        look()
    assert watched.notes == [f"the folder {folder} was removed during the watch"]
    assert watched.names.sources == {"t"}
    assert watched.tally.missing_looks == 2


@ON_LINUX
def test_a_folder_that_another_one_replaces_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_FOLDER_SECONDS", 0.0)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    watched = watched_in(tmp_path / "a")
    with looking([watched]) as look:
        (tmp_path / "a").rename(tmp_path / "c")
        (tmp_path / "b").rename(tmp_path / "a")
        look()
    assert watched.notes == [f"the folder {tmp_path / 'a'} was replaced by another one during the watch"]


def test_where_there_is_no_inotify_it_is_said_once_and_reading_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path, kinds: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(watching, "FolderWatch", refuse)
    monkeypatch.setattr(watching, "_FOLDER_SECONDS", 0.0)
    watched = watched_in(tmp_path)
    with looking([watched]) as look:
        look()
        watched._folder_identity = (0, 0)
        look()
    assert not watched.events
    assert [note for note in watched.notes if "seen by reading only" in note] == [
        "how it is replaced is seen by reading only: inotify: the user's watches are used up; "
        "raise fs.inotify.max_user_watches"
    ]


@ON_LINUX
@pytest.mark.parametrize(("file_system", "told"), [("nfs4", True), ("fuse.sshfs", True), ("ext4", False)])
def test_a_file_system_of_other_machines_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_system: str, told: bool
) -> None:
    monkeypatch.setattr(watching, "file_system_of", lambda folder: file_system)
    watched = watched_in(tmp_path)
    watched.end()
    assert [note.startswith(f"inotify on {file_system} sees what this machine does") for note in watched.notes] == (
        [True] if told else []
    )
    assert watched.numbers_tell is not file_system.startswith("fuse")


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need rights there")
def test_behind_a_symbolic_link_the_folder_of_the_file_is_watched(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "g").write_bytes(b"1")
    (tmp_path / "f").symlink_to(tmp_path / "real" / "g")
    watched = watched_in(tmp_path)
    watched.end()
    assert (watched.folder.name, watched.names.name) == ("real", "g")
    assert "is a symbolic link" in watched.notes[0]


def test_events_that_the_system_dropped_are_counted(tmp_path: Path) -> None:
    class Full:
        def events(self) -> None:
            raise OSError("full")

        def __exit__(self, *how: object) -> None:
            """Nothing to let go of."""

    watched = watched_in(tmp_path)
    watched.let_go()
    watched._watch = Full()  # type: ignore[assignment]  # what the watch needs of it
    watched.take_events(time.monotonic())
    watched.end()
    assert watched.lost == 2


def test_a_first_signal_ends_the_watch_and_a_second_one_interrupts_it() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stopping() as stopped:
        signal.raise_signal(signal.SIGTERM)
        assert stopped.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
