"""What is served of the files, and what changes between two polls."""

import os
from pathlib import Path
from typing import Any

from pulse.panel.board import FORGET_SECONDS, Board
from pulse.panel.states import State, aged, changes, document

from .conftest import NOW, Clocks, board_of, put


def files_after(board: Board, before: State) -> tuple[list[Any], list[str]]:
    """What a viewer of the state before is sent: files and paths that are gone."""
    news = changes(before, board.poll())
    return news["files"], news["gone"]


class TestChanges:
    def test_time_alone_is_no_news(self, tmp_path: Path, clocks: Clocks) -> None:
        board = board_of(clocks, put(tmp_path / "run.json"))
        before = board.poll()
        clocks.pass_by(2.0)
        assert files_after(board, before) == ([], [])

    def test_a_new_status_comes_with_its_sample(self, tmp_path: Path, clocks: Clocks) -> None:
        board = board_of(clocks, put(tmp_path / "run.json"))
        before = board.poll()
        clocks.pass_by(2.0)
        put(tmp_path / "run.json", epoch=2.0, loss=0.25)
        ((file,), gone) = files_after(board, before)
        assert (file["status"]["epoch"], file["sample"], gone) == (2.0, (2.0, 0.25), [])
        assert "samples" not in file

    def test_the_next_run_in_the_same_file_comes_with_a_new_curve(self, tmp_path: Path, clocks: Clocks) -> None:
        board = board_of(clocks, put(tmp_path / "run.json", "error", loss=0.25))
        before = board.poll()
        put(tmp_path / "run.json", loss=0.0)
        ((file,), _) = files_after(board, before)
        assert file["samples"] == ()
        assert "sample" not in file

    def test_a_file_without_any_sample(self, tmp_path: Path, clocks: Clocks) -> None:
        board = board_of(clocks, tmp_path / "run.json")
        before = board.poll()
        put(tmp_path / "run.json", "idle")
        ((file,), _) = files_after(board, before)
        assert file["sample"] is None

    def test_a_run_that_stalls_is_news(self, tmp_path: Path, clocks: Clocks) -> None:
        board = board_of(clocks, put(tmp_path / "run.json"), stalled_after=60.0)
        before = board.poll()
        clocks.pass_by(61.0)
        ((file,), _) = files_after(board, before)
        assert file["liveness"] == "stalled"

    def test_files_that_come_have_everything_and_those_that_go_are_named(self, tmp_path: Path, clocks: Clocks) -> None:
        board = board_of(clocks, tmp_path)
        put(tmp_path / "a.json")
        board.poll()
        (tmp_path / "a.json").unlink()
        before = board.poll()
        put(tmp_path / "b.json")
        clocks.pass_by(FORGET_SECONDS + 1.0)
        ((file,), gone) = files_after(board, before)
        assert file["samples"] == ((FORGET_SECONDS + 1.0, 0.5),)
        assert gone == [str(tmp_path / "a.json")]


def test_the_document_has_what_the_reader_says_of_each_file(tmp_path: Path, clocks: Clocks) -> None:
    path = put(tmp_path / "run.json", epoch=1.0)
    os.utime(path, (NOW, NOW))
    whole = document(board_of(clocks, path).poll(), interval=2.0)
    assert whole == {
        "clock": 0.0,
        "interval": 2.0,
        "notes": (),
        "files": [
            {
                "path": str(path),
                "name": "run",
                "status": {
                    "status": "running",
                    "epoch": 1.0,
                    "total_epochs": 4.0,
                    "loss": 0.5,
                    "message": "",
                    "timestamp": NOW,
                },
                "liveness": "fresh",
                "state": "running",
                "severity": 2,
                "outcome": "ok",
                "detail": "",
                "unchanged_seconds": 0.0,
                "evidence": "timestamp",
                "unreadable_seconds": None,
                "progress": 25.0,
                "rate": None,
                "eta_seconds": None,
                "last_look_age_seconds": 0.0,
                "order": 0,
                "samples": ((0.0, 0.5),),
            }
        ],
    }


class TestAged:
    def test_a_run_that_no_one_has_looked_at_is_not_fresh_for_ever(self, tmp_path: Path, clocks: Clocks) -> None:
        state = board_of(clocks, put(tmp_path / "run.json"), stalled_after=60.0).poll()
        (file,) = document(aged(state, 60.0))["files"]
        assert (file["liveness"], file["unchanged_seconds"], file["last_look_age_seconds"]) == ("fresh", 60.0, 60.0)
        old = aged(state, 61.0)
        (file,) = document(old)["files"]
        assert (file["state"], file["severity"], file["last_look_age_seconds"]) == ("stalled", 3, 61.0)
        assert old.clock == state.clock + 61.0

    def test_it_is_as_old_whether_it_ages_at_once_or_in_steps(self, tmp_path: Path, clocks: Clocks) -> None:
        state = board_of(clocks, put(tmp_path / "run.json")).poll()
        assert aged(aged(state, 40.0), 30.0) == aged(state, 70.0)
