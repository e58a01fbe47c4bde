"""Fixtures that the tests of the reference share."""

import os
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pulse import _temps


@pytest.fixture
def target(tmp_path: Path) -> str:
    """The path of a status file that does not exist yet, alone in its folder."""
    return str(tmp_path / "training_status.json")


@pytest.fixture
def open_descriptors() -> Callable[[], set[str]]:
    """Lists the descriptors of this process, to compare before and after."""
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("descriptors can be listed only where there is /proc")

    def listing() -> set[str]:
        # The listing's own descriptor is gone again, so the link no longer resolves.
        return {name for name in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{name}")}

    return listing


@pytest.fixture
def make_special_file() -> Callable[[str, Path], None]:
    """Makes a FIFO or a socket at a path."""

    def make(kind: str, path: Path) -> None:
        if sys.platform == "win32":
            pytest.skip("a POSIX kind of file")
        if kind == "FIFO":
            os.mkfifo(path)
            return
        # The address of a socket may have only some 100 bytes, so it is bound through a short link.
        with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as listener:
            os.symlink(path.parent, f"{short}/s")
            listener.bind(f"{short}/s/{path.name}")

    return make


@pytest.fixture(autouse=True)
def first_write_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test starts as a new process does: no target has been swept yet."""
    monkeypatch.setattr(_temps, "_swept", set())
