"""The Windows file: its decisions, tested on every platform with a fake clock (WIN-01…03)."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pulse import _kernel32, _windows

TARGET = os.path.abspath("target")


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


def failing(errors: list[OSError], calls: list[str]) -> Callable[..., int]:
    """A system call that raises ``errors`` in turn and then succeeds, with a descriptor."""

    def call(*names: str) -> int:
        calls.append(" ".join(names))
        if errors:
            raise errors.pop(0)
        return os.open(os.devnull, os.O_RDONLY) if names == (TARGET,) else True

    return call


OPERATIONS = [
    ("os.replace", lambda: _windows.replace("temp", "target"), "temp target"),
    ("pulse._kernel32.rename_posix", lambda: _windows.replace("temp", "target"), "temp target"),
    ("os.unlink", lambda: _windows.remove("temp"), "temp"),
    ("pulse._kernel32.open_shared", lambda: _windows.open_for_reading(TARGET, os.fstat), TARGET),
]
DEADLINES = {
    "os.replace": _windows.DEADLINE,
    "pulse._kernel32.rename_posix": _windows.DEADLINE,
    "os.unlink": _windows.REMOVAL_DEADLINE,
    "pulse._kernel32.open_shared": _windows.READ_DEADLINE,
}


@pytest.fixture(autouse=True)
def cannot_rename_as_posix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test decides what Windows can do, even when the tests run there."""
    monkeypatch.setattr(_kernel32, "rename_posix", lambda temp, target: False)


@pytest.mark.parametrize(
    ("call", "operation", "names"), OPERATIONS, ids=["replace", "POSIX rename", "remove", "open for reading"]
)
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
        monkeypatch.setattr(call, failing([Held(winerror) for _ in range(8)], calls))
        operation()
        assert calls == [names] * 9
        assert len(clock.slept) == 8
        assert all(0.000125 <= seconds <= 0.0015 for seconds in clock.slept)
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
        monkeypatch.setattr(call, failing([original, *(Held(32) for _ in range(10_000))], calls))
        with pytest.raises(PermissionError) as failure:
            operation()
        assert failure.value is original
        assert DEADLINES[call] <= clock.now - 100.0 <= DEADLINES[call] + 0.05
        assert len(calls) > 10

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
        monkeypatch.setattr(call, failing([*(Held(5) for _ in range(before)), FileNotFoundError(2, "gone")], calls))
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


def test_a_rename_with_posix_semantics_is_tried_first(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(_kernel32, "rename_posix", failing([], calls))
    monkeypatch.setattr(os, "replace", failing([AssertionError()], calls))  # type: ignore[list-item]  # must not be called
    _windows.replace("temp", "target")
    assert calls == ["temp target"]


@pytest.mark.parametrize(
    ("found", "who"), [(["panel.exe (process 7)"], "panel.exe (process 7)"), ([], "another program")]
)
def test_a_refused_rename_names_the_programs_that_hold_the_target(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, found: list[str], who: str
) -> None:
    monkeypatch.setattr(_windows, "holders", lambda path: found if path == "target" else [])
    monkeypatch.setattr(os, "replace", failing([Held(5) for _ in range(10_000)], []))
    with pytest.raises(PermissionError) as failure:
        _windows.replace("temp", "target")
    (note,) = failure.value.__notes__
    assert note.startswith(f"pulse: {who} had the target, or the temp, open at every attempt for 2 s")


def test_an_error_that_no_holder_causes_names_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "replace", failing([FileNotFoundError(2, "gone")], []))
    with pytest.raises(FileNotFoundError) as failure:
        _windows.replace("temp", "target")
    assert not hasattr(failure.value, "__notes__")


