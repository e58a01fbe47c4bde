"""What the panel knows of its files after each poll."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from pulse import StatusReader
from pulse.panel.board import FORGET_SECONDS, LOOK_AGAIN, MOST_MESSAGE, Board, State, changes, document
from pulse.panel.sources import Kind, Source

from .conftest import NOW, Clocks, board_of, put


def shown(state: State) -> dict[str, str]:
    """Name of each file → its liveness, in the order of the rows."""
    return {row.file["name"]: row.file["liveness"] for row in state.rows}


def files_after(board: Board, before: State) -> tuple[list[Any], list[str]]:
    """What a viewer of the state before is sent: files and paths that are gone."""
    news = changes(before, board.poll())
    return news["files"], news["gone"]


@pytest.fixture
def opens(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that are read, in order."""
    read: list[str] = []
    honest = StatusReader.poll

    def counted(self: Any) -> Any:
        read.append(os.path.basename(self.path))
        return honest(self)

    monkeypatch.setattr(StatusReader, "poll", counted)
    return read


class TestWhatIsShown:
    def test_a_named_file_before_it_exists(self, tmp_path: Path, clocks: Clocks) -> None:
        board = board_of(clocks, tmp_path / "run.json")
        assert shown(board.poll()) == {"run": "unreadable"}
        put(tmp_path / "run.json")
        assert shown(board.poll()) == {"run": "fresh"}

    def test_status_files_of_a_folder_and_no_others(self, tmp_path: Path, clocks: Clocks) -> None:
        put(tmp_path / "run.json")
        (tmp_path / "config.json").write_text('{"lr": 0.1}')
        assert shown(board_of(clocks, tmp_path).poll()) == {"run": "fresh"}

    def test_what_matches_a_glob_whatever_it_holds(self, tmp_path: Path, clocks: Clocks) -> None:
        (tmp_path / "torn.json").write_text('{"status": "runn')
        assert shown(board_of(clocks, f"{tmp_path}/*.json").poll()) == {"torn": "unreadable"}

    def test_a_new_run_comes_last_whatever_its_name(self, tmp_path: Path, clocks: Clocks) -> None:
        board = board_of(clocks, tmp_path)
        put(tmp_path / "b.json")
        put(tmp_path / "c.json")
        board.poll()
        put(tmp_path / "a.json")
        assert list(shown(board.poll())) == ["b", "c", "a"]

    def test_the_order_of_the_first_poll_is_that_of_the_paths(self, tmp_path: Path, clocks: Clocks) -> None:
        for name, modified in (("a", 1.0), ("b", 3.0), ("c", 2.0)):
            os.utime(put(tmp_path / f"{name}.json"), (modified, modified))
        assert list(shown(board_of(clocks, tmp_path).poll())) == ["a", "b", "c"]

    def test_a_half_file_keeps_its_last_valid_status(self, tmp_path: Path, clocks: Clocks) -> None:
        board = board_of(clocks, tmp_path)
        put(tmp_path / "run.json", loss=0.25)
        board.poll()
        (tmp_path / "run.json").write_text('{"status": "runn')
        board.poll()
        clocks.pass_by(7.0)
        (row,) = board.poll().rows
        assert (row.file["liveness"], row.file["outcome"], row.file["unreadable_seconds"]) == (
            "unreadable",
            "invalid",
            7.0,
        )
        assert row.file["status"]["loss"] == 0.25

    def test_a_long_message_is_cut(self, tmp_path: Path, clocks: Clocks) -> None:
        board = board_of(clocks, put(tmp_path / "run.json", message="x" * (MOST_MESSAGE + 1)))
        assert board.poll().rows[0].file["status"]["message"] == "x" * MOST_MESSAGE + "…"

    @pytest.mark.skipif(sys.platform == "win32", reason="names there are Unicode")
    def test_names_that_are_not_unicode_are_shown_all_the_same_and_stay_different(
        self, tmp_path: Path, clocks: Clocks
    ) -> None:
        folder = os.fsencode(tmp_path)
        for name in (b"r\xfe.json", b"r\xff.json"):
            put(Path(os.fsdecode(folder + b"/" + name)))
        state = board_of(clocks, tmp_path).poll()
        assert sorted(row.file["name"] for row in state.rows) == ["r\\udcfe", "r\\udcff"]
        json.dumps(document(state), ensure_ascii=False).encode()

    @pytest.mark.skipif(sys.platform == "win32", reason="names there are Unicode")
    def test_a_note_about_a_folder_whose_name_is_not_unicode_is_text(self, tmp_path: Path, clocks: Clocks) -> None:
        gone = Source(Kind.FOLDER, os.fsdecode(os.fsencode(tmp_path) + b"/no\xff"))
        notes = Board([gone]).poll().notes
        assert [note.encode() for note in notes]


