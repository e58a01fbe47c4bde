"""`pulse init`: which files it writes, and that it overwrites none."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from conformance.commands.adapter import init
from conformance.commands.adapter.init import LANGUAGES, MARK, TEMPLATES, guessed_language, main
from conformance.contract.clauses import load_clauses
from conformance.contract.manifest import load_manifest
from conformance.reporting.results import Exit


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, the root of a repository."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_there_are_templates_for_each_language_and_no_others() -> None:
    folders = {path.name for path in TEMPLATES.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_manifest_that_can_be_loaded_and_one_marked_line_are_written(language: str, folder: Path) -> None:
    assert main(["--language", language, "mine"]) == Exit.CONFORMANT
    manifest = load_manifest(folder / "mine" / "implementation.toml", frozenset(load_clauses()), "mine")
    assert (manifest.profile, manifest.symlink) == ("replace", "replace")
    written = [path for path in (folder / "mine").rglob("*") if path.is_file()]
    assert sum(path.read_text(encoding="utf-8").count(MARK) for path in written) == 1
    assert max(len(line) for path in written for line in path.read_text(encoding="utf-8").splitlines()) <= 120


def test_the_workflow_goes_to_the_root_of_the_repository_and_names_the_folder(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--language", "shell", "tools/my adapter"]) == Exit.CONFORMANT
    workflow = (folder / ".github" / "workflows" / "pulse.yml").read_text(encoding="utf-8")
    assert "pulse conformance --impl 'tools/my adapter' --report pulse-results\n" in workflow
    shown = capsys.readouterr().out
    place = os.path.join("tools", "my adapter", "adapter.sh")
    assert f"Your line is {place}:" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_without_a_repository_the_workflow_is_in_the_current_folder_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--language", "python"]) == Exit.CONFORMANT
    written = [".github/workflows/pulse.yml", "pulse-adapter/adapter.py", "pulse-adapter/implementation.toml"]
    assert files_in(tmp_path) == written
    assert "--impl pulse-adapter " in (tmp_path / written[0]).read_text(encoding="utf-8")
    assert "note: no git repository here; GitHub reads .github only" in capsys.readouterr().out


def test_elsewhere_and_without_a_repository_everything_is_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert main(["--language", "python", "../there"]) == Exit.CONFORMANT
    assert files_in(tmp_path) == [
        f"there/{name}" for name in (".github/workflows/pulse.yml", "adapter.py", "implementation.toml")
    ]


def test_the_adapter_of_a_go_module_is_a_package_of_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "go.mod").write_text("module example.org/x\n", encoding="utf-8")
    assert main([]) == Exit.CONFORMANT
    assert files_in(folder / "pulse-adapter") == ["main.go"]
    manifest = load_manifest(folder / "implementation.toml", frozenset(load_clauses()), "mine")
    assert manifest.command == ("pulse-adapter/adapter",)
    assert [list(words) for words in manifest.setup] == [
        ["go", "build", "-o", "pulse-adapter/adapter", "./pulse-adapter"]
    ]
    assert "--impl . " in (folder / ".github" / "workflows" / "pulse.yml").read_text(encoding="utf-8")
    assert "  pulse adapter check .\n" in capsys.readouterr().out


def test_the_adapter_of_a_crate_may_depend_on_it(folder: Path) -> None:
    (folder / "Cargo.toml").write_text('[package]\nname = "x"\n', encoding="utf-8")
    assert main(["tools/adapter"]) == Exit.CONFORMANT
    assert files_in(folder / "tools") == ["adapter/Cargo.toml", "adapter/src/main.rs"]
    assert '# NAME = { path = "../.." }' in (folder / "tools" / "adapter" / "Cargo.toml").read_text(encoding="utf-8")
    manifest = load_manifest(folder / "implementation.toml", frozenset(load_clauses()), "mine")
    assert manifest.command == ("tools/adapter/target/release/adapter",)
    assert [words[-2:] for words in manifest.setup] == [("--manifest-path", "tools/adapter/Cargo.toml")]


@pytest.mark.parametrize("place", ["my adapter", "../elsewhere"])
def test_where_the_root_cannot_have_the_manifest_it_is_in_the_folder(folder: Path, place: str) -> None:
    (folder / "go.mod").write_text("module example.org/x\n", encoding="utf-8")
    (folder / "inner").mkdir()
    assert main([place]) == Exit.CONFORMANT
    assert not (folder / "implementation.toml").exists()
    assert (folder / place / "go.mod").exists()


@pytest.mark.parametrize("there", ["adapter.py", "implementation.toml"])
def test_nothing_is_overwritten(folder: Path, there: str, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / there).write_text("precious", encoding="utf-8")
    assert main(["--language", "python", "mine"]) == Exit.NOT_CONFORMANT
    assert files_in(folder) == [f"mine/{there}"]
    assert (folder / "mine" / there).read_text(encoding="utf-8") == "precious"
    assert "already there, and never overwritten" in capsys.readouterr().err


def test_a_workflow_that_is_there_is_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--language", "python", "one"]) == Exit.CONFORMANT
    assert main(["--language", "shell", "two"]) == Exit.CONFORMANT
    assert "kept  " + os.path.join(".github", "workflows", "pulse.yml") in capsys.readouterr().out
    assert "--impl one " in (folder / ".github" / "workflows" / "pulse.yml").read_text(encoding="utf-8")


def test_what_cannot_be_written_leaves_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / ".github").write_text("a file", encoding="utf-8")
    assert main(["--language", "python", "mine"]) == Exit.NOT_CONFORMANT
    assert files_in(folder) == [".github"]
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "language"),
    [
        ((), ""),
        (("notes.txt",), ""),
        (("package.json", "main.py"), "node"),
        (("main.py",), "python"),
        (("Cargo.toml",), "rust"),
        (("go.mod",), "go"),
        (("pom.xml",), "java"),
        (("main.c",), "c"),
        (("save.sh",), "shell"),
    ],
)
def test_the_language_is_that_of_the_files_that_are_there(
    tmp_path: Path, names: tuple[str, ...], language: str
) -> None:
    for name in names:
        (tmp_path / name).touch()
    assert guessed_language(tmp_path) == language


def test_where_nothing_shows_the_language_it_has_to_be_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == Exit.USAGE
    assert "choose one of python, node, go" in " ".join(capsys.readouterr().err.split())
    assert files_in(folder) == []


def test_a_missing_tool_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert main(["--language", "rust"]) == Exit.CONFORMANT
    assert "note: cargo is not in PATH; install it first" in capsys.readouterr().out


def test_a_template_without_the_mark_is_an_error_of_the_kit() -> None:
    with pytest.raises(LookupError, match="no template has the mark"):
        init._marked([(Path("a"), b"nothing")])
