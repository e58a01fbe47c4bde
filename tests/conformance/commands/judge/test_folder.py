"""The prepared folder: measured, copied, and put back as it was."""

import os
import sys
from pathlib import Path

import pytest

from conformance.commands.judge import folder
from conformance.commands.judge.folder import FolderError, Stage, listing, measured


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    path = tmp_path / "prepared"
    (path / "sub").mkdir(parents=True)
    (path / "f").write_bytes(b"old")
    (path / "sub" / "g").write_bytes(b"12345")
    return path


def test_what_would_be_copied_is_counted(prepared: Path) -> None:
    assert (measured(prepared).files, measured(prepared).size) == (3, 8)


@pytest.mark.parametrize(("limit", "value"), [("MOST_FILES", 2), ("MOST_BYTES", 7)])
def test_a_folder_that_is_too_large_is_refused(
    prepared: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(folder, limit, value)
    with pytest.raises(FolderError, match="--dir"):
        measured(prepared)


def test_each_run_starts_from_the_same_files_at_the_same_path(prepared: Path) -> None:
    with Stage(prepared) as stage:
        before = listing(stage.root)
        assert before == {"work/": 0, "tmp/": 0, "work/f": 3, "work/sub/": 0, "work/sub/g": 5}
        (stage.work / "f").write_bytes(b"changed")
        (stage.work / "sub" / "g").unlink()
        (stage.root / "tmp" / "t").touch()
        stage.reset()
        assert listing(stage.root) == before
    assert (prepared / "f").read_bytes() == b"old"


def test_what_a_run_left_can_be_kept_and_put_back(prepared: Path) -> None:
    with Stage(prepared) as stage:
        (stage.work / "new").touch()
        stage.keep()
        stage.reset()
        assert (stage.work / "new").exists()
        stage.put_back()
        stage.reset()
        assert not (stage.work / "new").exists()


def test_nothing_is_left_behind(prepared: Path) -> None:
    with Stage(prepared) as stage:
        (stage.work / "sub").chmod(0)
    assert os.listdir(prepared.parent / "temporary") == []


@pytest.mark.skipif(sys.platform == "win32", reason="there TMPDIR means nothing")
def test_without_a_folder_for_temporary_files_it_says_so(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(prepared / "none"))
    with pytest.raises(FolderError, match="see TMPDIR"):
        Stage(prepared)


@pytest.mark.skipif(sys.platform == "win32", reason="needs FIFOs and symbolic links")
def test_links_are_copied_as_links_and_other_kinds_not_at_all(prepared: Path) -> None:
    (prepared / "link").symlink_to("f")
    if sys.platform != "win32":
        os.mkfifo(prepared / "fifo")
    assert measured(prepared).skipped == ("fifo",)
    with Stage(prepared) as stage:
        assert os.readlink(stage.work / "link") == "f"
        assert not (stage.work / "fifo").exists()
