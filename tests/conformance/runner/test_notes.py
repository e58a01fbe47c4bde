"""Notes under a seal: what a file says is believed only when this run has written it, and under this name."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
import threading
from pathlib import Path

import pytest

from conformance.runner import notes as notes_module
from conformance.runner.notes import Notes


@pytest.fixture(params=["in memory", "in files"])
def notes(request: pytest.FixtureRequest, tmp_path: Path) -> Notes:
    return Notes(tmp_path if request.param == "in files" else None)


@pytest.fixture
def filed(tmp_path: Path) -> Notes:
    return Notes(tmp_path)


def test_what_was_written_is_read(notes: Notes) -> None:
    assert notes.read("one") is None
    notes.write("one", {"ä": [1, False]})
    notes.write("one", {"ä": [2, False]})
    assert notes.read("one") == {"ä": [2, False]}


def test_the_names_are_those_of_this_run(notes: Notes) -> None:
    for name in ("points-b", "points-a", "other"):
        notes.write(name, [])
    assert notes.names("points-") == ["points-a", "points-b"]


@pytest.mark.parametrize("value", [False, 0, "", []])
def test_a_note_is_made_once_whatever_it_says(notes: Notes, value: object) -> None:
    assert notes.once("one", lambda: value) == value
    assert notes.once("one", lambda: pytest.fail("made again")) == value


def test_nothing_is_kept_when_making_it_fails(notes: Notes) -> None:
    def fail() -> object:
        raise KeyError("no")

    with pytest.raises(KeyError):
        notes.once("one", fail)
    assert notes.once("one", lambda: 1) == 1


def test_another_process_of_the_run_reads_them(filed: Notes) -> None:
    filed.write("one", 1)
    assert Notes(filed.folder, filed.key).read("one") == 1


@pytest.mark.parametrize(
    "planted",
    [
        b"[]",
        b"",
        b"0" * 64 + b'\n{"found": {"points": 1, "visits": []}}',
        b"\xff\n\xff",
        b"\n" * 3,
        "ä".encode(),
    ],
)
def test_a_planted_file_is_not_believed(filed: Notes, tmp_path: Path, planted: bytes) -> None:
    (tmp_path / "faults-replace.note").write_bytes(planted)
    assert filed.read("faults-replace") is None
    assert filed.names("") == []
    assert filed.once("faults-replace", lambda: "measured") == "measured"
    assert filed.read("faults-replace") == "measured"


def test_the_note_of_another_run_is_not_believed(filed: Notes, tmp_path: Path) -> None:
    Notes(tmp_path).write("one", 1)
    assert filed.read("one") is None


def test_no_note_stands_for_another(filed: Notes, tmp_path: Path) -> None:
    filed.write("faults-first", "nothing was found")
    shutil.copy(tmp_path / "faults-first.note", tmp_path / "faults-replace.note")
    assert filed.read("faults-replace") is None


def test_a_changed_note_is_made_again(filed: Notes, tmp_path: Path) -> None:
    filed.write("one", {"broken": True})
    path = tmp_path / "one.note"
    path.write_bytes(path.read_bytes().replace(b"true", b"null"))
    assert filed.once("one", lambda: "measured") == "measured"


@pytest.mark.skipif(sys.platform == "win32", reason="needs FIFOs and links")
@pytest.mark.parametrize("what", ["fifo", "link", "folder"])
def test_what_is_no_file_is_no_note_and_is_not_waited_for(filed: Notes, tmp_path: Path, what: str) -> None:
    filed.write("other", 1)
    path = tmp_path / "one.note"
    match what:
        case "fifo":
            if sys.platform != "win32":
                os.mkfifo(path)
        case "link":
            path.symlink_to("other.note")
        case _:
            path.mkdir()
    assert filed.read("one") is None


def test_what_another_program_takes_away_at_once_is_an_error_and_no_result(filed: Notes, tmp_path: Path) -> None:
    class Robbed(Notes):
        def write(self, name: str, value: object) -> None:
            super().write(name, value)
            (tmp_path / f"{name}.note").unlink()

    with pytest.raises(OSError, match="the note one was changed by another program"):
        Robbed(tmp_path, filed.key).once("one", lambda: 1)


def test_others_wait_for_the_one_that_makes_it(filed: Notes) -> None:
    made, begun, go = [], threading.Event(), threading.Event()

    def make() -> int:
        begun.set()
        assert go.wait(60)
        made.append(1)
        return 1

    threads = [threading.Thread(target=filed.once, args=("one", make)) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert begun.wait(60)
    go.set()
    for thread in threads:
        thread.join(60)
    assert made == [1]


def test_a_lock_that_a_judged_program_holds_is_not_waited_for_without_end(
    filed: Notes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notes_module, "_LOCK_TRIES", 2)
    with (tmp_path / "one.lock").open("a") as held:
        notes_module._lock(held.fileno())
        with pytest.raises(OSError), (tmp_path / "one.lock").open("a") as other:  # noqa: PT011  # its text is the system's
            notes_module._lock(other.fileno())
        assert filed.once("one", lambda: 1) == 1
    assert filed.once("one", lambda: pytest.fail("made again")) == 1


def test_the_key_is_shown_nowhere(filed: Notes) -> None:
    assert filed.key.hex() not in repr(filed)
    assert str(filed.key) not in repr(filed)
    assert dataclasses.replace(filed) == filed
