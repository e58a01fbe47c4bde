"""Fixtures that the tests of the reference share."""

import errno
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from pulse import Pulse, _temps
from pulse._publisher import Publisher
from tests.pulse.training_support import Clock, module

# The panel needs packages that are not there everywhere; `tox -e tests` has them.
collect_ignore = [] if find_spec("uvicorn") and find_spec("prometheus_client") else ["panel"]


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


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread: what it would do, a test does with ``turn``, and a caller that waits does itself."""
    monkeypatch.setattr(Publisher, "start", lambda self: True)


@pytest.fixture
def run(target: str, clock: Clock, by_hand: None) -> Pulse:
    """A run of 3 epochs that has not started."""
    return Pulse(target, 3, clock=clock)


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Every write of a status: its members and ``durable``."""
    calls: list[dict[str, Any]] = []
    real = module.write_training_status
    names = ("path", "status", "epoch", "total_epochs", "loss", "message")

    def write(*arguments: Any, durable: bool) -> None:
        calls.append({**dict(zip(names, arguments, strict=True)), "durable": durable})
        real(*arguments, durable=durable)

    monkeypatch.setattr(module, "write_training_status", write)
    return calls


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Fills the disk, or makes room again."""
    real = module.write_training_status

    def fill(full: bool) -> None:
        def refuse(*arguments: Any, **keywords: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), arguments[0])

        monkeypatch.setattr(module, "write_training_status", refuse if full else real)

    return fill
