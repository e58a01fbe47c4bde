"""The folder of a status file: made when a write finds it missing, and not looked for before."""

from pathlib import Path

import pytest

from pulse._folders import with_folder


def test_it_is_made_when_it_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "runs" / "7" / "status.json"
    with_folder(str(file), lambda: file.write_text("x"))
    assert file.read_text() == "x"


def test_where_it_exists_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.makedirs", None)
    file = tmp_path / "status.json"
    with_folder(str(file), lambda: file.write_text("x"))
    assert file.read_text() == "x"


def test_what_is_missing_all_the_same_is_an_error(tmp_path: Path) -> None:
    calls: list[int] = []

    def write() -> None:
        calls.append(1)
        raise FileNotFoundError("a link to a folder that is gone")

    with pytest.raises(FileNotFoundError, match="a link"):
        with_folder(str(tmp_path / "status.json"), write)
    assert len(calls) == 2
