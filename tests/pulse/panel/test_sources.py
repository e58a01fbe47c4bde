"""Which files the panel shows."""

import os
import sys
from pathlib import Path

import pytest

from pulse.panel.sources import Kind, Source, scan, source_of


def paths(*arguments: Path | str, limit: int = 100) -> list[str]:
    return [one.path for one in scan([source_of(str(argument)) for argument in arguments], limit).candidates]


class TestSourceOf:
    def test_a_file_need_not_exist(self, tmp_path: Path) -> None:
        assert source_of(str(tmp_path / "x.json")) == Source(Kind.FILE, str(tmp_path / "x.json"))

    def test_a_folder_is_one_that_exists_or_ends_in_a_slash(self, tmp_path: Path) -> None:
        assert source_of(str(tmp_path)).kind is Kind.FOLDER
        assert source_of(f"{tmp_path}/later/") == Source(Kind.FOLDER, str(tmp_path / "later"))

    @pytest.mark.skipif(sys.platform == "win32", reason="no file has such a name there")
    def test_a_glob_is_one_unless_a_file_has_that_name(self, tmp_path: Path) -> None:
        assert source_of(str(tmp_path / "*.json")).kind is Kind.GLOB
        (tmp_path / "*.json").touch()
        assert source_of(str(tmp_path / "*.json")).kind is Kind.FILE

    def test_a_relative_path_is_of_the_present_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert source_of("x.json").path == os.path.join(os.getcwd(), "x.json")


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
