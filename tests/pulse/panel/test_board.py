"""What the panel knows of its files after each poll."""

import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pulse import StatusReader
from pulse.panel.board import FORGET_SECONDS, LOOK_AGAIN, MOST_MESSAGE, SILENT_SECONDS, Board
from pulse.panel.sources import Candidate, Kind, Scan, Scanner, Source
from pulse.panel.states import State, document
from tests.pulse.hanging import until

from .conftest import Clocks, board_of, put


def shown(state: State) -> dict[str, str]:
    """Name of each file → its liveness, in the order of the rows."""
    return {row.file["name"]: row.file["liveness"] for row in state.rows}


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

    def test_a_run_that_is_shown_keeps_its_place_as_long_as_it_lives(self, tmp_path: Path, clocks: Clocks) -> None:
        board = board_of(clocks, f"{tmp_path}/", limit=2)
        seen = []
        for step in range(6):
            name = "abc"[step % 3]
            os.utime(put(tmp_path / f"{name}.json", epoch=float(step)), (step, step))
            state = board.poll()
            seen.append([(row.order, row.file["name"]) for row in state.rows])
        assert seen[1:] == [[(0, "a"), (1, "b")]] * 5
        assert "1 more files" in state.notes[0]

    def test_one_that_has_ended_makes_room(self, tmp_path: Path, clocks: Clocks) -> None:
        board = board_of(clocks, f"{tmp_path}/", limit=1)
        os.utime(put(tmp_path / "a.json", "done"), (1, 1))
        assert list(shown(board.poll())) == ["a"]
        put(tmp_path / "b.json")
        assert list(shown(board.poll())) == ["b"]

    def test_files_that_are_gone_take_no_place_of_others_and_stay_within_the_limit(
        self, tmp_path: Path, clocks: Clocks
    ) -> None:
        board = board_of(clocks, f"{tmp_path}/", limit=3)
        for generation in "abc":
            for path in tmp_path.iterdir():
                path.unlink()
            for number in range(2):
                put(tmp_path / f"{generation}{number}.json")
            clocks.pass_by(1.0)
            rows = list(shown(board.poll()))
            assert len(rows) <= 3
            assert {f"{generation}0", f"{generation}1"} <= set(rows)
        assert len(rows) == 3
        assert rows[0].startswith("b")  # the one that went last


class TestFilesThatAreNotShown:
    def test_they_are_counted(self, tmp_path: Path, clocks: Clocks) -> None:
        (tmp_path / "torn.json").write_text('{"status": "runn')
        (tmp_path / "empty.json").touch()
        board = board_of(clocks, put(tmp_path / "run.json").parent)
        state = board.poll()
        assert list(shown(state)) == ["run"]
        assert state.notes == ("2 *.json files are not shown: they hold no status, or cannot be read",)
        put(tmp_path / "torn.json")
        assert "1 *.json files" in board.poll().notes[0]
        put(tmp_path / "empty.json")
        assert board.poll().notes == ()


