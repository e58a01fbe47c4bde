"""What is at a path in place of a regular file: named, and never waited for."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.system.file_kinds import NotAFile, kind_at
from conformance.system.share_modes import read_shared


def socket_at(path: Path) -> None:
    """A socket file stays when its socket is closed."""
    if sys.platform != "win32":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.relpath(path))  # the name of a socket has at most some 100 bytes


def looping(path: Path) -> None:
    path.symlink_to(path)


def leading_to_a_folder(path: Path) -> None:
    path.symlink_to(path.parent)


def leading_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/null")


MAKERS: dict[str, tuple[Callable[[Path], None], str]] = {"folder": (Path.mkdir, "a folder")}
if sys.platform != "win32":
    MAKERS |= {
        "FIFO": (os.mkfifo, "a FIFO"),
        "socket": (socket_at, "a socket"),
        "device": (leading_to_a_device, "a device"),
        "loop": (looping, "a loop of symbolic links"),
        "link to a folder": (leading_to_a_folder, "a folder"),
    }


@pytest.mark.parametrize("name", MAKERS)
def test_it_is_named_and_not_waited_for(tmp_path: Path, name: str) -> None:
    make, kind = MAKERS[name]
    path = tmp_path / "status.json"
    make(path)
    assert kind_at(path) == kind
    with pytest.raises(NotAFile, match=f"{kind} is at the target, and no file") as caught:
        read_shared(path)
    assert caught.value.kind == kind


def test_a_file_and_nothing_at_all_are_no_such_thing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert (kind_at(tmp_path / "file"), kind_at(tmp_path / "missing")) == (None, None)
    with pytest.raises(FileNotFoundError):
        read_shared(tmp_path / "missing")
