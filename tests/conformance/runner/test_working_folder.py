"""A working folder that has what another folder has."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.runner.working_folder import mirror


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    folder, working = tmp_path / "manifest", tmp_path / "working"
    (folder / "inner").mkdir(parents=True)
    working.mkdir()
    (folder / "inner" / "a.txt").write_text("a")
    (folder / "b.txt").write_text("b")
    return folder, working


def test_each_entry_is_found_there(folders: tuple[Path, Path]) -> None:
    folder, working = folders
    assert mirror(folder, working) == {"inner", "b.txt"}
    assert (working / "inner" / "a.txt").read_text() == "a"
    assert (working / "b.txt").read_text() == "b"


def test_where_no_links_can_be_made_there_are_copies(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refused)
    folder, working = folders
    assert mirror(folder, working) == {"inner", "b.txt"}
    assert (working / "inner" / "a.txt").read_text() == "a"
    assert not (working / "b.txt").is_symlink()
