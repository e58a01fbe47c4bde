"""A layer of wrappers around pyfakefs's file calls: numbers them, and makes one of them fail.

Only outermost calls are numbered: what pyfakefs calls within a call is its own business.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pyfakefs.fake_file import FakeFileWrapper
from pyfakefs.fake_open import FakeFileOpen
from pyfakefs.fake_os import FakeOsModule

__all__ = ["Call", "FileCalls"]

# Functions of `os` → the kind of call that they are.
_OS_CALLS = {
    "open": "open",
    "close": "close",
    "write": "write",
    "fsync": "fsync",
    "fdatasync": "fsync",
    "replace": "rename",
    "rename": "rename",
    "unlink": "unlink",
    "remove": "unlink",
    "link": "link",
    "stat": "stat",
    "lstat": "stat",
    "fstat": "stat",
    "chmod": "chmod",
    "fchmod": "chmod",
    "chown": "chown",
    "mkdir": "mkdir",
    "listdir": "list",
    "scandir": "list",
    "readlink": "readlink",
    "truncate": "truncate",
    "ftruncate": "truncate",
    "utime": "utime",
}


@dataclass(frozen=True)
class Call:
    """One file call: its kind, its arguments, and whether it concerns a file that is open for writing."""

    kind: str
    arguments: tuple[Any, ...]
    writable: bool


@dataclass
class FileCalls:
    """The wrappers' state. ``before`` is asked before each call and may raise; ``after`` is told of each success."""

    armed: bool = False
    depth: int = 0
    calls: list[Call] = field(default_factory=list)
    before: Callable[[int, Call], BaseException | None] = lambda position, call: None
    after: Callable[[int, Call], None] = lambda position, call: None

    @contextmanager
    def recording(self) -> Iterator[list[Call]]:
        """Number the calls made inside the block, from 0."""
        self.calls = []
        self.armed = True
        try:
            yield self.calls
        finally:
            self.armed = False

    def install(self) -> None:
        """Wrap pyfakefs's classes. For a process of its own: this is never undone."""
        _patch(FakeFileWrapper, "close_fd", _closing_always(FakeFileWrapper.close_fd))
        for name, kind in _OS_CALLS.items():
            original = getattr(FakeOsModule, name)
            _patch(FakeOsModule, name, self._wrapped(kind, original, functools.partial(_os_writable, name)))
        # From Python 3.12 on, pyfakefs looks at the stack when a file is opened, and reads source files for that.
        _patch(traceback, "extract_stack", self._unnumbered(traceback.extract_stack))
        unnumbered_open = self._unnumbered(FakeFileOpen.call)
        numbered_open = self._wrapped("open", FakeFileOpen.call, lambda *arguments: False)

        def open_call(opening: FakeFileOpen, file: Any, *arguments: Any, **keywords: Any) -> Any:
            # A file object around a descriptor opens nothing: there is no system call that could fail.
            return (unnumbered_open if isinstance(file, int) else numbered_open)(opening, file, *arguments, **keywords)

        _patch(FakeFileOpen, "call", open_call)
        for name in ("flush", "close"):
            setattr(FakeFileWrapper, name, self._wrapped(name, getattr(FakeFileWrapper, name), _file_writable))
        original_writer = FakeFileWrapper._write_wrapper

        def write_wrapper(file: FakeFileWrapper, name: str) -> Callable[..., Any]:
            write = original_writer(file, name)
            return functools.partial(self._wrapped("write", lambda _, *a, **k: write(*a, **k), _file_writable), file)

        _patch(FakeFileWrapper, "_write_wrapper", write_wrapper)

    def _unnumbered(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def wrapper(*arguments: Any, **keywords: Any) -> Any:
            self.depth += 1
            try:
                return original(*arguments, **keywords)
            finally:
                self.depth -= 1

        return wrapper

    def _wrapped(self, kind: str, original: Callable[..., Any], writable: Callable[..., bool]) -> Callable[..., Any]:
        @functools.wraps(original)
        def wrapper(owner: Any, *arguments: Any, **keywords: Any) -> Any:
            if not self.armed or self.depth:
                return original(owner, *arguments, **keywords)
            position, call = len(self.calls), Call(kind, arguments, writable(owner, *arguments))
            self.calls.append(call)
            self.depth += 1
            try:
                error = self.before(position, call)
                if error is None or kind == "close":
                    # close(2): a close that fails or is interrupted has closed all the same.
                    result = original(owner, *arguments, **keywords)
                if error is not None:
                    raise error
                self.after(position, call)
                return result
            finally:
                self.depth -= 1

        return wrapper


def _patch(owner: object, name: str, replacement: Callable[..., Any]) -> None:
    setattr(owner, name, replacement)


def _closing_always(original: Callable[[FakeFileWrapper, int | None], None]) -> Callable[..., None]:
    """The close of a real file gives its descriptor back even when the last flush fails; pyfakefs's keeps it."""

    def close_fd(file: FakeFileWrapper, descriptor: int | None) -> None:
        try:
            original(file, descriptor)
        except OSError:
            if descriptor is not None and file._is_open():
                file.filesystem.close_open_file(descriptor)
            raise

    return close_fd


def _file_writable(file: FakeFileWrapper, *_: Any) -> bool:
    return bool(file.allow_update)


def _os_writable(name: str, module: FakeOsModule, *arguments: Any) -> bool:
    if name != "close":
        return False
    try:
        return bool(getattr(module.filesystem.get_open_file(arguments[0]), "allow_update", False))
    except OSError:
        return False