class TestFilesThatHang:
    """Reads that wait until the test lets them go on."""

    @pytest.fixture
    def hung(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, threading.Event]]:
        """Names of files that hang → what lets them go on."""
        names: dict[str, threading.Event] = {}
        honest = StatusReader.poll

        def poll(self: Any) -> Any:
            name = os.path.basename(self.path)
            if name in names:
                names[name].wait()
            return honest(self)

        monkeypatch.setattr(StatusReader, "poll", poll)
        yield names
        for event in names.values():
            event.set()

    def test_the_others_are_read_and_the_silence_of_a_run_that_hangs_goes_on(
        self, tmp_path: Path, clocks: Clocks, hung: dict[str, threading.Event]
    ) -> None:
        local, remote = put(tmp_path / "local.json"), put(tmp_path / "remote.json")
        board = board_of(clocks, local, remote, patience=0.01)
        until(lambda: shown(board.poll()) == {"local": "fresh", "remote": "fresh"} and not board.poll().notes)
        hung["remote.json"] = threading.Event()
        clocks.pass_by(61.0)
        put(local, epoch=2.0)
        until(lambda: shown(board.poll()) == {"local": "fresh", "remote": "stalled"})
        rows = {row.file["name"]: row.file for row in board.poll().rows}
        assert rows["remote"]["unchanged_seconds"] >= 61.0
        assert rows["remote"]["last_look_age_seconds"] >= 61.0
        until(lambda: board.poll().rows[0].file["last_look_age_seconds"] == 0.0)
        clocks.pass_by(SILENT_SECONDS)
        until(lambda: board.poll().notes == (f"{remote}: no answer from the file system; what is shown may be old",))
        hung.pop("remote.json").set()
        put(remote, epoch=2.0)
        until(lambda: shown(board.poll()) == {"local": "fresh", "remote": "fresh"})

    def test_a_named_file_that_hangs_from_the_start_is_unreadable(
        self, tmp_path: Path, clocks: Clocks, hung: dict[str, threading.Event]
    ) -> None:
        hung["run.json"] = threading.Event()
        board = board_of(clocks, put(tmp_path / "run.json"), patience=0.01)
        board.poll()
        clocks.pass_by(5.0)
        (row,) = board.poll().rows
        assert (row.file["liveness"], row.file["unreadable_seconds"]) == ("unreadable", 5.0)
        assert row.file["detail"] == "no answer from its file system yet"
        hung["run.json"].set()
        until(lambda: shown(board.poll()) == {"run": "fresh"})

    def test_a_file_of_a_folder_that_hangs_from_the_start_is_noted(
        self, tmp_path: Path, clocks: Clocks, hung: dict[str, threading.Event]
    ) -> None:
        hung |= {"a.json": threading.Event(), "b.json": threading.Event()}
        for name in ("a.json", "b.json", "c.json"):
            put(tmp_path / name)
        board = board_of(clocks, f"{tmp_path}/", patience=0.01)
        until(lambda: shown(board.poll()) == {"c": "fresh"})
        assert board.poll().notes == ()
        clocks.pass_by(SILENT_SECONDS)
        until(lambda: any(" and 1 more: no answer" in note for note in board.poll().notes))

    def test_a_file_of_a_folder_whose_attributes_hang_is_noted_and_not_read(
        self, tmp_path: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch, opens: list[str]
    ) -> None:
        scan = Scan((Candidate("/dead/a.json", Kind.FOLDER, None),), (), complete=True, silent=("/dead/a.json",))
        monkeypatch.setattr(Scanner, "scan", lambda _: scan)
        board = board_of(clocks, tmp_path)
        board.poll()
        clocks.pass_by(SILENT_SECONDS)
        state = board.poll()
        assert (state.rows, opens) == ((), [])
        assert state.notes[0].startswith("/dead/a.json: no answer")

    def test_one_that_is_gone_may_hang_too(
        self, tmp_path: Path, clocks: Clocks, hung: dict[str, threading.Event]
    ) -> None:
        path = put(tmp_path / "a.json")
        board = board_of(clocks, f"{tmp_path}/", patience=0.01)
        until(lambda: shown(board.poll()) == {"a": "fresh"} and not board.poll().notes)
        hung["a.json"] = threading.Event()
        path.unlink()
        board.poll()
        clocks.pass_by(SILENT_SECONDS)
        until(lambda: any(note.startswith(f"{path}: no answer") for note in board.poll().notes))
        assert shown(board.poll()) == {"a": "fresh"}


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

    def test_one_that_never_held_a_status_is_forgotten_at_once(self, tmp_path: Path, clocks: Clocks) -> None:
        board = board_of(clocks, f"{tmp_path}/runs")
        assert shown(board.poll()) == {"runs": "unreadable"}
        (tmp_path / "runs").mkdir()
        put(tmp_path / "runs" / "a.json")
        assert shown(board.poll()) == {"a": "fresh"}

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
