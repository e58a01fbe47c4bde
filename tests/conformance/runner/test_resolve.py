"""What ``--impl`` can name."""

from pathlib import Path

import pytest

from conformance.contract.errors import ManifestError
from conformance.contract.manifest import Manifest, load_manifest
from conformance.runner.resolve import IMPLEMENTATIONS, manifest_file, resolve

CLAUSES = frozenset({"MET-01", "DOC-01"})


ABOUT = """[implementation]
name = "demo"
language = "go"
profile = "pulse"
roles = ["writer", "reader"]
mode = "serve"
command = ["./serve", "--fast"]
"""


def load(folder: Path, text: str) -> Manifest:
    path = folder / "implementation.toml"
    path.write_text(text, encoding="utf-8")
    return load_manifest(path, CLAUSES, source="given")


def test_a_manifest_is_named_by_its_path(tmp_path: Path) -> None:
    load(tmp_path, ABOUT)
    path = tmp_path / "implementation.toml"
    assert resolve(str(path), CLAUSES).source == str(path.resolve())


def test_a_manifest_is_named_by_its_folder(tmp_path: Path) -> None:
    load(tmp_path, ABOUT)
    manifest = resolve(str(tmp_path), CLAUSES)
    assert (manifest.name, manifest.folder) == ("demo", tmp_path.resolve())


def test_a_packaged_implementation_is_named_by_its_folder_there() -> None:
    manifest = resolve("reference", CLAUSES)
    assert (manifest.source, manifest.folder.name) == ("reference", "reference")


def test_a_name_that_means_two_implementations_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of the same name without a manifest means nothing."""
    (tmp_path / "go").mkdir()
    monkeypatch.chdir(tmp_path)
    assert resolve("go", CLAUSES).source == "go"
    load(tmp_path / "go", ABOUT)
    with pytest.raises(ManifestError, match=r"--impl go: an implementation of this name comes with the kit, .* ./go"):
        resolve("go", CLAUSES)
    assert resolve("./go", CLAUSES).name == "demo"
    monkeypatch.chdir(IMPLEMENTATIONS)
    assert resolve("go", CLAUSES).source == "go"


@pytest.mark.parametrize("kind", ["mutant", "variant"])
def test_mutants_and_variants_are_named_with_their_kind(kind: str) -> None:
    with pytest.raises(ManifestError, match=f"{kind}:no-such-name: no such {kind}"):
        resolve(f"{kind}:no-such-name", CLAUSES)


@pytest.mark.parametrize("name", ["no-such-name", "./no/such/file.toml", "colour:red", "x" * 5000, "nul\0byte"])
def test_an_unknown_name_is_answered_with_what_can_be_given(name: str) -> None:
    with pytest.raises(ManifestError) as caught:
        resolve(name, CLAUSES)
    line = str(caught.value)
    assert line.startswith(f"{name}: no such manifest; give the path of an implementation.toml")
    assert "reference" in line


def test_a_folder_without_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no such manifest"):
        resolve(str(tmp_path), CLAUSES)


def test_a_command_with_a_path_needs_no_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = resolve("command:./save --to={path}", CLAUSES)
    assert (found.command, found.folder) == (("./save", "--to={path}"), tmp_path.resolve())
    assert (found.profile, found.mode, found.roles) == ("replace", "oneshot", ("writer",))
    assert found.source == "command:./save --to={path}"
    assert manifest_file(found) is None


@pytest.mark.parametrize("text", ["sponge", "sponge '{path}", "cat | sponge {path}", ""])
def test_a_command_that_cannot_be_used_says_why(text: str) -> None:
    with pytest.raises(ManifestError, match="the command"):
        resolve(f"command:{text}", CLAUSES)
