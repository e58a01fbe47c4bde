"""A layer of wrappers around the real file calls of Python, for a dedicated process that never removes it.

The functions of `os` that change files are replaced, and ``open()`` returns files whose calls go through them: C's
buffers around a raw file in Python. Code that imports the names afterwards (``from os import replace``) gets the
wrappers, too. Calls made in other ways (``ctypes``, extension modules, other processes, stores into a map) go unseen.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import functools
import importlib
import io
import mmap
import os
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.in_process.filecalls import OS_CALLS, Call, FileCalls, forgetting, names_in, subjects_of

__all__ = ["OsCalls"]

# Other calls that the standard library makes: module, function, the kind of call, how many files it names.
_OTHER_CALLS = (
    ("fcntl", "flock", "lock", 1),
    ("fcntl", "lockf", "lock", 1),
    ("msvcrt", "locking", "lock", 1),
    ("posix", "_fcopyfile", "copy", 2),
    ("_winapi", "CopyFile2", "copy", 2),
)
_FILLS_THE_DISK = ("write", "copy", "allocate")


@dataclass
class OsCalls(FileCalls):
    """The numbering of the real calls that concern a path in ``folder`` or a descriptor that was opened there.

    ``folder`` is absolute, without symbolic links. ``descriptors`` holds what is open there: descriptor → its path and
    whether it is open for writing. ``room`` is how many more bytes may be written there; None: no limit of the kit's.
    """

    folder: str = ""
    descriptors: dict[int, tuple[str, bool]] = field(default_factory=dict)
    room: int | None = None
    _collecting: bool = False

    def install(self) -> None:
        """Replace the functions. Call it before the implementation is imported."""
        own_fstat = os.fstat
        special: dict[str, Callable[..., Any]] = {"open": self._opening, "close": self._closing}
        for name, kind in OS_CALLS.items():
            if hasattr(os, name):
                wrap = special.get(name) or functools.partial(self._os_function, name, kind)
                _replace(os, name, wrap(getattr(os, name)))
        for name in ("dup", "dup2"):
            _replace(os, name, self._duplicating(getattr(os, name)))
        for module_name, name, kind, files in _OTHER_CALLS:
            with contextlib.suppress(ImportError):
                module = importlib.import_module(module_name)
                if hasattr(module, name):
                    _replace(module, name, self._function_of_files(kind, files, getattr(module, name)))
        _replace(mmap, "mmap", _map_class(self))
        _replace(io, "FileIO", _file_class(self))
        # The standard library also has an open() in Python. It gets C's buffers and an fstat() that is not numbered.
        in_python = importlib.import_module("_pyio")
        own_parts = {name: getattr(io, name) for name in ("BufferedReader", "BufferedWriter", "BufferedRandom")}
        asking = types.SimpleNamespace(fspath=os.fspath, fstat=own_fstat)
        for name, part in {**own_parts, "TextIOWrapper": io.TextIOWrapper, "FileIO": io.FileIO, "os": asking}.items():
            setattr(in_python, name, part)
        for owner in (builtins, io):
            _replace(owner, "open", in_python.open)

    def numbered(self, kind: str, subjects: Sequence[Any], action: Callable[[], Any]) -> Any:
        """Make a call that names these paths and descriptors, numbered when one of them is in the folder."""
        paths = self._concerned(subjects) if self.listening else None
        if paths is None:
            return action()
        writable = kind in ("close", "write") and any(self.descriptors[one][1] for one in self._known(subjects))
        in_main_thread = threading.current_thread() is threading.main_thread()
        return self.perform(Call(kind, paths, writable, in_main_thread and not self._collecting), action)

    @contextlib.contextmanager
    def collecting(self, collecting: bool) -> Iterator[None]:
        """Note whether the garbage collector makes the calls inside the block, where an interrupt would be lost."""
        before, self._collecting = self._collecting, collecting
        try:
            yield
        finally:
            self._collecting = before

    def _concerned(self, subjects: Sequence[Any]) -> tuple[str, ...] | None:
        """The absolute paths among the subjects, or None when none of the subjects is in the folder."""
        known = self._known(subjects)
        # A path may be relative to the descriptor of a folder, which is then among the subjects.
        base = self.descriptors[known[0]][0] if known else ""
        paths = tuple(os.path.abspath(os.path.join(base, name)) for name in names_in(subjects))
        return paths if known or any(map(self._is_inside, paths)) else None

    def _known(self, subjects: Sequence[Any]) -> list[int]:
        return [subject for subject in subjects if isinstance(subject, int) and subject in self.descriptors]

    def _is_inside(self, path: str) -> bool:
        folder = os.path.normcase(self.folder)
        return os.path.normcase(path + os.sep).startswith(folder + os.sep)

    def _os_function(self, name: str, kind: str, original: Callable[..., Any]) -> Callable[..., Any]:
        @forgetting
        @functools.wraps(original)
        def wrapper(*arguments: Any, **keywords: Any) -> Any:
            subjects = subjects_of(name, arguments, keywords)

            def action() -> Any:
                if self.room is None or kind not in _FILLS_THE_DISK or not self._known(subjects):
                    return original(*arguments, **keywords)
                return self._limited(name, arguments, original)

            return self.numbered(kind, subjects, action)

        return wrapper

    def _limited(self, name: str, arguments: tuple[Any, ...], original: Callable[..., Any]) -> Any:
        """A write to a disk that becomes full: short, then ENOSPC. Other calls that fill it get the error at once."""
        assert self.room is not None
        if name not in ("write", "pwrite") or self.room == 0:
            self.room = 0
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        descriptor, data, *rest = arguments
        written: int = original(descriptor, memoryview(data).cast("B")[: self.room], *rest)
        self.room -= written
        return written

    def _function_of_files(self, kind: str, files: int, original: Callable[..., Any]) -> Callable[..., Any]:
        @forgetting
        @functools.wraps(original)
        def wrapper(*arguments: Any, **keywords: Any) -> Any:
            return self.numbered(kind, arguments[:files], functools.partial(original, *arguments, **keywords))

        return wrapper

    def _opening(self, original: Callable[..., int]) -> Callable[..., int]:
        @forgetting
        @functools.wraps(original)
        def wrapper(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            subjects = [path, dir_fd]
            descriptor: int = self.numbered("open", subjects, lambda: original(path, flags, mode, dir_fd=dir_fd))
            paths = self._concerned(subjects)
            self.descriptors.pop(descriptor, None)  # the number's earlier owner has closed it unseen
            if paths is not None:
                self.descriptors[descriptor] = paths[0], bool(flags & (os.O_WRONLY | os.O_RDWR))
            return descriptor

        return wrapper

    def _closing(self, original: Callable[[int], None]) -> Callable[[int], None]:
        @forgetting
        @functools.wraps(original)
        def wrapper(fd: int) -> None:
            try:
                self.numbered("close", [fd], lambda: original(fd))
            finally:
                self.descriptors.pop(fd, None)

        return wrapper

    def _duplicating(self, original: Callable[..., int]) -> Callable[..., int]:
        @forgetting
        @functools.wraps(original)
        def wrapper(fd: int, *arguments: Any, **keywords: Any) -> int:
            descriptor = original(fd, *arguments, **keywords)
            self.descriptors.pop(descriptor, None)
            if fd in self.descriptors:
                self.descriptors[descriptor] = self.descriptors[fd]
            return descriptor

        return wrapper


def _replace(owner: Any, name: str, replacement: Any) -> None:
    original = getattr(owner, name)
    for supported in (os.supports_dir_fd, os.supports_effective_ids, os.supports_fd, os.supports_follow_symlinks):
        if original in supported:
            supported.add(replacement)  # shutil and others look there for the function
    setattr(owner, name, replacement)


def _create_for_everyone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o666)


def _file_class(calls: OsCalls) -> type[io.FileIO]:
    """The raw file under every buffer: it opens, writes, truncates and closes through the numbered calls."""
    write = os.write

    class FileIO(io.FileIO):
        _finalizing: bool  # set by CPython: the collector is closing this very object
        _collecting = False

        def __init__(self, file: Any, mode: str = "r", closefd: bool = True, opener: Any = None) -> None:
            super().__init__(file, mode, closefd, opener or _create_for_everyone)

        def _dealloc_warn(self, source: object) -> None:
            self._collecting = True  # the buffers above call this when the collector closes them
            super()._dealloc_warn(source)  # type: ignore[misc]  # typeshed does not list it

        @forgetting
        def write(self, data: Any, /) -> int:
            if not self.writable():
                return super().write(data)  # which raises the proper error
            with calls.collecting(self._collecting):
                return write(self.fileno(), data)

        def truncate(self, size: int | None = None, /) -> int:
            length = self.tell() if size is None else size
            os.ftruncate(self.fileno(), length)
            return length

        def close(self) -> None:
            if self.closed or not self.closefd:
                super().close()
                return
            descriptor = self.fileno()
            try:
                with calls.collecting(self._collecting or self._finalizing):
                    calls.numbered("close", [descriptor], super().close)
            finally:
                calls.descriptors.pop(descriptor, None)

    return FileIO


def _map_class(calls: OsCalls) -> type[mmap.mmap]:
    """A memory map whose making and flushing are numbered calls."""

    class Map(mmap.mmap):
        _path: tuple[str, ...] = ()

        def __new__(cls, fileno: int, *arguments: Any, **keywords: Any) -> Map:
            make = functools.partial(super().__new__, cls, fileno, *arguments, **keywords)
            made: Map = calls.numbered("map", [fileno], make)
            if fileno in calls.descriptors:
                made._path = (calls.descriptors[fileno][0],)
            return made

        def flush(self, *arguments: Any) -> None:
            calls.numbered("fsync", self._path, functools.partial(super().flush, *arguments))

    return Map
