"""A run that is killed leaves its folders; the next run removes them, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conformance.system import removal, run_folders
from conformance.system.run_folders import folder_of_records, new_folder, remove_run_folder, sweep, temporary

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither modes nor users' ids here")
_SECONDS = 60.0
_MAKES_ONE = """
import sys
from conformance.system.run_folders import new_folder
folder = new_folder("run-")
(folder / "inner").mkdir()
(folder / "inner" / "file").write_bytes(b"x")
print(folder, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))


@contextmanager
def _another_run() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process that has made a folder, and runs."""
    words = [sys.executable, "-c", _MAKES_ONE]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout
        try:
            yield process, Path(process.stdout.readline().rstrip("\n"))
        finally:
            process.kill()
            process.wait(_SECONDS)


@pytest.fixture(name="left")
def _left() -> Path:
    """The folder of a run that was killed, as the system leaves it: whole, its record without a lock."""
    folder = new_folder("run-")
    (folder / "inner").mkdir()
    (folder / "inner" / "file").write_bytes(b"x")
    run_folders._held.pop(folder)[1].close()
    return folder


def _record() -> Path:
    (record,) = folder_of_records().iterdir()
    return record


def test_every_killed_run_is_cleaned_up(left: Path) -> None:
    with _another_run() as (_, folder):
        assert folder.is_dir()
    assert sweep() == []
    assert not folder.exists()
    assert not left.exists()
    assert not folder_of_records().exists()


def test_folder_of_a_run_that_goes_on_is_not_touched() -> None:
    with _another_run() as (_, folder):
        assert sweep() == []
        assert (folder / "inner" / "file").read_bytes() == b"x"
    assert sweep() == []
    assert not folder.exists()


def test_own_folders_are_not_touched_and_stay_locked() -> None:
    own = new_folder("run-")
    assert sweep() == []
    other = subprocess.run(
        [sys.executable, "-c", "from conformance.system.run_folders import sweep; print(sweep())"],
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    assert other.stdout.strip() == "[]"
    assert own.is_dir()
    remove_run_folder(own)
    assert not own.exists()


def test_nothing_stays_behind_a_run_that_ends() -> None:
    with temporary("pulse-cases-") as one, temporary("run-", one) as two:
        (two / "file").write_bytes(b"x")
    assert not one.exists()
    assert not folder_of_records().exists()


def test_block_may_remove_its_folder_itself() -> None:
    with temporary("run-") as folder:
        folder.rmdir()
    assert not folder_of_records().exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says where a folder is now")
def test_folder_that_was_moved_is_removed_where_it_is(tmp_path: Path) -> None:
    folder = new_folder("run-")
    moved, canary = tmp_path / "moved", tmp_path / "canary"
    (folder / "file").touch()
    folder.rename(moved)
    canary.mkdir()
    (canary / "file").touch()
    folder.symlink_to(canary)
    remove_run_folder(folder)
    assert not moved.exists()
    assert not folder.is_symlink()
    assert (canary / "file").exists()
    assert not folder_of_records().exists()


def test_another_folder_in_its_place_is_not_touched(left: Path) -> None:
    kept = left.with_name("away")
    left.rename(kept)
    left.mkdir()
    (left / "canary").touch()
    (line,) = sweep()
    assert line == f"left alone, after a run that was killed: {left}: is another folder now"
    assert (left / "canary").exists()
    assert (kept / "inner" / "file").exists()
    assert sweep() == []  # it is said once


@needs_posix
def test_mode_of_another_folder_in_its_place_is_kept(left: Path) -> None:
    left.rename(left.with_name("away"))
    left.mkdir(mode=0o500)
    sweep()
    assert left.stat().st_mode & 0o777 == 0o500


@needs_posix
def test_link_in_its_place_is_not_touched(left: Path, tmp_path: Path) -> None:
    canaries = tmp_path / "canaries"
    left.rename(canaries)  # the very folder, by another name
    left.symlink_to(canaries)
    (line,) = sweep()
    assert line == f"left alone, after a run that was killed: {left}: is no folder now"
    assert left.is_symlink()
    assert (canaries / "inner" / "file").exists()


@needs_posix
def test_links_inside_are_not_followed(left: Path, tmp_path: Path) -> None:
    (tmp_path / "canary").touch()
    (left / "link").symlink_to(tmp_path, target_is_directory=True)
    assert sweep() == []
    assert not left.exists()
    assert (tmp_path / "canary").exists()


def test_folder_that_another_program_has_removed_is_forgotten(left: Path) -> None:
    remove_run_folder(left)
    assert sweep() == []
    assert not folder_of_records().exists()


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="needs root, to give a folder away")
def test_folder_of_another_user_is_not_touched(left: Path) -> None:
    if sys.platform != "win32":
        os.chown(left, 65534, 65534)
    (line,) = sweep()
    assert line == f"left alone, after a run that was killed: {left}: belongs to another user"
    assert left.exists()


def test_what_cannot_be_removed_is_said_and_tried_again(left: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path, identity: tuple[int, int] | None = None) -> None:
        raise OSError(1, "cannot be removed: file: Operation not permitted", str(folder))

    with monkeypatch.context() as refusing:
        refusing.setattr(run_folders, "remove_folder", refuse)
        for _ in range(2):
            (line,) = sweep()
            assert line == (
                f"left by a run that was killed: {left}: cannot be removed: file: Operation not permitted; "
                "remove it yourself"
            )
    assert sweep() == []
    assert not left.exists()


@pytest.mark.parametrize(
    "name", ["home", "run-", "run-short", "run-abcdefgh/../home", "run-ABCDEFGH", "run-abcdefgh/", "../run-abcdefgh"]
)
def test_record_of_a_folder_with_another_name_is_not_believed(left: Path, tmp_path: Path, name: str) -> None:
    record, folder = _record(), tmp_path / "home"
    folder.mkdir()
    found = folder.stat()
    record.write_text(
        json.dumps({"folder": f"{tmp_path}{os.sep}{name}", "device": found.st_dev, "inode": found.st_ino}),
        encoding="ascii",
    )
    (line,) = sweep()
    assert line == f"left alone, after a run that was killed: {record.name}: is no record of the kit"
    assert folder.exists()
    assert left.exists()


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "[]",
        "{}",
        '{"folder": 1, "device": 1, "inode": 1}',
        '{"folder": "run-abcdefgh", "device": 1, "inode": 1}',
        "[" * 60_000,
    ],
)
def test_planted_record_is_said_and_removed(left: Path, text: str) -> None:
    record = _record()
    record.write_text(text, encoding="ascii")
    (line,) = sweep()
    assert line.endswith("is no record of the kit")
    assert not record.exists()
    assert left.exists()


@pytest.mark.parametrize("inode", [True, "1", 1.5, None])
def test_number_of_another_type_is_not_believed(left: Path, inode: object) -> None:
    _record().write_text(json.dumps({"folder": str(left), "device": 1, "inode": inode}), encoding="ascii")
    (line,) = sweep()
    assert line.endswith("is no record of the kit")
    assert left.exists()


@needs_posix
def test_what_is_no_record_is_removed_and_neither_read_nor_waited_for(left: Path, tmp_path: Path) -> None:
    records = folder_of_records()
    canary = tmp_path / "canary"
    canary.write_text("alive", encoding="ascii")
    if sys.platform != "win32":
        os.mkfifo(records / "fifo.folder")
    (records / "folder.folder").mkdir()
    (records / "folder.folder" / "file").touch()
    (records / "other").touch()
    (records / "link.folder").symlink_to(canary)
    (records / "second.folder").hardlink_to(canary)
    assert sweep() == []
    assert not left.exists()
    assert canary.read_text(encoding="ascii") == "alive"
    assert not records.exists()


def test_what_cannot_be_removed_beside_the_records_is_said(left: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = folder_of_records() / "inner"
    inner.mkdir()
    removed = removal.remove_folder

    def refuse(folder: Path, identity: tuple[int, int] | None = None) -> None:
        if folder.name == "inner":
            raise OSError(1, "cannot be removed: file: Operation not permitted", str(folder))
        removed(folder, identity)

    monkeypatch.setattr(run_folders, "remove_folder", refuse)
    (line,) = sweep()
    assert line == f"{inner}: cannot be removed: file: Operation not permitted; remove it yourself"
    assert not left.exists()


def test_run_that_was_killed_while_it_made_its_folder_leaves_an_empty_one(left: Path) -> None:
    record = _record()
    record.write_text(json.dumps({"folder": str(left), "device": 0, "inode": 0}), encoding="ascii")
    (line,) = sweep()
    assert line == (f"left alone, after a run that was killed: {left}: is not empty, and was made by another program")
    assert (left / "inner" / "file").exists()
    empty = left.with_name("run-abcdefgh")
    empty.mkdir()
    folder_of_records().mkdir(mode=0o700, exist_ok=True)
    record.write_text(json.dumps({"folder": str(empty), "device": 0, "inode": 0}), encoding="ascii")
    assert sweep() == []
    assert not empty.exists()


def test_record_that_was_never_written_is_removed(left: Path) -> None:
    _record().write_bytes(b"")
    assert sweep() == []
    assert not folder_of_records().exists()
    assert left.exists()


@needs_posix
@pytest.mark.parametrize("kind", ["link", "file", "open to others"])
def test_folder_of_records_that_is_not_its_own_is_not_used(kind: str, tmp_path: Path) -> None:
    place, elsewhere = folder_of_records(), tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    if kind == "link":
        place.symlink_to(elsewhere)
    elif kind == "file":
        place.touch()
    else:
        place.mkdir()
        place.chmod(0o777)
    with temporary("run-") as folder:
        assert folder.is_dir()
        assert list(elsewhere.iterdir()) == []
        (line,) = sweep()
    assert line.startswith("folders of runs that were killed are not looked for: ")
    assert not folder.exists()
    assert os.path.lexists(place)


def test_missing_folder_for_temporary_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        new_folder("run-", tmp_path / "missing")
    assert not folder_of_records().exists()


def test_many_runs_at_once_take_nothing_from_each_other() -> None:
    """Each makes folders, sweeps, and finds its own as they were."""
    program = """
from conformance.system.run_folders import sweep, temporary
for _ in range(5):
    with temporary("run-") as folder:
        (folder / "file").touch()
        assert sweep() == []
        assert (folder / "file").exists()
"""
    runs = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) for _ in range(3)]
    ended = [run.communicate(timeout=_SECONDS * 2)[1] for run in runs]
    assert ended == [b""] * len(runs)
    assert not folder_of_records().exists()
