"""What is particular to Linux and macOS. The functions are those of ``_windows.py``."""

import errno
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from pulse._descriptors import use_descriptor

assert sys.platform != "win32"  # so that mypy skips this file there: os.chown does not exist on Windows

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

CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
"""How a temp is opened: it must not exist, and no child process inherits it."""

# A FIFO without a writer must not hang the reader, and a terminal must not become its controlling one.
_READ_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

_CANNOT_SYNC_FOLDERS = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)


def absolute(path: str) -> str:
    """The absolute form of ``path``, with ``..`` left alone: behind a symbolic link it is not lexical."""
    return path if path.startswith("/") else os.path.join(os.getcwd(), path)


def open_for_reading(path: str, use: Callable[[int], Result]) -> Result:
    """Open ``path`` without blocking, hand the descriptor to ``use``, close it; return ``use``'s result."""
    return use_descriptor(os.open, (path, _READ_FLAGS), use)


def creation_mode(before: os.stat_result | None) -> int:
    """The mode to create a temp with: never more open than the target will be (MET-01, MET-02).

    ``0o666`` for a new target; the kernel applies the umask to it.
    """
    return 0o666 if before is None else before.st_mode & 0o777


def keep_attributes(descriptor: int, before: os.stat_result) -> None:
    """Give the open temp the owner, group and mode of the target that it will replace (MET-01, MET-03).

    Only what differs is changed. What the system refuses (an owner, when not root) stays as it is.
    """
    now = os.fstat(descriptor)
    if now.st_gid != before.st_gid:
        with suppress(OSError):
            os.chown(descriptor, -1, before.st_gid)
    if now.st_uid != before.st_uid:
        with suppress(OSError):
            os.chown(descriptor, before.st_uid, -1)
    if now.st_mode != before.st_mode:
        with suppress(OSError):
            os.chmod(descriptor, stat.S_IMODE(before.st_mode))


def replace(temp: str, target: str) -> None:
    """Rename ``temp`` to ``target`` in one step.

    Raises:
        OSError: nothing has changed. The target is never copied onto instead (FLT-06).
    """
    os.replace(temp, target)


def remove(temp: str) -> None:
    """Unlink ``temp``.

    Raises:
        OSError: it is missing, or cannot be unlinked.
    """
    os.unlink(temp)


def sync_folder(folder: str) -> None:
    """Make the names in ``folder`` survive a power cut: ``fsync`` of the folder (PWR-02).

    A file system that cannot do it, and a folder that may be written but not read, are not errors.

    Raises:
        OSError: any other failure.
    """
    try:
        use_descriptor(os.open, (folder, _FOLDER_FLAGS), os.fsync)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC_FOLDERS and error.errno != errno.EACCES:
            raise


# A process id means something only inside one boot of one machine and one pid namespace of it.
_BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id"
_PID_NAMESPACE_FILE = "/proc/self/ns/pid"


def _boot_id() -> str:
    """The first 16 hexadecimal digits of the id of this boot, or ``""`` where there is none (macOS)."""
    try:
        with open(_BOOT_ID_FILE, encoding="ascii") as file:
            return file.read().replace("-", "")[:16]
    except OSError:
        return ""


def _process_space() -> str:
    """Where the process ids that this process sees are valid, or ``""`` where that is unknown."""
    try:
        return f"{_BOOT_ID}-{os.stat(_PID_NAMESPACE_FILE).st_ino:x}" if _BOOT_ID else ""
    except OSError:
        return ""


def _identify() -> None:
    """Record the identity of this process, again in every forked child, which may be in a new namespace."""
    global _space, _writer_id
    _space = _process_space()
    _writer_id = f"{_space or 'unknown'}-{os.getpid()}"


_BOOT_ID = _boot_id()
_space = _writer_id = ""
_identify()
os.register_at_fork(after_in_child=_identify)


def writer_id() -> str:
    """The identity of this writer: boot, pid namespace and process id, as in the name of a temp."""
    return _writer_id


def has_ended(writer: str) -> bool:
    """Whether the process that called itself ``writer`` (see :func:`writer_id`) is certainly gone.

    A writer on another machine, boot or pid namespace cannot be checked from here, so it counts as alive.
    """
    space, _, process = writer.rpartition("-")
    if not _space or space != _space:
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, OverflowError):  # another user's process, or a name that is not ours
        return False
    return False
