"""The syncs of a writer without a tracer, as the kernel announces them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.contract.errors import ImplementationError, Unmeasured
from conformance.oracle.payload import make_status
from conformance.runner.requests import publish_request
from conformance.runner.run import Run
from conformance.syscalls.untraced.repetition import Role, Sync, missing, roles_of, untraced

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")

WRITER = """
import os

class Implementation:
    def replace(self, path, text):
        with open(path + ".tmp", "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(path + ".tmp", path)
        folder = os.open(os.path.dirname(path), os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        traced = [line for line in open("/proc/self/status") if line.startswith("TracerPid")]
        assert traced == ["TracerPid:\\t0\\n"], traced
"""
BY_A_CHILD = """
import subprocess, sys

class Implementation:
    def replace(self, path, text):
        with open(path, "w") as file:
            file.write(text)
        code = "import os, sys; os.fdatasync(os.open(sys.argv[1], os.O_RDWR)); os.sync()"
        subprocess.run([sys.executable, "-c", code, path], check=True)
"""


def syncs_of(run: Run) -> tuple[list[Sync], str]:
    """The syncs of one write, and the folder of its target."""
    target = run.folder / "cases" / "status.json"
    operation, fields = publish_request("replace", target, make_status(0, 1))
    try:
        with untraced(run) as one:
            answer = one.implementation.request(operation, **fields)
            assert answer.ok, answer.message
            return list(one.found), str(target.parent)
    except Unmeasured as error:
        pytest.skip(str(error))


@linux_only
def test_the_syncs_of_a_writer_without_a_tracer(python_run: Callable[..., Run]) -> None:
    found, folder = syncs_of(python_run(WRITER))
    assert found == [Sync("fsync", f"{folder}/status.json.tmp"), Sync("fsync", folder)]
    assert roles_of(found, folder) == {"file", "folder"}


@linux_only
def test_the_syncs_of_a_child_count_too(python_run: Callable[..., Run]) -> None:
    found, folder = syncs_of(python_run(BY_A_CHILD))
    assert found == [Sync("fdatasync", f"{folder}/status.json"), Sync("sync", "")]
    assert roles_of(found, folder) == {"file", "all"}


@linux_only
def test_what_does_not_start_is_the_implementations_error(python_run: Callable[..., Run]) -> None:
    run = python_run("raise SystemExit(9)")
    with pytest.raises(ImplementationError, match="exit code 9"), untraced(run):
        pass


@linux_only
def test_where_no_filter_is_allowed_it_is_unmeasured(
    python_run: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = tmp_path / "refusing.py"
    refusing.write_text(
        "import socket, sys\nsocket.socket(fileno=int(sys.argv[1])).send(b'Operation not permitted')\nsys.exit(1)\n"
    )
    run = python_run(WRITER)
    monkeypatch.setattr("conformance.syscalls.untraced.repetition._ANNOUNCING", "refusing")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    with pytest.raises(Unmeasured, match="seccomp with a listener: Operation not permitted"), untraced(run):
        pass


def test_elsewhere_it_is_unmeasured(python_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    run = python_run(WRITER)
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(Unmeasured, match="on Linux only"), untraced(run):
        pass


@pytest.mark.parametrize(
    ("traced", "found", "words"),
    [
        ({"file"}, {"file"}, []),
        ({"file"}, {"folder"}, ["the document"]),
        ({"folder"}, set(), ["the folder"]),
        ({"file", "folder"}, set(), ["the document", "the folder"]),
        ({"file", "folder"}, {"all"}, []),
        ({"all"}, {"file", "folder"}, []),
        ({"all"}, {"file"}, ["everything"]),
        (set(), set(), []),
    ],
)
def test_what_is_missing(traced: set[Role], found: set[Role], words: list[str]) -> None:
    assert missing(frozenset(traced), frozenset(found)) == words


def test_the_sync_of_another_folder_is_none_of_the_documents(tmp_path: Path) -> None:
    folder = tmp_path / "targets"
    folder.mkdir()
    assert roles_of([Sync("fsync", str(tmp_path))], str(folder)) == frozenset()
    assert roles_of([Sync("fsync", f"{folder}/#12 (deleted)"), Sync("msync", "")], str(folder)) == {"file"}
