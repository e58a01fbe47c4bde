"""What is particular to Windows. The functions are those of ``_posix.py``.

It imports on every platform, so that its decisions can be tested everywhere; the system calls are in ``_kernel32.py``.
"""

import errno
import ntpath
import os
import random
import socket
import stat
import sys
import time
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from pulse import _kernel32
from pulse._descriptors import use_descriptor
from pulse._holders import holders

__all__ = [
    "CREATE_FLAGS",
    "absolute",
    "creation_mode",
    "extended_attributes",
    "follow_link",
    "has_ended",
    "keep_attributes",
    "open_for_reading",
    "remove",
    "replace",
    "sync_folder",
    "writer_id",
]

Result = TypeVar("Result")

CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _kernel32.OWN_FLAGS
"""How a temp is opened: it must not exist, bytes are not translated, and no child process inherits it."""

DEADLINE = 2.0
"""Seconds for which a rename is retried while another program holds the target or the temp (WIN-01…03)."""
REMOVAL_DEADLINE = 0.5
"""Seconds for which the removal of a temp is retried; it comes after a rename that has already waited."""
READ_DEADLINE = 0.25
"""Seconds for which an open for reading is retried while a rename is under way."""

_SHORTEST_DELAY, _LONGEST_DELAY = 0.00025, 0.001  # seconds: many attempts, because readers leave only short gaps
_HELD = (5, 32, 33)  # ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION
_LONGEST_PLAIN_PATH = 150  # characters; with the name of a temp it is below the 260 that Windows accepts without \\?\


def absolute(path: str) -> str:
    """The absolute form of ``path``; a long one in the form that has no limit of 260 characters (WIN-06).

    Raises:
        OSError: Windows would resolve this name to another file, a device or a stream of a file.
        ValueError: it contains a NUL, at which Windows would cut it off.
    """
    if "\0" in path:
        raise ValueError("embedded null character in path")
    return without_limit(path, os.path.abspath(path))


def without_limit(given: str, whole: str) -> str:
    r"""``whole``, which Windows made of the path ``given``; prefixed with ``\\?\`` when it is long.

    Raises:
        OSError: the two do not name the same file.
    """
    base = ntpath.basename(given)
    is_another = base.endswith((".", " ")) and base not in (".", "..")
    is_device = whole.startswith("\\\\.\\") and not given.startswith(("\\\\.\\", "//./"))
    if is_another or is_device or ":" in ntpath.splitdrive(base)[1]:
        raise OSError(errno.EINVAL, "Windows takes this for another file, device or stream: choose a plain name", given)
    if len(whole) <= _LONGEST_PLAIN_PATH:
        return whole
    if whole.startswith("\\\\"):
        return whole if whole[2:4] in ("?\\", ".\\") else "\\\\?\\UNC\\" + whole[2:]
    return "\\\\?\\" + whole if whole[1:3] == ":\\" else whole


def open_for_reading(path: str, use: Callable[[int], Result]) -> Result:
    """Open ``path``, hand the descriptor to ``use``, close it at once, and return what ``use`` returned (WIN-05).

    Other programs may replace, rename or delete the file meanwhile. One that is doing so just now is waited for, up to
    :data:`READ_DEADLINE`.
    """
    whole = absolute(path)

    def opener() -> int:
        deadline = time.monotonic() + READ_DEADLINE
        return _retry(lambda: _kernel32.open_shared(whole), deadline, lambda: os.path.isdir(whole))

    return use_descriptor(opener, (), use)


def follow_link(path: str) -> str:
    """Where the symbolic link at ``path`` leads; there may be no file there."""
    return os.path.realpath(path)


def extended_attributes(path: str) -> dict[str, bytes]:
    """Always empty: the access list is inherited from the folder, and streams are not copied."""
    return {}


def creation_mode(before: os.stat_result | None, extended: dict[str, bytes]) -> int:
    """Always ``0o666``: any other mode would make the temp read-only, and then it could not be removed.

    Raises:
        PermissionError: the target has the read-only attribute; it is not replaced (WIN-04).
    """
    if before is not None and not before.st_mode & stat.S_IWRITE:
        raise PermissionError(errno.EACCES, "the target has the read-only attribute: clear it (attrib -r)")
    return 0o666


