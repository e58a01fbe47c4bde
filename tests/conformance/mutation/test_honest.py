"""The honest base is correct, and every mutant and variant gets as far as the suite."""

from __future__ import annotations

import errno
import os
import signal
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from conformance.mutation.honest import Honest
from conformance.mutation.registry import Entry, all_mutants, all_variants
from conformance.oracle.payload import make_status
from conformance.subject.python_host import load_object
from conformance.system.platform import operating_system
from conformance.vectors import load_vectors

STATUS = {"status": "running", "epoch": 2.5, "total_epochs": 3.0, "loss": 0.342, "message": "эпоха 🎉", "timestamp": 5}

# Each mutant that can be measured here must get through the smoke stage, or the clause that it names never runs.
HERE = [entry for entry in (*all_mutants(), *all_variants()) if operating_system() in entry.on]
# In its main thread they would change this process for good, and all tests after them.
ELSEWHERE = ("sigterm-taken-by-a-thread",)


@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.name) for entry in HERE])
def test_it_gets_through_the_smoke_stage(entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("sys.path", ["unused"])
    status, target = make_status(0, 0), str(tmp_path / "status.json")

    def pass_the_smoke_stage() -> None:
        implementation = load_object("unused", entry.callable)
        implementation.write(target, status)
        implementation.read(target)
        implementation.poll(target)
        implementation.progress(status)

    before = blocked_signals()
    if entry.name in ELSEWHERE:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(pass_the_smoke_stage).result()
    else:
        pass_the_smoke_stage()
    assert blocked_signals() == before


def blocked_signals() -> set[int]:
    if sys.platform == "win32":
        return set()
    return {int(each) for each in signal.pthread_sigmask(signal.SIG_BLOCK, ())}


# The honest base


def test_what_it_writes_it_reads(tmp_path: Path) -> None:
    honest, target = Honest(), str(tmp_path / "status.json")
    honest.write(target, STATUS)
    assert honest.read(target) == STATUS
    assert os.listdir(tmp_path) == ["status.json"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "finished"},
        {"epoch": -1.0},
        {"loss": float("nan")},
        {"loss": 10**400},
        {"loss": True},
        {"loss": "1.0"},
        {"message": None},
        {"message": "\ud800"},
        {"timestamp": 1.0},
        {"timestamp": -1},
        {"progress": 1.0},
    ],
    ids=str,
)
def test_what_it_refuses_leaves_no_trace(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any ValueError is a refusal
        Honest().write(str(tmp_path / "status.json"), {**STATUS, **wrong})
    assert os.listdir(tmp_path) == []


def test_a_failed_write_keeps_the_target_and_leaves_no_temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest, target = Honest(), tmp_path / "status.json"
    honest.write(str(target), STATUS)

    def no_room(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(honest, "sync", no_room)
    with pytest.raises(OSError, match="no room"):
        honest.write(str(target), {"status": "done"})
    assert honest.read(str(target)) == STATUS
    assert os.listdir(tmp_path) == ["status.json"]


def test_a_temp_of_another_writer_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest, taken = Honest(), tmp_path / "taken.tmp"
    taken.write_bytes(b"another writer's")
    monkeypatch.setattr(honest, "temp_name", lambda target: str(taken))
    with pytest.raises(FileExistsError):
        honest.write(str(tmp_path / "status.json"), STATUS)
    assert taken.read_bytes() == b"another writer's"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")
def test_an_existing_target_keeps_its_mode(tmp_path: Path) -> None:
    honest, target = Honest(), tmp_path / "status.json"
    honest.write(str(target), STATUS)
    target.chmod(0o640)
    honest.write(str(target), STATUS)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_it_reads_every_valid_vector() -> None:
    vectors = load_vectors("valid")
    assert {v.name: Honest().parse(v.path.read_bytes()) for v in vectors} == {v.name: v.expected for v in vectors}


def test_it_reads_no_invalid_vector() -> None:
    read = [v.name for v in load_vectors("invalid") if Honest().parse(v.path.read_bytes()) is not None]
    assert read == []


def test_poll_keeps_the_last_valid_status(tmp_path: Path) -> None:
    honest, target = Honest(), tmp_path / "status.json"
    assert honest.poll(str(target)) == (None, False)
    honest.write(str(target), STATUS)
    assert honest.poll(str(target)) == (STATUS, True)
    target.write_bytes(b"{")
    assert honest.poll(str(target)) == (STATUS, False)


@pytest.mark.parametrize(
    ("epoch", "of", "expected"),
    [(1.0, 4.0, 25.0), (5.0, 4.0, 100.0), (0.0, 0.0, 0.0), (2.0, 0.0, 0.0), (1e300, 5e-324, 100.0)],
)
def test_progress_is_clamped(epoch: float, of: float, expected: float) -> None:
    assert Honest().progress({"epoch": epoch, "total_epochs": of}) == expected
