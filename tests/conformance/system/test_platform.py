"""Which operating system this is, and which file system holds a folder."""

import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from conformance.system import platform as platform_module
from conformance.system.platform import (
    describe_platform,
    file_system_of,
    missing_means,
    operating_system,
    under_wine,
)


def test_the_header_says_the_kind_of_machine_and_not_its_name() -> None:
    found = describe_platform()
    assert found.keys() == {"system", "release", "machine"}
    assert found["system"] == operating_system() + (" (wine)" if under_wine() else "")


def test_wine_is_not_called_windows_nor_its_folders_ntfs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(platform_module, "under_wine", lambda: True)
    assert describe_platform()["system"] == f"{operating_system()} (wine)"
    assert file_system_of(tmp_path) == "unknown"


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        ({"/": "ext4"}, "ext4"),
        ({"/": "ext4", "/data": "xfs"}, "xfs"),
        ({"/data": "xfs", "/": "ext4"}, "xfs"),
        ({"/": "ext4", "/data": "xfs", "/data/deep": "tmpfs"}, "tmpfs"),
        ({"/": "ext4", "/data/de": "tmpfs", "/data/deeper": "tmpfs"}, "ext4"),
        ({}, "unknown"),
        ({"/elsewhere": "ext4"}, "unknown"),
    ],
    ids=str,
)
def test_the_file_system_is_that_of_the_closest_mount(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mounts: dict[str, str], kind: str
) -> None:
    root = tmp_path.resolve()
    folder = root / "data" / "deep"
    folder.mkdir(parents=True)
    listed = [SimpleNamespace(mountpoint=f"{root}{point}".rstrip("/"), fstype=name) for point, name in mounts.items()]
    monkeypatch.setattr(platform_module, "under_wine", lambda: False)
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: listed)
    assert file_system_of(folder) == kind


def test_of_two_mounts_at_one_place_the_later_one_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    point = str(tmp_path.resolve())
    listed = [
        SimpleNamespace(mountpoint=point, fstype="ext4"),
        SimpleNamespace(mountpoint=point, fstype="tmpfs"),
    ]
    monkeypatch.setattr(platform_module, "under_wine", lambda: False)
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: listed)
    assert file_system_of(tmp_path) == "tmpfs"


@pytest.mark.parametrize(
    ("platform", "name"),
    [("linux", "linux"), ("darwin", "macos"), ("win32", "windows"), ("freebsd14", "linux")],
)
def test_the_name_of_the_operating_system(monkeypatch: pytest.MonkeyPatch, platform: str, name: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert operating_system() == name


def test_linux_without_proc_lacks_what_every_run_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("conformance.system.platform.sys.platform", "linux")
    assert missing_means(tmp_path) == (
        f"{tmp_path} is not mounted here, and the kit needs it to find and end processes: mount -t proc proc {tmp_path}"
    )
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "stat").write_text("1 (python) R", encoding="ascii")
    assert missing_means(tmp_path) == ""


def test_other_systems_have_no_proc_and_need_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("conformance.system.platform.sys.platform", "darwin")
    assert missing_means(tmp_path) == ""
