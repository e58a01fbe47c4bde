"""What may be at a path and is no regular file: each kind is made where nothing is yet."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from conformance.contract.errors import Unmeasured
from conformance.suite.helpers.launch_prefixes import make_link

__all__ = ["ODDITIES"]


def make_fifo(path: Path) -> None:
    """A FIFO without a writer."""
    if sys.platform == "win32":
        raise Unmeasured("Windows has no FIFO in a folder")
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    """A socket; its own path would be too long for the system, so it is made by a relative name."""
    if sys.platform == "win32":
        raise Unmeasured("Windows has no socket in a folder")
    with socket.socket(socket.AF_UNIX) as server:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            server.bind(f"/proc/self/fd/{folder}/{path.name}")
        except OSError as error:
            raise Unmeasured(f"a socket cannot be made here: {error}") from error
        finally:
            os.close(folder)


def link_to_device(name: str, path: Path) -> None:
    """A symbolic link to a device that never ends, or is always empty."""
    if not Path(name).exists():
        raise Unmeasured(f"there is no {name} here")
    make_link(path, name)


ODDITIES: dict[str, Callable[[Path], object]] = {
    "fifo": make_fifo,
    "folder": lambda path: path.mkdir(),
    "device-zero": lambda path: link_to_device("/dev/zero", path),
    "device-null": lambda path: link_to_device("/dev/null", path),
    "dangling-link": lambda path: make_link(path, "nowhere.json"),
    "link-to-itself": lambda path: make_link(path, path.name),
    "socket": make_socket,
}
