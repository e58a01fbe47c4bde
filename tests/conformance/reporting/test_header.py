"""The header of results.jsonl, and the file itself as a command opens it."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import ModuleType

import click
import pytest

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import OutputError
from conformance.contract.manifest import Manifest, load_manifest
from conformance.reporting import header as headers
from conformance.reporting.header import command_as_started, header_of, kit_version
from conformance.reporting.results import Header, Result, read_results, results_file
from conformance.system.file_hashes import kit_files
from conformance.system.platform import describe_platform


def test_version_of_the_installed_kit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "version", lambda name: f"version of {name}")
    assert kit_version() == "version of pulse-kit"


def test_version_of_a_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(headers, "version", missing)
    assert kit_version() == "unknown (not installed)"


@pytest.fixture
def header(misbehaving: Callable[..., Path]) -> Header:
    manifest = load_manifest(misbehaving(), frozenset(load_clauses()), source="x")
    return header_of(manifest, {"version": 7}, ["ext4", "tmpfs"], 5, {"clause": ["CON-01"]})


def test_the_header_says_what_was_judged_and_where(header: Header) -> None:
    assert header.kit == kit_version()
    assert header.platform == describe_platform()
    assert (header.file_system, header.seed, header.selection) == ("ext4, tmpfs", 5, {"clause": ["CON-01"]})


def test_the_header_has_the_time_and_the_command(header: Header, monkeypatch: pytest.MonkeyPatch) -> None:
    assert datetime.datetime.fromisoformat(header.started).utcoffset() == datetime.timedelta(0)
    assert header.command == command_as_started()
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/pulse", "conformance", "--impl", "a b"])
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    assert command_as_started() == "pulse conformance --impl 'a b'"
    sys.modules["__main__"].__spec__ = ModuleSpec("pulse.__main__", None)
    assert command_as_started() == "python -m pulse conformance --impl 'a b'"


def test_the_version_of_the_implementation_is_that_of_its_handshake() -> None:
    manifest = Manifest("demo", "go", "pulse", ("writer",), "serve", Path("folder"), "source", command=("./x",))
    assert header_of(manifest, {"name": "other", "version": 3}, [], 0, {}).implementation == {
        "name": "demo",
        "version": "3",
        "language": "go",
        "profile": "pulse",
        "roles": ["writer"],
        "mode": "serve",
        "command": ["./x"],
        "executable": {"path": "./x"},
        "files": {},
    }
    assert header_of(manifest, {}, [], 0, {}).implementation["version"] == ""


def test_the_header_says_which_files_judged_and_which_were_judged(misbehaving: Callable[..., Path]) -> None:
    path = misbehaving()
    (path.parent / "program").write_bytes(b"what it does")
    manifest = load_manifest(path, frozenset(load_clauses()), source="x")
    implementation = header_of(manifest, {}, [], 0, {}).implementation
    assert header_of(manifest, {}, [], 0, {}).kit_files == kit_files()
    assert implementation["files"]["each"].keys() == {"implementation.toml", "program"}
    assert implementation["files"]["each"]["program"] == hashlib.sha256(b"what it does").hexdigest()
    # What a set-up has made in its copy of the folder differs from one run to the next.
    moved = dataclasses.replace(manifest, folder=path.parents[1], original=manifest.folder)
    assert header_of(moved, {}, [], 0, {}).implementation["files"] == implementation["files"]


def test_the_executable_is_the_one_that_the_command_starts(tmp_path: Path) -> None:
    program = tmp_path / ("save.exe" if sys.platform == "win32" else "save")
    program.write_bytes(b"#!/bin/sh\n")
    program.chmod(0o755)

    def executable(*command: str, entry_point: str = "") -> dict[str, str]:
        manifest = Manifest(
            "demo", "go", "pulse", ("writer",), "serve", tmp_path, "x", command=command, callable=entry_point
        )
        found: dict[str, str] = header_of(manifest, {}, [], 0, {}).implementation["executable"]
        return found

    found = executable(f"./{program.name}")
    assert Path(found["path"]).samefile(program)
    assert found["sha256"] == hashlib.sha256(b"#!/bin/sh\n").hexdigest()
    assert executable("{python}", "serve.py") == {"path": sys.executable}
    assert executable(entry_point="module:factory") == {"path": sys.executable}


def test_mutants_are_files_of_the_kit() -> None:
    manifest = Manifest(
        "mutant:x", "python", "pulse", ("writer",), "python", Path("folder"), "mutant:x", callable="a:b"
    )
    implementation = header_of(manifest, {}, [], 0, {}).implementation
    assert (implementation["callable"], implementation["files"]) == ("a:b", {"why_not": "files of the kit"})


def test_results_go_into_a_folder_that_is_made(tmp_path: Path, header: Header) -> None:
    report = tmp_path / "deep" / "report"
    with results_file(report) as file:
        assert file is not None
        file.header(header)
        file.record("stress", {"folder": "here"})
        file.result(Result("CON-01", "under_load", "pass"))
    read, results, footer = read_results(report / "results.jsonl")
    assert (read["seed"], [result["clause"] for result in results], footer) == (5, ["CON-01"], None)


def test_without_a_report_nothing_is_written() -> None:
    with results_file(None) as file:
        assert file is None


def test_a_folder_that_cannot_be_made_is_usage(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(click.UsageError, match="cannot be written"), results_file(tmp_path / "file" / "report"):
        raise AssertionError("there is no file")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a file on a full disk")
def test_a_full_disk_is_reported_at_the_end_of_the_block(tmp_path: Path, header: Header) -> None:
    """Not by the line that failed: the verdict in the terminal is worth having."""
    (tmp_path / "results.jsonl").symlink_to("/dev/full")

    def write() -> None:
        with results_file(tmp_path) as file:
            assert file is not None
            file.header(header)

    with pytest.raises(OutputError, match="No space left"):
        write()
