"""The set-up: what it says, and the copy that is kept for the next run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import ImplementationError
from conformance.contract.manifest import Manifest, load_manifest
from conformance.runner.set_up import cache_folder, release, set_up
from conformance.subject.launch import LaunchOptions

# A build that adds a line to a file of its own, `made`, which is what build tools keep between runs.
BUILD = "open('made', 'a').write(open('source').read() + '\\n')"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")


@pytest.fixture
def source(misbehaving: Callable[..., Path]) -> Path:
    """A manifest's folder with a file `source`; the set-up is BUILD."""
    folder = misbehaving(setup=[["{python}", "-c", BUILD]]).parent
    manifest = folder / "implementation.toml"
    text = manifest.read_text(encoding="utf-8").replace("setup = ", "keep_setup = true\nsetup = ")
    manifest.write_text(text, encoding="utf-8")
    (folder / "source").write_text("one", encoding="utf-8")
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[Path], Manifest]]:
    """Runs the set-up of the manifest in a folder, as a run of its own; `release` ends all of them."""
    folders: list[Path] = []

    def of(source: Path) -> Manifest:
        folders.append(tmp_path / f"run-{len(folders)}")
        for name in ("children", "scratch"):
            (folders[-1] / name).mkdir(parents=True)
        manifest = load_manifest(source / "implementation.toml", frozenset(load_clauses()), source="x")
        options = LaunchOptions(children=folders[-1] / "children", scratch=folders[-1] / "scratch")
        return set_up(manifest, folders[-1], options)

    yield of
    for folder in folders:
        release(folder)


def made(manifest: Manifest) -> str:
    return (manifest.folder / "made").read_text(encoding="utf-8")


def test_it_says_what_runs_and_for_how_long(
    run: Callable[[Path], Manifest], source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(source)
    printed = capsys.readouterr().err
    assert printed.startswith("setup: '{python}' -c ")
    assert printed.endswith(" s)\n")


def test_reports_of_older_runs_are_not_copied(run: Callable[[Path], Manifest], source: Path) -> None:
    (source / "linux").mkdir()
    (source / "linux" / "results.jsonl").write_text('{"type": "header", "format": 2, "kit": "1"}\n', encoding="utf-8")
    assert not (run(source).folder / "linux" / "results.jsonl").exists()


class TestKeptCopy:
    def test_products_are_there_in_the_next_run(
        self, run: Callable[[Path], Manifest], source: Path, tmp_path: Path
    ) -> None:
        first = run(source)
        release(tmp_path / "run-0")
        assert first.folder.parent == cache_folder()
        assert made(run(source)) == "one\none\n"
        assert {path.name for path in source.iterdir()} == {"implementation.toml", "source"}

    def test_files_are_those_of_the_manifest_s_folder(
        self, run: Callable[[Path], Manifest], source: Path, tmp_path: Path
    ) -> None:
        """Changed, gone and new ones. A changed one looks new to a build tool, even when an older one replaced it."""
        (source / "gone").touch()
        before = run(source).folder / "source"
        earlier = before.stat().st_mtime_ns
        release(tmp_path / "run-0")
        (source / "gone").unlink()
        (source / "folder").mkdir()
        (source / "folder" / "new").touch()
        replaced = source / "source"
        replaced.write_text("two", encoding="utf-8")
        os.utime(replaced, (1, 1))
        folder = run(source).folder
        assert not (folder / "gone").exists()
        assert (folder / "folder" / "new").exists()
        assert (folder / "made").read_text(encoding="utf-8") == "one\ntwo\n"
        assert (folder / "source").stat().st_mtime_ns >= earlier

    def test_a_file_that_did_not_change_keeps_its_time(
        self, run: Callable[[Path], Manifest], source: Path, tmp_path: Path
    ) -> None:
        earlier = (run(source).folder / "source").stat()
        release(tmp_path / "run-0")
        later = (run(source).folder / "source").stat()
        assert (later.st_ino, later.st_mtime_ns) == (earlier.st_ino, earlier.st_mtime_ns)

    def test_a_second_run_meanwhile_starts_from_nothing(
        self, run: Callable[[Path], Manifest], source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run(source)
        second = run(source)
        assert second.folder == tmp_path / "run-1" / "implementation"
        assert made(second) == "one\n"
        assert "another run uses the copy that is kept" in capsys.readouterr().err

    def test_another_command_starts_from_nothing(
        self, run: Callable[[Path], Manifest], source: Path, tmp_path: Path
    ) -> None:
        run(source)
        release(tmp_path / "run-0")
        manifest = source / "implementation.toml"
        text = manifest.read_text(encoding="utf-8").replace("'a'", "'a+'")
        manifest.write_text(text, encoding="utf-8")
        assert made(run(source)) == "one\n"

    def test_one_that_fails_names_the_copy_and_its_products_are_kept(
        self, run: Callable[[Path], Manifest], source: Path, tmp_path: Path
    ) -> None:
        run(source)
        release(tmp_path / "run-0")
        (source / "source").unlink()
        with pytest.raises(ImplementationError, match=r"(?s)exit code 1.*to start from nothing, remove .*cache"):
            run(source)
        release(tmp_path / "run-1")
        (source / "source").write_text("two", encoding="utf-8")
        assert made(run(source)) == "one\ntwo\n"

    def test_after_a_set_up_that_was_killed_the_next_starts_from_nothing(
        self, run: Callable[[Path], Manifest], source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run(source)
        release(tmp_path / "run-0")

        def interrupt(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("conformance.runner.set_up.spawn", interrupt)
            with pytest.raises(KeyboardInterrupt):
                run(source)
        release(tmp_path / "run-1")
        assert made(run(source)) == "one\n"

    def test_where_the_cache_cannot_be_made_nothing_is_kept(
        self, run: Callable[[Path], Manifest], source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("cache", "home"):
            (tmp_path / name).touch()
        assert run(source).folder == tmp_path / "run-0" / "implementation"
        assert "setup: not kept: " in capsys.readouterr().err