def keep_attributes(descriptor: int, before: os.stat_result, extended: dict[str, bytes]) -> None:
    """Do nothing: the access list is inherited from the folder."""


def replace(temp: str, target: str) -> None:
    """Rename ``temp`` to ``target`` in one step, waiting up to :data:`DEADLINE` for programs that hold either.

    POSIX semantics come first: they replace a target held open by readers that share delete. Where the system
    cannot, ``os.replace`` (``MoveFileExW``) needs a moment in which no program has the target open.

    Raises:
        OSError: nothing has changed. This is the first error, with a note that names the programs that hold the target.
    """
    try:
        deadline = time.monotonic() + DEADLINE
        if not _retry(lambda: _kernel32.rename_posix(temp, target), deadline):
            _retry(lambda: os.replace(temp, target), deadline)
    except OSError as error:
        if _is_held(error):
            error.add_note(_blame(target))
        raise


def remove(temp: str) -> None:
    """Remove ``temp``, waiting up to :data:`REMOVAL_DEADLINE` for a program that holds it (a virus scanner).

    Raises:
        OSError: it is missing, or still held.
    """
    _retry(lambda: os.unlink(temp), time.monotonic() + REMOVAL_DEADLINE)


def sync_folder(folder: str) -> None:
    """Do nothing: Windows has no such call, and NTFS journals the rename."""


@lru_cache(maxsize=1)
def writer_id() -> str:
    """The identity of this writer: machine, creation time and id of the process, as in the name of a temp."""
    return f"{_machine() or 'unknown'}-{_kernel32.own_times():x}-{os.getpid()}"


def has_ended(writer: str) -> bool:
    """Whether the process that called itself ``writer`` (see :func:`writer_id`) is certainly gone.

    Process ids are reused, so the creation time must be the same too. A writer on another machine cannot be
    checked from here, so it counts as alive.
    """
    machine, _, process = writer.partition("-")
    if not _machine() or machine != _machine():
        return False
    created, _, process = process.partition("-")
    try:
        number, since = int(process), int(created, 16)
        if f"{since:x}-{number}" != f"{created}-{process}":  # int() takes "+7", "1_7" and other digits too
            return False
        running_since = _kernel32.times_of(number)
        return running_since is None or running_since != since
    except (OSError, ValueError, OverflowError):  # another user's process, or a name that is not ours
        return False


@lru_cache(maxsize=1)
def _machine() -> str:
    """Eight hexadecimal digits for this installation of Windows and its name, or ``""`` where that is unknown."""
    if sys.platform == "win32":
        import winreg  # which a fake Windows does not have

        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, "SOFTWARE\\Microsoft\\Cryptography") as key:
                installation, _ = winreg.QueryValueEx(key, "MachineGuid")
        except OSError:
            return ""
        return f"{zlib.crc32(f'{installation} {socket.gethostname()}'.encode()):08x}"
    return ""


def _blame(target: str) -> str:
    """Which programs blocked a refused rename, and what their authors can do about it."""
    who = ", ".join(holders(target)) or "another program"
    return (
        f"pulse: {who} had the target, or the temp, open at every attempt for {DEADLINE:g} s; a reader must share "
        "delete, close at once, and pause between two reads"
    )


def _is_held(error: OSError) -> bool:
    return getattr(error, "winerror", None) in _HELD


def _retry(operation: Callable[[], Result], deadline: float, is_hopeless: Callable[[], bool] = lambda: False) -> Result:
    """Run ``operation`` until it succeeds, fails for a reason that waiting cannot cure, or the deadline has passed.

    Raises:
        OSError: the first error of a file that is held, or one that waiting cannot cure.
    """
    try:
        return operation()
    except OSError as error:
        if not _is_held(error) or is_hopeless():
            raise
        original = error
    delay = _SHORTEST_DELAY
    while time.monotonic() < deadline:
        time.sleep(delay * random.uniform(0.5, 1.5))  # jitter, so that two writers do not keep colliding
        delay = min(delay * 2, _LONGEST_DELAY)
        try:
            return operation()
        except OSError as error:
            if not _is_held(error):
                raise
    raise original
