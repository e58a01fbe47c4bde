"""The temporary folders of the kit. A run that is killed leaves them, and the next run removes them.

Each has a record in a folder of this user's: its path, device and inode. The process that made it holds a lock on the
record; the system takes the lock away when that process ends, however it ends. Nothing is removed because of a name
alone, as a program under test can make any name.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import stat
import string
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.system.record_locks import Lock
from conformance.system.removal import remove_folder
from conformance.system.temporary_folder import temporary_folder

__all__ = ["folder_of_records", "new_folder", "remove_run_folder", "sweep", "temporary"]

_LETTERS = string.ascii_lowercase + string.digits + "_"  # as `tempfile.mkdtemp` names folders
_RANDOM = 8
_NAME = re.compile(rf"[a-z]+(?:-[a-z]+)*-[a-z0-9_]{{{_RANDOM}}}")
_ENDING = ".folder"
_TRIES = 100
_MOST_RECORDS = 1_000  # looked at by one run: another one takes the rest
_MOST_BYTES = 64 << 10  # of a record
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL
_OLD = os.O_RDWR
for _name in ("O_NONBLOCK", "O_NOFOLLOW", "O_BINARY", "O_CLOEXEC"):
    _NEW |= getattr(os, _name, 0)
    _OLD |= getattr(os, _name, 0)

_held: dict[Path, tuple[str, Lock]] = {}  # of this process: folder → name of its record, and the lock on that
_pinned: dict[Path, int] = {}  # the same folders, by descriptor: also where a program has moved them


@dataclass(frozen=True)
class _Made:
    """What a record says. Without ``inode`` the run was killed while the folder was made: it is empty, if it exists."""

    folder: Path
    device: int = 0
    inode: int = 0


class _Records:
    """The folder of the records, by descriptor where there are such: an exchange of names changes nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1
        if sys.platform == "win32":
            found = os.lstat(path)
        else:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            found = os.fstat(self._descriptor)
        if not stat.S_ISDIR(found.st_mode) or not _is_own(found) or _open_to_others(found):
            self.close()
            raise PermissionError(errno.EPERM, "is not a folder of this user's alone", str(path))

    def __enter__(self) -> _Records:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def names(self) -> list[str]:
        return sorted(os.listdir(self.path if sys.platform == "win32" else self._descriptor))[:_MOST_RECORDS]

    def open(self, name: str, flags: int) -> int:
        if sys.platform == "win32":
            return os.open(self.path / name, flags, 0o600)
        return os.open(name, flags, 0o600, dir_fd=self._descriptor)

    def remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self.path / name) if sys.platform == "win32" else os.unlink(name, dir_fd=self._descriptor)

    def clear(self, name: str) -> str:
        """Remove what is no record: another program has put it here. Returns what is to be said about it."""
        self.remove(name)
        try:
            remove_folder(self.path.parent.resolve() / self.path.name / name)
        except FileNotFoundError:
            return ""
        except OSError as error:
            return f"{self.path / name}: {error.strerror}; remove it yourself"
        return ""


def folder_of_records() -> Path:
    """Where the records are, in the folder for temporary files; it is there only while there are records."""
    if sys.platform == "win32":  # there each user has a folder for temporary files
        return temporary_folder() / "pulse-kit-runs"
    return temporary_folder() / f"pulse-kit-runs-{os.geteuid()}"


def new_folder(prefix: str, parent: Path | None = None) -> Path:
    """Make a folder for this user only, its path resolved, that the next run removes when this process is killed.

    ``parent`` is the folder for temporary files unless given; ``prefix`` is of lower-case words, each with a dash
    behind it. Remove it with `remove_run_folder`. Raises OSError.
    """
    where = (parent or temporary_folder()).resolve(strict=True)
    for _ in range(_TRIES):
        folder = where / (prefix + "".join(secrets.choice(_LETTERS) for _ in range(_RANDOM)))
        assert _NAME.fullmatch(folder.name), prefix
        lock = _recorded(folder)
        try:
            folder.mkdir(mode=stat.S_IRWXU)
            found = os.lstat(folder)
        except FileExistsError:
            _forget(folder)
            continue
        except BaseException:
            _forget(folder)
            raise
        if lock is not None:
            with contextlib.suppress(OSError):  # the disk is full, which what follows says
                lock.write(_text(_Made(folder, found.st_dev, found.st_ino)))
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                _pinned[folder] = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        return folder
    raise FileExistsError(errno.EEXIST, "no free name for a temporary folder", str(where))


def remove_run_folder(folder: Path) -> None:
    """Remove a folder of `new_folder`, as `remove_folder`, which says what it raises: then its record stays, and the
    next run tries again. On Linux also where a program has moved it, and what is in its place then.
    """
    pinned = _pinned.pop(folder, None)
    try:
        if pinned is not None:
            _remove_moved(folder, pinned)
        remove_folder(folder)
    except FileNotFoundError:
        _forget(folder)
        raise
    finally:
        if pinned is not None:
            os.close(pinned)
    _forget(folder)


