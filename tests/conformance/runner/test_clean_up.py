"""What could not be removed is said once, in a line that no name in it can leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.runner import clean_up
from conformance.runner.clean_up import remove_left_folders, remove_or_say

_FOREIGN = "cannot be removed: \x1b[2Ka\nb: Operation not permitted"


def test_folder_that_is_gone_is_not_mentioned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    remove_or_say(tmp_path / "run-abcdefgh")
    assert capsys.readouterr().err == ""


def test_names_in_the_folder_reach_no_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(folder: Path) -> None:
        raise PermissionError(1, _FOREIGN, str(folder))

    monkeypatch.setattr(clean_up, "remove_run_folder", refuse)
    remove_or_say(tmp_path)
    said = f"{tmp_path}: cannot be removed: \\x1b[2Ka\\nb: Operation not permitted; remove it yourself\n"
    assert capsys.readouterr().err == said


def test_each_folder_of_a_killed_run_that_stays_has_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(clean_up, "sweep", lambda: [f"one: {_FOREIGN}", "two"])
    remove_left_folders()
    assert capsys.readouterr().err == "one: cannot be removed: \\x1b[2Ka\\nb: Operation not permitted\ntwo\n"
