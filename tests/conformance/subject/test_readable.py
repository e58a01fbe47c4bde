"""The control program: what it has read, and what it may not read."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.subject.readable import LISTED, READY, main


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree" / "below").mkdir(parents=True)
    (tmp_path / "tree" / "below" / "file").write_bytes(b"x")
    return tmp_path / "tree"


def test_files_and_folders_that_can_be_read(tree: Path) -> None:
    assert main([]) == READY
    assert main([str(tree), str(tree / "below" / "file"), LISTED, str(tree)]) == READY


def test_what_is_no_file_or_gone_is_no_obstacle(tree: Path) -> None:
    assert main([str(tree / "none")]) == READY


@pytest.mark.parametrize("function", ["builtins.open", "os.listdir", "os.scandir"])
def test_what_may_not_be_read_is_named(tree: Path, function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, *_: object) -> None:
        raise PermissionError(13, "no", path)

    monkeypatch.setattr(function, refuse)
    said = main([str(tree), LISTED, str(tree)])
    assert said.startswith("[Errno 13] no: ")
    assert "tree" in said
