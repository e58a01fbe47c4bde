"""What Windows needs in its own way. The functions are those of ``_posix.py``.

It imports on every platform, so that its decisions are tested everywhere.
"""

import os
import random
import time
from collections.abc import Callable
from typing import TypeVar

from pulse._descriptors import use_descriptor

__all__ = [
    "CREATE_FLAGS",
    "absolute",
    "creation_mode",
    "has_ended",
    "keep_attributes",
    "open_for_reading",
    "remove",
    "replace",
    "sync_folder",
    "writer_id",
]

Result = TypeVar("Result")

# Without O_BINARY the C library turns every \n into \r\n; without O_NOINHERIT a child holds the file.
_OWN_FLAGS: int = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)

CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OWN_FLAGS
"""How a temp is opened: it must not exist, bytes are not translated, and no child process inherits it."""

DEADLINE = 2.0
"""Seconds for which a rename or removal is retried while another program holds the file (WIN-01…03)."""

_SHORTEST_DELAY, _LONGEST_DELAY = 0.001, 0.05  # seconds
_HELD = (5, 32, 33)  # ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION


def absolute(path: str) -> str:
    """The absolute form of ``path``."""
    return os.path.abspath(path)


def open_for_reading(path: str, use: Callable[[int], Result]) -> Result:
    """Open ``path``, hand the descriptor to ``use``, close it at once, and return what ``use`` did."""
    return use_descriptor(os.open, (path, os.O_RDONLY | _OWN_FLAGS), use)


def creation_mode(before: os.stat_result | None) -> int:
    """Always ``0o666``: any other mode would make the temp read-only, and then it could not be removed."""
    return 0o666


def keep_attributes(descriptor: int, before: os.stat_result) -> None:
    """Nothing: the access list is inherited from the folder."""


def replace(temp: str, target: str) -> None:
    """Rename ``temp`` to ``target`` in one step, waiting up to :data:`DEADLINE` for whoever holds either.

    Raises:
        OSError: nothing has changed. It is the first attempt's error.
    """
    _retry(lambda: os.replace(temp, target))


def remove(temp: str) -> None:
    """Remove ``temp``, waiting up to :data:`DEADLINE` for whoever holds it (a virus scanner).

    Raises:
        OSError: it is missing, or still held.
    """
    _retry(lambda: os.unlink(temp))


def sync_folder(folder: str) -> None:
    """Nothing: Windows has no such call; NTFS journals the rename."""


def writer_id() -> str:
    """Who writes: the process id, as the name of a temp carries it."""
    return str(os.getpid())


def has_ended(writer: str) -> bool:
    """Never certain: on Windows signal 0 is not a question, so an orphan stays until someone removes it."""
    return False


def _retry(operation: Callable[[], None]) -> None:
    """Run ``operation`` until it succeeds, fails for a reason that waiting cannot cure, or time is up."""
    try:
        return operation()
    except OSError as error:
        if getattr(error, "winerror", None) not in _HELD:
            raise
        original = error
    deadline = time.monotonic() + DEADLINE
    delay = _SHORTEST_DELAY
    while time.monotonic() < deadline:
        time.sleep(delay * random.uniform(0.5, 1.5))  # jitter: two writers must not keep meeting
        delay = min(delay * 2, _LONGEST_DELAY)
        try:
            return operation()
        except OSError as error:
            if getattr(error, "winerror", None) not in _HELD:
                raise
    raise original
