"""The means for real power cuts: what is missing is named, and the kernel gets the right layout."""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

import pytest

from conformance.contract.errors import Unmeasured
from stress import disk
from stress.disk import KINDS, loop_configuration, require_means

EXT4 = KINDS["ext4"]


@pytest.fixture
def able_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine that seems to have all means. Returns the folder in which its commands are."""
    if sys.platform == "win32":
        pytest.skip("commands are found by their file mode")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(disk, "_SYSTEM_FOLDERS", "")
    exists = os.path.exists
    monkeypatch.setattr(os.path, "exists", lambda path: path == "/dev/loop-control" or exists(path))
    monkeypatch.setenv("PATH", str(tmp_path))
    command = tmp_path / "mkfs.ext4"
    command.touch()
    command.chmod(0o755)
    return tmp_path


def test_nothing_is_missing(able_machine: Path) -> None:
    assert require_means(EXT4) == str(able_machine / "mkfs.ext4")


def test_other_systems_cannot(able_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(Unmeasured, match="needs Linux"):
        require_means(EXT4)


def test_only_root_can(able_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Unmeasured, match="run it as root"):
        require_means(EXT4)


def test_without_loop_devices(able_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    with pytest.raises(Unmeasured, match="load the kernel module loop"):
        require_means(EXT4)


@pytest.mark.parametrize(("name", "package"), [("ext4", "e2fsprogs"), ("xfs", "xfsprogs")])
def test_the_package_to_install_is_named(able_machine: Path, name: str, package: str) -> None:
    (able_machine / "mkfs.ext4").unlink()
    with pytest.raises(Unmeasured, match=f"needs mkfs.{name}: install {package}"):
        require_means(KINDS[name])


def test_a_loop_device_is_asked_to_detach_itself() -> None:
    """Offsets of <linux/loop.h>: ``fd`` at 0, ``info`` at 8, in it ``lo_flags`` at 52; 304 bytes in all."""
    configuration = loop_configuration(17)
    assert len(configuration) == 304
    assert struct.unpack_from("I", configuration, 0) == (17,)
    assert struct.unpack_from("I", configuration, 8 + 52) == (4,)
    assert sum(configuration) == 17 + 4
