"""What the arguments of the command line stand for."""

import os
from pathlib import Path

import pytest

from pulse import write_training_status
from pulse.watch.files import File, PatternReader, all_folders, expanded


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with two files and a folder."""
    for name in ("b.json", "a.json"):
        (tmp_path / name).touch()
    (tmp_path / "c.json").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_name_stands_for_itself_whether_it_is_there_or_not(folder: Path) -> None:
    assert expanded(["a.json", "none.json", "c.json"], 60.0) == [File("a.json"), File("none.json"), File("c.json")]


def test_a_pattern_stands_for_the_files_that_match_in_their_order(folder: Path) -> None:
    assert expanded(["*.json"], 60.0) == [File("a.json"), File("b.json")]


def test_each_file_comes_once(folder: Path) -> None:
    found = expanded(["b.json", "*.json", os.path.join(folder, "a.json")], 60.0)
    assert [os.path.basename(file.path) for file in found] == ["b.json", "a.json"]


def test_one_that_matches_nothing_is_kept(folder: Path) -> None:
    assert expanded(["x*.json"], 60.0) == [File("x*.json", pattern=True)]


def test_only_folders_are_all_folders(folder: Path) -> None:
    assert all_folders([File("c.json"), File(".")], 60.0)
    assert not all_folders([File("c.json"), File("a.json")], 60.0)


def test_a_file_of_the_patterns_name_may_come(folder: Path) -> None:
    reader = PatternReader("x[1].json")
    assert reader.poll().detail.startswith("no file matches")
    write_training_status("x[1].json", "running")
    assert reader.poll().fresh
