"""Readers that work in an unusual but correct way."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import stat
import sys
import threading
import time
from typing import Any

from conformance.mutation.honest import SIZE_LIMIT, Honest
from conformance.mutation.registry import variant

_WATCHING = threading.Lock()
_CHANGES = 0x3CE  # inotify(7): everything but opening, reading and closing what was only read


@variant("check", doubted_by=("RDR-*",))
def lenient_reader(self: Honest, members: Any) -> dict[str, Any]:
    """Accepts the token 0 as 0.0, as the contract allows readers to."""
    if not isinstance(members, dict):
        raise ValueError("not an object")
    with_floats = dict(members)
    for name in {"epoch", "total_epochs", "loss"} & members.keys():
        if type(members[name]) is int:
            try:
                with_floats[name] = float(members[name])
            except OverflowError as error:
                raise ValueError(f"{name} is too large") from error
    return Honest.check(self, with_floats)


@variant("check_number", doubted_by=("RDR-*",))
def refuses_minus_zero(self: Honest, name: str, value: Any) -> None:
    """Treats -0.0 as negative, as the contract allows readers to."""
    Honest.check_number(self, name, value)
    if name != "loss" and math.copysign(1.0, value) < 0:
        raise ValueError(f"{name} is -0.0")


@variant("load", doubted_by=("RDR-*", "CON-*"))
def read_in_small_pieces(self: Honest, path: str) -> bytes | None:
    """Reads 512 bytes at a time through one descriptor, and yields to other threads in between."""
    with contextlib.suppress(OSError, ValueError):
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        data = bytearray()
        with open(path, "rb", buffering=0) as file:
            while len(data) <= SIZE_LIMIT and (piece := file.read(512)):
                data += piece
                time.sleep(0)
        return bytes(data) if len(data) <= SIZE_LIMIT else None
    return None


@variant("load", doubted_by=("RDR-*", "CON-*"))
def folder_looked_at_once(self: Honest, path: str) -> bytes | None:
    """Looks at the folder before its first read there, for a line in its log: later reads make fewer calls."""
    folder = os.path.dirname(path)
    if folder not in self.memory:
        self.memory[folder] = True
        with contextlib.suppress(OSError):
            os.listdir(folder)
            os.stat(folder)
            os.access(path, os.R_OK)
    return Honest.load(self, path)


@variant("load", doubted_by=("RDR-*", "CON-*"), on=("linux",))
def folder_watched(self: Honest, path: str) -> bytes | None:
    """Has inotify watch the last four folders that it read in, and opens the file at every read all the same."""
    if sys.platform == "linux":
        with _WATCHING:
            _watch(self.memory, os.path.dirname(path))
    return Honest.load(self, path)


def _watch(watches: dict[str, int], folder: str) -> None:
    """Take what happened in the folder since the last time, or begin to watch it."""
    if sys.platform != "linux":
        return
    if folder in watches:
        with contextlib.suppress(BlockingIOError):
            os.read(watches[folder], 1 << 16)
        return
    if len(watches) == 4:
        os.close(watches.pop(next(iter(watches))))
    library = ctypes.CDLL(None)
    watches[folder] = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    library.inotify_add_watch(watches[folder], os.fsencode(folder), _CHANGES)