def _remove_moved(folder: Path, pinned: int) -> None:
    """Raises OSError when something is left of it."""
    moved, found = Path(os.readlink(f"/proc/self/fd/{pinned}")), os.fstat(pinned)
    if moved != folder and moved.is_absolute():
        with contextlib.suppress(FileNotFoundError):  # it is removed already
            remove_folder(moved, (found.st_dev, found.st_ino))


@contextlib.contextmanager
def temporary(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """A folder of `new_folder` that is removed at the end of the block. Raises OSError."""
    folder = new_folder(prefix, parent)
    try:
        yield folder
    finally:
        with contextlib.suppress(FileNotFoundError):
            remove_run_folder(folder)


def sweep() -> list[str]:
    """Remove the folders of runs that were killed. Returns a line for each that could not be removed, with the reason;
    foreign names in it are as they are.
    """
    try:
        with _Records(folder_of_records()) as records:
            own = {name for name, _ in _held.values()}
            said = [_swept(records, name) for name in records.names() if name not in own]
    except FileNotFoundError:
        return []
    except OSError as error:
        return [f"folders of runs that were killed are not looked for: {error.filename}: {error.strerror}"]
    _remove_if_empty()
    return [line for line in said if line]


def _swept(records: _Records, name: str) -> str:
    """Take one record. Returns what is to be said about it."""
    if not name.endswith(_ENDING):
        return records.clear(name)
    try:
        lock = Lock.taken(records.open(name, _OLD))
    except FileNotFoundError:
        return ""
    except OSError:
        return records.clear(name)
    if lock is None:
        return ""  # that run is going on
    forget, line, shown = True, "", name
    try:
        made = _read(lock)
        if made is not None:
            shown = str(made.folder)
            _remove(made)
    except FileNotFoundError:
        pass
    except _NotIt as error:
        line = f"left alone, after a run that was killed: {shown}: {error}"
    except OSError as error:
        forget = False
        line = f"left by a run that was killed: {shown}: {error.strerror}; remove it yourself"
    if forget and sys.platform != "win32":
        records.remove(name)  # before the lock is free
    lock.close()
    if forget and sys.platform == "win32":
        records.remove(name)
    return line


class _NotIt(Exception):
    """Where the folder was, there is something else."""


def _remove(made: _Made) -> None:
    """Raises FileNotFoundError, _NotIt, and OSError when something is left."""
    found = os.lstat(made.folder)
    if not stat.S_ISDIR(found.st_mode):
        raise _NotIt("is no folder now")
    if not _is_own(found):
        raise _NotIt("belongs to another user")
    if not made.inode:
        try:
            os.rmdir(made.folder)
        except OSError as error:
            raise _NotIt("is not empty, and was made by another program") from error
        return
    try:
        remove_folder(made.folder, (made.device, made.inode))
    except OSError as error:
        if error.errno == errno.ESTALE:
            raise _NotIt("is another folder now") from error
        raise


def _recorded(folder: Path) -> Lock | None:
    """Make and lock the record of a folder that is about to be made. None where this is not possible: then a run that
    is killed leaves its folders, and nothing else changes.
    """
    place = folder_of_records()
    for _ in range(_TRIES):
        made = False
        try:
            with contextlib.suppress(FileExistsError):
                place.mkdir(mode=stat.S_IRWXU)
                made = True
            with _Records(place) as records:
                name = secrets.token_hex(8) + _ENDING
                lock = Lock.taken(records.open(name, _NEW))
        except FileNotFoundError:  # another run has just removed the last record, and the folder
            continue
        except OSError:
            if made:
                _remove_if_empty()
            return None
        if lock is None or not lock.is_there():  # a sweep was quicker than this lock, and has taken the record away
            continue
        _held[folder] = name, lock
        try:
            lock.write(_text(_Made(folder)))
        except OSError:
            _forget(folder)
            return None
        return lock
    return None


def _forget(folder: Path) -> None:
    if folder not in _held:
        return
    name, lock = _held.pop(folder)
    if sys.platform == "win32":
        lock.close()
    with contextlib.suppress(OSError), _Records(folder_of_records()) as records:
        records.remove(name)
    lock.close()
    _remove_if_empty()


def _remove_if_empty() -> None:
    with contextlib.suppress(OSError):
        os.rmdir(folder_of_records())


def _text(made: _Made) -> bytes:
    return json.dumps({"folder": str(made.folder), "device": made.device, "inode": made.inode}).encode("ascii")


def _read(lock: Lock) -> _Made | None:
    """What a record says; None for a record that was never written. Raises _NotIt."""
    data = lock.read(_MOST_BYTES)
    if not data:
        return None
    try:
        value: Any = json.loads(data)
        made = _Made(Path(value["folder"]), value["device"], value["inode"])
        numbers = type(made.device) is int and type(made.inode) is int
        whole = made.folder.is_absolute() and os.path.normpath(made.folder) == value["folder"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _NotIt("is no record of the kit") from error
    if not numbers or not whole or "\0" in value["folder"] or not _NAME.fullmatch(made.folder.name):
        raise _NotIt("is no record of the kit")
    return made


def _is_own(found: os.stat_result) -> bool:
    return sys.platform == "win32" or found.st_uid == os.geteuid()


def _open_to_others(found: os.stat_result) -> bool:
    return sys.platform != "win32" and bool(stat.S_IMODE(found.st_mode) & 0o077)