class TestLimit:
    def test_the_most_recently_modified_are_shown_and_the_others_counted(self, tmp_path: Path, clocks: Clocks) -> None:
        for name, modified in (("a", 1.0), ("b", 3.0), ("c", 2.0)):
            os.utime(put(tmp_path / f"{name}.json"), (modified, modified))
        state = board_of(clocks, tmp_path, limit=2).poll()
        assert list(shown(state)) == ["b", "c"]
        assert state.notes == ("1 more files are not shown: the limit is 2 (--limit)",)

    def test_a_named_file_is_shown_before_any_that_was_found(self, tmp_path: Path, clocks: Clocks) -> None:
        put(tmp_path / "new.json")
        board = board_of(clocks, tmp_path, tmp_path / "absent.json", limit=1)
        assert list(shown(board.poll())) == ["absent"]


class TestFilesThatAreGone:
    def test_a_file_of_a_folder_stays_for_a_while(self, tmp_path: Path, clocks: Clocks) -> None:
        board = board_of(clocks, tmp_path)
        put(tmp_path / "run.json")
        board.poll()
        (tmp_path / "run.json").unlink()
        assert shown(board.poll()) == {"run": "unreadable"}
        clocks.pass_by(FORGET_SECONDS)
        assert shown(board.poll()) == {"run": "unreadable"}
        clocks.pass_by(1.0)
        assert shown(board.poll()) == {}

    def test_they_all_stay_while_the_folder_cannot_be_read(self, tmp_path: Path, clocks: Clocks) -> None:
        folder = tmp_path / "runs"
        folder.mkdir()
        board = board_of(clocks, folder)
        put(folder / "run.json")
        board.poll()
        folder.rename(tmp_path / "elsewhere")
        clocks.pass_by(FORGET_SECONDS * 2)
        board.poll()
        clocks.pass_by(FORGET_SECONDS * 2)
        state = board.poll()
        assert shown(state) == {"run": "unreadable"}
        assert "runs: " in state.notes[0]

    def test_a_named_file_stays_for_ever(self, tmp_path: Path, clocks: Clocks) -> None:
        board = board_of(clocks, put(tmp_path / "run.json"))
        board.poll()
        (tmp_path / "run.json").unlink()
        board.poll()
        clocks.pass_by(FORGET_SECONDS * 2)
        assert shown(board.poll()) == {"run": "unreadable"}


class TestReads:
    def test_each_file_is_read_once_in_a_poll(self, tmp_path: Path, clocks: Clocks, opens: list[str]) -> None:
        for name in ("a", "b"):
            put(tmp_path / f"{name}.json")
        board = board_of(clocks, tmp_path, f"{tmp_path}/*.json", tmp_path / "a.json")
        for _ in range(3):
            opens.clear()
            board.poll()
            assert sorted(opens) == ["a.json", "b.json"]

    def test_what_is_no_status_file_is_read_again_only_when_it_changes(
        self, tmp_path: Path, clocks: Clocks, opens: list[str]
    ) -> None:
        config = tmp_path / "config.json"
        config.write_text("{}")
        board = board_of(clocks, tmp_path)
        for _ in range(5):
            board.poll()
        assert opens == ["config.json"]
        put(config)
        assert shown(board.poll()) == {"config": "fresh"}

    def test_and_once_in_a_while_in_any_case(self, tmp_path: Path, clocks: Clocks, opens: list[str]) -> None:
        (tmp_path / "config.json").write_text("{}")
        board = board_of(clocks, tmp_path)
        for _ in range(LOOK_AGAIN + 1):
            board.poll()
        assert len(opens) == 2


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
                "order": 0,
                "samples": ((0.0, 0.5),),
            }
        ],
    }
