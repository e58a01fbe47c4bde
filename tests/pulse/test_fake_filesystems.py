"""The reference in process on a fake Linux, macOS and Windows, chosen while it is imported."""

import ctypes
import importlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from pyfakefs.fake_filesystem import OSType
from pyfakefs.fake_filesystem_unittest import Patcher

FOLDERS = {OSType.LINUX: "/jobs", OSType.MACOS: "/jobs", OSType.WINDOWS: "C:\\jobs"}
PLATFORMS = {OSType.LINUX: "linux", OSType.MACOS: "darwin", OSType.WINDOWS: "win32"}


@pytest.fixture(params=list(FOLDERS), ids=lambda system: system.name)
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ModuleType, Any, str]]:
    """A fresh import of the package for one system, its fake file system and the target's path on it."""
    kind = request.param
    if sys.platform == "win32" and kind is not OSType.WINDOWS:
        pytest.skip("the POSIX file needs calls that the os module of Windows does not have")
    for name in [name for name in sys.modules if name.partition(".")[0] == "pulse"]:
        monkeypatch.delitem(sys.modules, name)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", PLATFORMS[kind])
        patch.delattr(ctypes, "WinDLL", raising=False)  # a fake system has no system libraries
        package = importlib.import_module("pulse")
    chosen = sys.modules["pulse._platform"].system.__name__
    assert chosen == ("pulse._windows" if kind is OSType.WINDOWS else "pulse._posix")
    with Patcher() as patcher:
        assert patcher.fs is not None
        patcher.fs.os = kind
        patcher.fs.create_dir(FOLDERS[kind])
        yield package, patcher.fs, FOLDERS[kind] + patcher.fs.path_separator + "status.json"
    for name in [name for name in sys.modules if name.partition(".")[0] == "pulse"]:
        del sys.modules[name]


def test_writes_and_reads(system: tuple[ModuleType, Any, str]) -> None:
    pulse, _fs, target = system
    for text in ("old", "new"):
        pulse.write_idle_status(target, text)
        assert pulse.read_status(target).status["message"] == text
    assert os.listdir(os.path.dirname(target)) == ["status.json"]
    assert pulse.safe_read_json(target + ".missing") is None


def test_a_full_disk_keeps_the_old_document(system: tuple[ModuleType, Any, str]) -> None:
    pulse, fs, target = system
    pulse.write_idle_status(target, "old")
    fs.set_disk_usage(500, target)
    with pytest.raises(OSError, match="space"):
        pulse.write_idle_status(target, "x" * 1000)
    assert pulse.read_status(target).status["message"] == "old"
    assert os.listdir(os.path.dirname(target)) == ["status.json"]


@pytest.mark.parametrize("call", ["stat", "open", "write", "fsync", "close", "replace"])
def test_an_error_at_a_file_call_leaves_old_or_nothing(
    system: tuple[ModuleType, Any, str], monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    pulse, _fs, target = system
    pulse.write_idle_status(target, "old")
    real = getattr(os, call)
    fired = []

    def fail(*arguments: Any, **keywords: Any) -> None:
        fired.append(call)
        if call == "close":
            real(*arguments, **keywords)
        raise OSError(5, "injected")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(OSError, match="injected"):
            pulse.write_idle_status(target, "new")
    assert fired
    assert os.listdir(os.path.dirname(target)) == ["status.json"]
    assert pulse.read_status(target).status["message"] == "old"
    pulse.write_idle_status(target, "next")
    assert pulse.read_status(target).status["message"] == "next"