def test_a_folder_is_not_waited_for_by_a_reader(clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[str] = []
    monkeypatch.setattr(_kernel32, "open_shared", failing([Held(5)], calls))
    with pytest.raises(PermissionError):
        _windows.open_for_reading(str(tmp_path), os.fstat)
    assert len(calls) == 1
    assert not clock.slept


def test_a_temp_is_never_created_read_only(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert _windows.creation_mode(os.stat(tmp_path / "file"), {}) == _windows.creation_mode(None, {}) == 0o666


def test_a_read_only_target_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "file").chmod(0o444)
    with pytest.raises(PermissionError, match="read-only attribute"):
        _windows.creation_mode(os.stat(tmp_path / "file"), {})


def test_attributes_and_folders_are_left_to_the_system(tmp_path: Path) -> None:
    before = os.stat(tmp_path)
    assert _windows.extended_attributes(str(tmp_path)) == {}
    assert _windows.follow_link(str(tmp_path)) == os.path.realpath(tmp_path)
    _windows.keep_attributes(-1, before, {})
    _windows.sync_folder(str(tmp_path / "missing"))
    assert os.stat(tmp_path) == before


class TestOrphans:
    @pytest.fixture(autouse=True)
    def machine(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """This is the machine ``0badcafe``; process 7 was created at 0x1d7, process 8 may not be queried, 9 is gone."""
        monkeypatch.setattr(_windows, "_machine", lambda: "0badcafe")
        monkeypatch.setattr(_kernel32, "own_times", lambda: 0x1D7)

        def times_of(process: int) -> int | None:
            if process == 8:
                raise OSError("access denied")
            return {7: 0x1D7}.get(process)

        monkeypatch.setattr(_kernel32, "times_of", times_of)
        _windows.writer_id.cache_clear()
        yield
        _windows.writer_id.cache_clear()

    def test_a_writer_is_known_by_machine_creation_time_and_process_id(self) -> None:
        assert _windows.writer_id() == f"0badcafe-1d7-{os.getpid()}"

    @pytest.mark.parametrize(
        ("writer", "ended"),
        [
            ("0badcafe-1d7-7", False),
            ("0badcafe-1d7-9", True),
            ("0badcafe-1d6-7", True),  # the number belongs to another process now
            ("0badcafe-1d7-8", False),
            ("0badcafd-1d7-9", False),  # another machine, on a share
            ("unknown-1d7-9", False),
            ("0badcafe-9", False),
            ("0badcafe-x-7", False),
            ("0badcafe-1d7-+9", False),  # a name that no writer has
            ("0badcafe-1_d7-9", False),
            ("0badcafe-1D7-9", False),
            ("0badcafe-0x1d7-9", False),
            ("0badcafe", False),
        ],
    )
    def test_only_a_writer_of_this_machine_that_is_gone_has_ended(self, writer: str, ended: bool) -> None:
        assert _windows.has_ended(writer) is ended

    def test_without_a_machine_no_writer_is_known_to_be_dead(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_windows, "_machine", lambda: "")
        _windows.writer_id.cache_clear()
        assert _windows.writer_id() == f"unknown-1d7-{os.getpid()}"
        assert not _windows.has_ended("-1d7-9")
        assert not _windows.has_ended("unknown-1d7-9")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has an id for its machine")
def test_elsewhere_the_machine_is_unknown() -> None:
    assert _windows._machine() == ""


class TestPaths:
    def test_become_absolute(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert _windows.absolute("status.json") == os.path.join(os.getcwd(), "status.json")

    @pytest.mark.parametrize(
        ("given", "whole"),
        [
            ("NUL", "\\\\.\\NUL"),
            ("C:\\x\\CON.json", "\\\\.\\CON"),
            ("C:\\x\\a.json.", "C:\\x\\a.json"),
            ("C:/x/a.json ", "C:\\x\\a.json"),
            ("C:\\x\\a.json:stream", "C:\\x\\a.json:stream"),
        ],
    )
    def test_that_windows_takes_for_something_else_are_refused(self, given: str, whole: str) -> None:
        with pytest.raises(OSError, match="another file") as failure:
            _windows.without_limit(given, whole)
        assert failure.value.filename == given

    @pytest.mark.parametrize(
        ("whole", "form"),
        [
            ("C:\\x\\a.json", "C:\\x\\a.json"),
            ("C:\\" + "d" * 150 + "\\a.json", "\\\\?\\C:\\" + "d" * 150 + "\\a.json"),
            ("\\\\server\\share\\" + "d" * 150, "\\\\?\\UNC\\server\\share\\" + "d" * 150),
            ("\\\\?\\C:\\" + "d" * 150, "\\\\?\\C:\\" + "d" * 150),
            ("\\\\.\\pipe\\" + "d" * 150, "\\\\.\\pipe\\" + "d" * 150),
            ("/" + "d" * 150, "/" + "d" * 150),  # on a fake Windows
        ],
        ids=["short", "long", "share", "long already", "device", "no Windows"],
    )
    def test_that_are_long_take_the_form_without_a_limit(self, whole: str, form: str) -> None:
        assert _windows.without_limit(whole, whole) == form

    def test_with_a_nul_are_refused_instead_of_cut(self) -> None:
        with pytest.raises(ValueError, match="null"):
            _windows.absolute("a\0b")

    @pytest.mark.parametrize("folder", [".", "..", "C:\\x\\.."])
    def test_of_folders_stay_folders(self, folder: str) -> None:
        assert _windows.without_limit(folder, "C:\\x") == "C:\\x"
