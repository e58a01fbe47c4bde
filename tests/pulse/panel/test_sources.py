"""Which files the panel shows."""

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pulse.panel.sources import Kind, Scan, Scanner, Source, source_of
from tests.pulse.hanging import until

from .conftest import PATIENCE


def scan(sources: Sequence[Source], limit: int = 100) -> Scan:
    return Scanner(sources, PATIENCE, limit).scan()


def paths(*arguments: Path | str, limit: int = 100) -> list[str]:
    return [one.path for one in scan([source_of(str(argument)) for argument in arguments], limit).candidates]


class TestSourceOf:
    def test_it_goes_by_the_name_alone_for_a_disk_may_hang(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def looked_at(path: Any) -> Any:
            raise AssertionError(f"{path} was looked at")

        monkeypatch.setattr(os, "stat", looked_at)
        monkeypatch.setattr(os, "lstat", looked_at)
        assert source_of(str(tmp_path / "x.json")) == Source(Kind.FILE, str(tmp_path / "x.json"))
        assert source_of(f"{tmp_path}/later/") == Source(Kind.FOLDER, str(tmp_path / "later"))
        assert source_of(f"{tmp_path}/*.json").kind is Kind.GLOB

    def test_a_relative_path_is_of_the_present_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert source_of("x.json").path == os.path.join(os.getcwd(), "x.json")


class TestWhatAnArgumentStandsFor:
    def test_a_file_that_need_not_exist_until_there_is_a_folder(self, tmp_path: Path) -> None:
        scanner = Scanner([source_of(str(tmp_path / "runs"))], PATIENCE)
        assert [one.kind for one in scanner.scan().candidates] == [Kind.FILE]
        (tmp_path / "runs").mkdir()
        assert scanner.scan().candidates == ()
        (tmp_path / "runs" / "a.json").touch()
        (found,) = scanner.scan().candidates
        assert (found.path, found.kind) == (str(tmp_path / "runs" / "a.json"), Kind.FOLDER)

    def test_a_folder_that_is_gone_stays_one(self, tmp_path: Path) -> None:
        (tmp_path / "runs").mkdir()
        scanner = Scanner([source_of(str(tmp_path / "runs"))], PATIENCE)
        scanner.scan()
        (tmp_path / "runs").rmdir()
        found = scanner.scan()
        assert (found.candidates, found.complete) == ((), False)
        assert "runs: " in found.notes[0]

    @pytest.mark.skipif(sys.platform == "win32", reason="no file has such a name there")
    def test_a_glob_unless_a_file_has_that_name(self, tmp_path: Path) -> None:
        (tmp_path / "a.json").touch()
        scanner = Scanner([source_of(f"{tmp_path}/*.json")], PATIENCE)
        assert [one.path for one in scanner.scan().candidates] == [str(tmp_path / "a.json")]
        (tmp_path / "*.json").touch()
        (found,) = scanner.scan().candidates
        assert (found.path, found.kind) == (str(tmp_path / "*.json"), Kind.FILE)
        (tmp_path / "*.json").unlink()
        assert [one.kind for one in scanner.scan().candidates] == [Kind.FILE]


@pytest.mark.skipif(sys.platform == "win32", reason="what looks at files there is not all written in Python")
class TestWhatHangs:
    """A file system that gives no answer: there, stat waits until the test lets it go on."""

    @pytest.fixture
    def hung(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
        """Paths that hang when they are looked at."""
        paths: set[str] = set()
        go_on = threading.Event()
        for name in ("stat", "scandir"):
            honest = getattr(os, name)

            def looked_at(path: Any, *arguments: Any, honest: Any = honest, **options: Any) -> Any:
                if str(path) in paths:
                    go_on.wait()
                return honest(path, *arguments, **options)

            monkeypatch.setattr(os, name, looked_at)
        yield paths
        go_on.set()

    def test_a_named_file_is_one_whatever_it_may_be(self, tmp_path: Path, hung: set[str]) -> None:
        hung.add(str(tmp_path / "dead"))
        scanner = Scanner([source_of(str(tmp_path / "dead"))], 0.01)
        found = scanner.scan()
        assert [(one.path, one.kind) for one in found.candidates] == [(str(tmp_path / "dead"), Kind.FILE)]
        assert (found.silent, found.complete) == ((str(tmp_path / "dead"),), False)

    def test_of_a_source_that_hangs_later_nothing_is_forgotten(self, tmp_path: Path, hung: set[str]) -> None:
        (tmp_path / "a.json").touch()
        scanner = Scanner([source_of(f"{tmp_path}/")], 0.01)
        until(lambda: bool(scanner.scan().candidates))
        hung.add(str(tmp_path))
        until(lambda: scanner.scan().silent == (str(tmp_path),))
        found = scanner.scan()
        assert ([one.path for one in found.candidates], found.complete) == ([str(tmp_path / "a.json")], False)

    def test_what_a_source_gave_before_it_hung_is_found(self, tmp_path: Path, hung: set[str]) -> None:
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "status.json").touch()
        hung.add(os.path.join(str(tmp_path), "b"))
        scanner = Scanner([source_of(f"{tmp_path}/**/status.json")], 0.01)
        until(lambda: [one.path for one in scanner.scan().candidates] == [str(tmp_path / "a" / "status.json")])

    def test_one_file_holds_no_other_up(self, tmp_path: Path, hung: set[str]) -> None:
        for name in ("a.json", "b.json"):
            (tmp_path / name).touch()
        hung.add(str(tmp_path / "a.json"))
        scanner = Scanner([source_of(f"{tmp_path}/")], 0.01)
        until(lambda: scanner.scan().silent == (str(tmp_path / "a.json"),))
        assert [one.signature is None for one in scanner.scan().candidates] == [True, False]


class TestScan:
    def test_named_files_come_first_and_in_the_order_given(self, tmp_path: Path) -> None:
        for name in ("a.json", "b.json", "c.json"):
            (tmp_path / name).touch()
        found = paths(tmp_path, tmp_path / "c.json", tmp_path / "absent.json")
        assert found == [str(tmp_path / name) for name in ("c.json", "absent.json", "a.json", "b.json")]

    def test_each_path_once(self, tmp_path: Path) -> None:
        (tmp_path / "a.json").touch()
        both = scan([source_of(str(tmp_path)), source_of(f"{tmp_path}/*.json")])
        assert [(one.path, one.kind) for one in both.candidates] == [(str(tmp_path / "a.json"), Kind.GLOB)]

    def test_only_json_files_of_a_folder_and_no_hidden_ones(self, tmp_path: Path) -> None:
        for name in ("a.json", ".b.json", "c.txt", "json"):
            (tmp_path / name).touch()
        assert paths(tmp_path) == [str(tmp_path / "a.json")]

    def test_a_glob_goes_through_folders(self, tmp_path: Path) -> None:
        (tmp_path / "run" / "deep").mkdir(parents=True)
        (tmp_path / "run" / "deep" / "status.json").touch()
        assert paths(f"{tmp_path}/**/status.json") == [str(tmp_path / "run" / "deep" / "status.json")]

    def test_two_stars_at_the_end_are_all_files_in_all_folders(self, tmp_path: Path) -> None:
        (tmp_path / "run").mkdir()
        (tmp_path / ".hidden").mkdir()
        for name in ("a.json", "run/b.json", ".hidden/c.json", "run/.d.json"):
            (tmp_path / name).touch()
        expected = [str(tmp_path / name) for name in ("a.json", "run", os.path.join("run", "b.json"))]
        assert paths(f"{tmp_path}/**") == paths(f"{tmp_path}/**/**") == expected

    @pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
    def test_a_glob_follows_links_to_folders_but_never_in_a_circle(self, tmp_path: Path) -> None:
        (tmp_path / "runs").mkdir()
        (tmp_path / "disk" / "run").mkdir(parents=True)
        (tmp_path / "disk" / "run" / "status.json").touch()
        for name in ("a", "b", "c"):  # glob alone would try 3^40 paths
            (tmp_path / "runs" / name).symlink_to(".")
        (tmp_path / "runs" / "up").symlink_to("..")
        (tmp_path / "runs" / "elsewhere").symlink_to("../disk")
        expected = os.path.join(str(tmp_path), "runs", "elsewhere", "run", "status.json")
        assert paths(f"{tmp_path}/runs/**/status.json")[0] == expected

    def test_a_glob_with_too_many_folders_is_noted_and_what_was_found_is_kept(self, tmp_path: Path) -> None:
        for number in range(5):
            (tmp_path / f"{number}").mkdir()
            (tmp_path / f"{number}" / "status.json").touch()
        found = scan([source_of(f"{tmp_path}/**/status.json")], limit=3)
        assert [one.path for one in found.candidates] == [
            os.path.join(str(tmp_path), name, "status.json") for name in ("0", "1")
        ]
        assert "only 3 of the folders in " in found.notes[0]
        assert not found.complete

    def test_a_folder_that_goes_while_it_is_looked_through_is_left_out(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def gone(path: str) -> None:
            raise FileNotFoundError(path)

        (tmp_path / "run").mkdir()
        monkeypatch.setattr(os, "scandir", gone)
        assert paths(f"{tmp_path}/**/*.json") == []

    def test_new_files_are_found_by_the_next_scan(self, tmp_path: Path) -> None:
        assert paths(tmp_path) == []
        (tmp_path / "a.json").touch()
        assert paths(tmp_path) == [str(tmp_path / "a.json")]

    def test_a_folder_that_is_gone_is_noted_and_the_scan_is_not_complete(self, tmp_path: Path) -> None:
        found = scan([source_of(f"{tmp_path}/gone/")])
        assert found.candidates == ()
        assert not found.complete
        assert "gone: " in found.notes[0]

    def test_a_folder_that_has_only_folders_gets_a_hint_and_the_scan_is_complete(self, tmp_path: Path) -> None:
        assert scan([source_of(str(tmp_path))]).notes == ()
        (tmp_path / "run").mkdir()
        found = scan([source_of(str(tmp_path))])
        assert os.path.join(str(tmp_path), "*", "status.json") in found.notes[0]
        assert found.complete
        (tmp_path / "a.json").touch()
        assert scan([source_of(str(tmp_path))]).notes == ()

    def test_a_folder_with_too_many_files_is_noted(self, tmp_path: Path) -> None:
        for number in range(5):
            (tmp_path / f"{number}.json").touch()
        found = scan([source_of(str(tmp_path))], limit=3)
        assert len(found.candidates) == 3
        assert found.notes == (f"{tmp_path}: only 3 of its files are looked at",)

    @pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
    def test_what_is_no_file_has_no_signature(self, tmp_path: Path) -> None:
        (tmp_path / "folder.json").mkdir()
        (tmp_path / "dangling.json").symlink_to("nowhere")
        assert [one.signature for one in scan([source_of(str(tmp_path))]).candidates] == [None, None]
