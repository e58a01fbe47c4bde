"""The kit's own writer: the target always holds a whole document, never an older one, and nothing else is left."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from conformance.oracle.payload import identify
from conformance.suite.helpers.busy_writer import KitWriter


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that the test has started."""
    processes: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def remember(*words: Any, **options: Any) -> subprocess.Popen[bytes]:
        processes.append(start(*words, **options))
        return processes[-1]

    monkeypatch.setattr(subprocess, "Popen", remember)
    return processes


def sequence_at(target: Path) -> int:
    _, sequence = identify(target.read_bytes())
    return sequence


@pytest.mark.parametrize("size", [256, 1 << 18])
def test_the_target_always_holds_a_whole_document_of_two_sizes_and_never_an_older_one(
    tmp_path: Path, size: int
) -> None:
    target = tmp_path / "status.json"
    with KitWriter(target, size) as writer:
        seen = [sequence_at(target) for _ in range(30)]
        while sequence_at(target) < 10:
            pass
        published = writer.stop()
    assert seen == sorted(seen)
    assert sequence_at(target) == published - 1
    assert len(target.read_bytes()) == (size, size * 3 // 4)[(published - 1) // 2 % 2]


def test_nothing_is_left_beside_the_target(tmp_path: Path) -> None:
    with KitWriter(tmp_path / "status.json", 256) as writer:
        writer.stop()
    assert os.listdir(tmp_path) == ["status.json"]


def test_at_least_one_document_is_published(tmp_path: Path) -> None:
    with KitWriter(tmp_path / "status.json", 256) as writer:
        assert writer.stop() >= 1


def test_a_case_that_fails_ends_the_writer(tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    with pytest.raises(ZeroDivisionError), KitWriter(tmp_path / "status.json", 256):
        raise ZeroDivisionError
    [process] = started
    assert process.returncode not in (None, 0)


def test_a_writer_that_cannot_start_is_the_kits_own_failure(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    writer = KitWriter(tmp_path / "none" / "status.json", 256)
    with pytest.raises(RuntimeError, match="the kit's own writer ended with exit code 1"):
        writer.__enter__()
    assert "FileNotFoundError" in capfd.readouterr().err


def test_a_writer_that_fails_later_is_the_kits_own_failure(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], started: list[subprocess.Popen[bytes]]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with KitWriter(folder / "status.json", 256) as writer:
        folder.rename(tmp_path / "gone")
        started[0].wait()
        with pytest.raises(RuntimeError, match="the kit's own writer ended with exit code 1"):
            writer.stop()
    assert "FileNotFoundError" in capfd.readouterr().err
