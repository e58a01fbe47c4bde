"""Removes a folder on Linux and macOS, from descriptors alone."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

assert sys.platform != "win32"  # so that mypy skips this file there

__all__ = ["remove"]

_ROUNDS = 3  # a program that is still running may add files meanwhile
_SHOWN = 3  # of what could not be removed
_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_UNREADABLE: int | None = getattr(os, "O_PATH", None)  # Linux: opens a folder that its mode closes
_MNT_DETACH, _UMOUNT_NOFOLLOW = 2, 8  # umount2(2)


def remove(folder: Path, identity: tuple[int, int] | None = None) -> None:
    """As `conformance.system.removal.remove_folder`, which says what it raises."""
    with _parent(folder) as parent:
        _remove_within(parent, folder, identity)


@contextlib.contextmanager
def _parent(folder: Path) -> Iterator[int]:
    """A descriptor of the folder above, reached without following a link where the system can do so."""
    if _UNREADABLE is None:
        descriptor = os.open(folder.parent, os.O_RDONLY | _FOLDER)
    else:
        descriptor = os.open(folder.anchor or ".", _UNREADABLE | _FOLDER)
        for name in folder.parent.parts[1 if folder.anchor else 0 :]:
            above = descriptor
            try:
                descriptor = os.open(name, _UNREADABLE | _FOLDER, dir_fd=above)
            except OSError as error:
                raise OSError(error.errno, f"{name!r} is no folder any more: {error.strerror}", str(folder)) from error
            finally:
                os.close(above)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _remove_within(parent: int, folder: Path, identity: tuple[int, int] | None) -> None:
    problems: dict[str, OSError] = {}
    for _ in range(_ROUNDS):
        problems.clear()
        try:
            if identity is not None:
                _require(parent, folder, identity)
            top = _opened(parent, folder.name)
        except NotADirectoryError:
            if identity is not None:
                raise OSError(errno.ESTALE, "is no folder any more", str(folder)) from None
            os.unlink(folder.name, dir_fd=parent)
            return
        try:
            if identity is not None:
                _compare(os.fstat(top), folder, identity)
            _Emptying(top, problems).run()
        finally:
            os.close(top)
        try:
            os.rmdir(folder.name, dir_fd=parent)
        except OSError as error:
            problems.setdefault(".", error)
        else:
            return
    shown = [f"{name}: {error.strerror}" for name, error in problems.items() if name != "." or len(problems) == 1]
    more = f", and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    first = next(iter(problems.values()))
    raise OSError(first.errno, f"cannot be removed: {'; '.join(shown[:_SHOWN])}{more}", str(folder))


class _Emptying:
    """Empties one folder. Folders inside are moved up into it first, so that any depth needs two descriptors."""

    def __init__(self, top: int, problems: dict[str, OSError]) -> None:
        self._top = top
        self._problems = problems
        self._waiting: list[tuple[str, str]] = []  # name in the top folder, path at which it was found
        self._number = 0

    def run(self) -> None:
        self._empty(self._top, "")
        while self._waiting:
            name, path = self._waiting.pop()
            try:
                folder = _opened(self._top, name)
                try:
                    self._empty(folder, path)
                finally:
                    os.close(folder)
                os.rmdir(name, dir_fd=self._top)
            except OSError as error:
                self._note(path, error)

    def _empty(self, folder: int, path: str) -> None:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for name, is_folder in found:
            inner = os.path.join(path, name)
            if is_folder and folder == self._top:
                self._waiting.append((name, inner))
                continue
            try:
                self._take_away(folder, name, inner, is_folder)
            except OSError as error:
                self._note(inner, error)

    def _take_away(self, folder: int, name: str, path: str, is_folder: bool) -> None:
        try:
            self._moved_up(folder, name, path) if is_folder else os.unlink(name, dir_fd=folder)
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.EXDEV) or not _unmount(folder, name):
                raise
            self._moved_up(folder, name, path) if is_folder else os.unlink(name, dir_fd=folder)

    def _moved_up(self, folder: int, name: str, path: str) -> None:
        os.close(_opened(folder, name))  # moving a folder changes its "..", which its own mode has to allow
        while True:
            self._number += 1
            new = f"{self._number}.removed"
            try:
                os.rename(name, new, src_dir_fd=folder, dst_dir_fd=self._top)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    raise
            else:
                self._waiting.append((new, path))
                return

    def _note(self, path: str, error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            self._problems.setdefault(path, error)


def _opened(parent: int, name: str) -> int:
    """A folder, open and with a mode that lets it be emptied; what is mounted on it is unmounted.

    Raises NotADirectoryError for anything else, also for a symbolic link.
    """
    try:
        descriptor = _open(parent, name)
        while _mount(descriptor) != _mount(parent):
            os.close(descriptor)
            if not _unmount(parent, name):
                raise OSError(errno.EBUSY, "is a mount, which may not be unmounted")
            descriptor = _open(parent, name)
    except OSError as error:
        if error.errno == errno.ELOOP:  # O_NOFOLLOW at a link, where it is not ENOTDIR
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from error
        raise
    if os.fstat(descriptor).st_mode & stat.S_IRWXU != stat.S_IRWXU:
        with contextlib.suppress(OSError):  # another user's: then what follows says what is refused
            os.fchmod(descriptor, stat.S_IRWXU)
    return descriptor


def _require(parent: int, folder: Path, identity: tuple[int, int]) -> None:
    """Compare before anything of the folder is changed, also its mode. What is mounted on it is unmounted."""
    found = os.stat(folder.name, dir_fd=parent, follow_symlinks=False)
    while (found.st_dev, found.st_ino) != identity and _unmount(parent, folder.name):
        found = os.stat(folder.name, dir_fd=parent, follow_symlinks=False)
    _compare(found, folder, identity)


def _compare(found: os.stat_result, folder: Path, identity: tuple[int, int]) -> None:
    if (found.st_dev, found.st_ino) != identity:
        raise OSError(errno.ESTALE, "is not the same folder any more", str(folder))


def _open(parent: int, name: str) -> int:
    try:
        return os.open(name, os.O_RDONLY | _FOLDER, dir_fd=parent)
    except PermissionError:
        if _UNREADABLE is None:
            os.chmod(name, stat.S_IRWXU, dir_fd=parent, follow_symlinks=False)
            return os.open(name, os.O_RDONLY | _FOLDER, dir_fd=parent)
    closed = os.open(name, _UNREADABLE | _FOLDER, dir_fd=parent)
    try:
        os.chmod(f"/proc/self/fd/{closed}", stat.S_IRWXU)  # the very folder, whatever has its name by now
        return os.open(f"/proc/self/fd/{closed}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        os.close(closed)


def _mount(descriptor: int) -> int | bytes:
    """Which mount a descriptor is on: two bind mounts of one file system have one device (proc_pid_fdinfo(5))."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError), open(f"/proc/self/fdinfo/{descriptor}", "rb") as file:
            for line in file:
                if line.startswith(b"mnt_id:"):
                    return line
    return os.fstat(descriptor).st_dev


def _unmount(folder: int, name: str) -> bool:
    """Detach what is mounted at a name in a folder. Returns whether that was possible (umount2(2))."""
    if sys.platform != "linux":
        return False
    path = os.fsencode(f"/proc/self/fd/{folder}/{name}")
    return bool(ctypes.CDLL(None).umount2(path, _MNT_DETACH | _UMOUNT_NOFOLLOW) == 0)
