"""The Windows file: its decisions, tested on every platform with a clock of our own (WIN-01…03)."""

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pulse import _windows


class Clock:
    """Time that passes only in ``sleep``."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """The time in seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.now += seconds


class Held(PermissionError):
    """What Windows answers while another program holds the file."""

    def __init__(self, winerror: int) -> None:
        super().__init__(13, "Permission denied")
        self.winerror = winerror


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Replaces the clock of the Windows file."""
    clock = Clock()
    monkeypatch.setattr(_windows, "time", clock)
    return clock


def failing(errors: list[OSError], calls: list[str]) -> Callable[..., None]:
    """A system call that raises ``errors`` in turn and then succeeds."""

    def call(*names: str) -> None:
        calls.append(" ".join(names))
        if errors:
            raise errors.pop(0)

    return call


OPERATIONS = [
    ("replace", lambda: _windows.replace("temp", "target"), "temp target"),
    ("unlink", lambda: _windows.remove("temp"), "temp"),
]


@pytest.mark.parametrize(("call", "operation", "names"), OPERATIONS, ids=["replace", "remove"])
class TestRetries:
    @pytest.mark.parametrize("winerror", [5, 32, 33])
    def test_a_file_that_is_held_for_a_while_is_waited_for(
        self,
        clock: Clock,
        monkeypatch: pytest.MonkeyPatch,
        call: str,
        operation: Callable[[], None],
        names: str,
        winerror: int,
    ) -> None:
        calls: list[str] = []
        monkeypatch.setattr(os, call, failing([Held(winerror) for _ in range(8)], calls))
        operation()
        assert calls == [names] * 9
        assert len(clock.slept) == 8
        assert all(0.0005 <= seconds <= 0.075 for seconds in clock.slept)
        assert clock.slept[-1] > clock.slept[0]

    def test_a_permanent_holder_ends_in_the_original_error_at_the_deadline(
        self,
        clock: Clock,
        monkeypatch: pytest.MonkeyPatch,
        call: str,
        operation: Callable[[], None],
        names: str,
    ) -> None:
        original = Held(5)
        calls: list[str] = []
        monkeypatch.setattr(os, call, failing([original, *(Held(32) for _ in range(10_000))], calls))
        with pytest.raises(PermissionError) as failure:
            operation()
        assert failure.value is original
        assert _windows.DEADLINE <= clock.now - 100.0 <= _windows.DEADLINE + 0.1
        assert len(calls) > 20

    @pytest.mark.parametrize("before", [0, 2], ids=["at once", "while waiting"])
    def test_any_other_error_is_not_retried(
        self,
        clock: Clock,
        monkeypatch: pytest.MonkeyPatch,
        call: str,
        operation: Callable[[], None],
        names: str,
        before: int,
    ) -> None:
        calls: list[str] = []
        monkeypatch.setattr(os, call, failing([*(Held(5) for _ in range(before)), FileNotFoundError(2, "gone")], calls))
        with pytest.raises(FileNotFoundError):
            operation()
        assert len(calls) == before + 1
        assert len(clock.slept) == before


@pytest.mark.skipif(sys.platform == "win32", reason="the POSIX file is not for Windows")
def test_both_platform_files_have_the_same_functions() -> None:
    assert _windows.__all__ == vars(importlib.import_module("pulse._posix"))["__all__"]


def test_a_file_is_opened_handed_over_and_closed(tmp_path: Path, open_descriptors: Callable[[], set[str]]) -> None:
    (tmp_path / "file").write_bytes(b"bytes\r\n")
    before = open_descriptors()
    read = _windows.open_for_reading(str(tmp_path / "file"), lambda descriptor: os.read(descriptor, 100))
    assert read == b"bytes\r\n"
    assert open_descriptors() == before


def test_a_temp_is_never_created_read_only(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0o444)
    assert _windows.creation_mode(os.stat(tmp_path / "file")) == _windows.creation_mode(None) == 0o666


def test_attributes_and_folders_are_left_to_the_system(tmp_path: Path) -> None:
    before = os.stat(tmp_path)
    _windows.keep_attributes(-1, before)
    _windows.sync_folder(str(tmp_path / "missing"))
    assert os.stat(tmp_path) == before


def test_no_writer_is_known_to_be_dead() -> None:
    assert _windows.writer_id() == str(os.getpid())
    assert not _windows.has_ended("999999999")


def test_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert _windows.absolute("status.json") == os.path.join(os.getcwd(), "status.json")
