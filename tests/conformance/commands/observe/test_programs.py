"""Programs that write while they are watched: each alarm has one that it catches, and correct ones that it spares."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conformance.commands.observe.answers import Answer, answers_of, handling
from conformance.commands.observe.tally import Tally
from conformance.commands.observe.watching import Stop, Watched, looking, watch

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs inotify")
PATIENCE = 60.0


class Watch:
    """A watch of ``f.json`` that looks whenever a program says so."""

    def __init__(self, target: Path, once: Callable[[], None], watched: Watched) -> None:
        self.target = target
        self.folder = target.parent
        self.look = once
        self.watched = watched

    def answers(self, temp_age: float = 0.0) -> dict[str, Answer]:
        return {answer.question: answer for answer in answers_of(self.watched, temp_age)}

    def found(self) -> set[str]:
        return {question for question, answer in self.answers().items() if answer.verdict == "yes"}


@contextmanager
def watching(folder: Path, *, events: bool = True) -> Iterator[Watch]:
    target = folder / "f.json"
    target.write_text("{}")
    watched = Watched.of(target, Tally(str(target)))
    if not events:
        watched.let_go()
    with looking([watched]) as once:
        once()
        yield Watch(target, once, watched)
        once()


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="")


def by_rename(watch: Watch, number: int, temp: str | None = None) -> None:
    path = watch.folder / (temp or f".f.json.{number:06}.tmp")
    write(path, f'{{"n": {number}}}')
    os.replace(path, watch.target)


@pytest.mark.parametrize("events", [pytest.param(True, marks=ON_LINUX), False])
def test_a_writer_that_changes_bytes_in_place_is_caught(tmp_path: Path, events: bool) -> None:
    with watching(tmp_path, events=events) as watch, watch.target.open("r+b") as file:
        file.write(b"[]")
        file.flush()
        watch.look()
    assert watch.found() == {"place"}
    assert handling(watch.watched) == "in place (1 time seen)"


@pytest.mark.parametrize("events", [pytest.param(True, marks=ON_LINUX), False])
def test_a_writer_that_truncates_first_is_caught(tmp_path: Path, events: bool) -> None:
    with watching(tmp_path, events=events) as watch, watch.target.open("w") as file:
        watch.look()
        file.write('{"a"')
        file.flush()
        watch.look()
        file.write(": 1}")
    assert watch.found() == {"torn", "place"}
    answers = watch.answers()
    assert answers["torn"].text.startswith("of 4 reads: 1 empty, the first at ")
    assert "1 no whole json" in answers["torn"].text
    assert answers["place"].text.endswith(": 2 → 0 → 4 → 8 bytes")


@ON_LINUX
def test_a_writer_that_is_quicker_than_the_reads_is_caught_by_the_events(tmp_path: Path) -> None:
    with watching(tmp_path) as watch:
        write(watch.target, '{"n": 1}')
        by_rename(watch, 2)
    assert watch.found() == {"place"}
    assert "too quickly for the reads" in watch.answers()["place"].text


@pytest.mark.parametrize("events", [pytest.param(True, marks=ON_LINUX), False])
def test_a_writer_that_removes_the_file_first_is_caught(tmp_path: Path, events: bool) -> None:
    with watching(tmp_path, events=events) as watch:
        watch.target.unlink()
        watch.look()
        by_rename(watch, 1)
        watch.look()
    assert watch.found() == {"missing"}
    assert watch.answers()["missing"].text.startswith("1 of 4 looks, the first at ")


@ON_LINUX
def test_a_gap_that_no_read_saw_is_known_from_the_events(tmp_path: Path) -> None:
    with watching(tmp_path) as watch:
        watch.target.unlink()
        write(watch.target, "[]")
    assert watch.found() == {"missing", "place"}
    assert "1 time the name was free" in watch.answers()["missing"].text
    assert handling(watch.watched) == "a new file under its name, after the old one was removed (1 time)"


def test_an_older_file_in_its_place_is_caught(tmp_path: Path) -> None:
    with watching(tmp_path) as watch:
        temp = tmp_path / "temp"
        write(temp, "[]")
        os.utime(temp, (time.time() - 100, time.time() - 100))
        os.replace(temp, watch.target)
    assert watch.found() == {"older"}
    assert watch.answers()["older"].text.startswith("1 of 1 new file older than the one before, by up to ")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
def test_a_writer_that_loses_the_mode_is_caught(tmp_path: Path) -> None:
    with watching(tmp_path) as watch:
        watch.target.chmod(0o640)
        watch.look()
        write(tmp_path / "temp", "[]")
        (tmp_path / "temp").chmod(0o600)
        os.replace(tmp_path / "temp", watch.target)
    assert watch.found() == {"attributes"}
    assert watch.answers()["attributes"].text == "the mode 0640 became 0600 (1 of 1 new file)"


@ON_LINUX
def test_a_writer_that_leaves_a_temp_is_caught_once_the_temp_is_old_enough(tmp_path: Path) -> None:
    with watching(tmp_path) as watch:
        for number in range(3):
            by_rename(watch, number)
            watch.look()
        write(tmp_path / ".f.json.999999.tmp", "{")
    assert watch.found() == {"temps"}
    assert ".f.json.999999.tmp" in watch.answers()["temps"].text
    young = watch.answers(temp_age=PATIENCE * 60)["temps"]
    assert (young.verdict, young.text) == ("not measured", "1 younger than 60.0 min may be in use (--temp-age)")


@ON_LINUX
def test_a_correct_writer_at_full_speed_is_spared(tmp_path: Path) -> None:
    target = tmp_path / "f.json"
    write(target, "{}")
    watched = Watched.of(target, Tally(str(target)))
    once = Watch(target, lambda: None, watched)
    finished = threading.Event()

    def write_all() -> None:
        for number in range(200):
            by_rename(once, number)
        finished.set()

    writer = threading.Thread(target=write_all)
    with looking([watched]) as look:
        look()
        writer.start()
        while not finished.is_set():
            look()
        writer.join(PATIENCE)
        look()
    answers = once.answers()
    assert {answer.verdict for answer in answers.values()} == {"no"}, answers
    assert watched.tally.replaced >= 1
    assert answers["torn"].of == watched.tally.reads
    assert watched.lost or watched.names.renamed == 200
    assert handling(watched).startswith("a rename from .f.json.0") or watched.lost


def test_a_file_that_is_removed_in_the_end_is_spared(tmp_path: Path) -> None:
    with watching(tmp_path) as watch:
        by_rename(watch, 1)
        watch.look()
        watch.target.unlink()  # at the end of a job
        watch.look()
    assert watch.found() == set()
    assert watch.watched.tally.gone is not None


def test_a_log_is_appended_to_and_spared(tmp_path: Path) -> None:
    target = tmp_path / "log"
    write(target, "a\n")
    watched = Watched.of(target, Tally(str(target)))
    with looking([watched]) as look:
        look()
        with target.open("a", newline="") as file:
            file.write("b\n")
        look()
    answers = {answer.question: answer for answer in answers_of(watched, 0.0)}
    assert (answers["place"].verdict, answers["place"].text) == ("no", "in 1 change; bytes were appended 1 time")
    assert answers["torn"].verdict == "not measured"
    assert handling(watched) == "by appending (1 time seen)"


def test_a_file_that_does_not_change_shows_nothing(tmp_path: Path) -> None:
    with watching(tmp_path) as watch:
        watch.look()
    verdicts = {question: answer.verdict for question, answer in watch.answers().items()}
    assert verdicts.pop("temps") == "no"
    assert set(verdicts.values()) == {"not measured"}


def test_where_numbers_are_made_from_names_the_reads_say_nothing_of_places(tmp_path: Path) -> None:
    with watching(tmp_path, events=False) as watch, watch.target.open("r+b") as file:
        watch.watched.file_system, watch.watched.events = "fuse.sshfs", False
        file.write(b"[]")
        file.flush()
        watch.look()
    place = watch.answers()["place"]
    assert (place.verdict, place.text) == ("not measured", "fuse.sshfs does not tell a new file from the old one")


def test_a_watch_ends_when_its_time_is_up_and_when_it_is_stopped(tmp_path: Path) -> None:
    watched = Watched.of(tmp_path / "f", Tally("f"))
    assert watch([watched], Stop(), seconds=0.0, every=0.0) >= 0
    assert watched.tally.looks == 1
    stopped = Stop(asked=True)
    watch([watched], stopped, seconds=None, every=1.0)
    assert watched.tally.looks == 2
