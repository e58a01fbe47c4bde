"""Numbers the file calls of a write, and makes one of them fail: shared by the fake and the real layer of wrappers.

Only outermost calls are numbered, not the calls that they make in turn.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

__all__ = ["OS_CALLS", "Call", "FileCalls", "forgetting", "names_in", "subjects_of"]

Result = TypeVar("Result")

OS_CALLS = {
    "open": "open",
    "close": "close",
    "write": "write",
    "pwrite": "write",
    "writev": "write",
    "pwritev": "write",
    "sendfile": "write",
    "copy_file_range": "copy",
    "splice": "copy",
    "fsync": "fsync",
    "fdatasync": "fsync",
    "replace": "rename",
    "rename": "rename",
    "unlink": "unlink",
    "remove": "unlink",
    "rmdir": "unlink",
    "link": "link",
    "symlink": "link",
    "stat": "stat",
    "lstat": "stat",
    "fstat": "stat",
    "chmod": "chmod",
    "fchmod": "chmod",
    "lchmod": "chmod",
    "chown": "chown",
    "fchown": "chown",
    "lchown": "chown",
    "mkdir": "mkdir",
    "listdir": "list",
    "scandir": "list",
    "readlink": "readlink",
    "truncate": "truncate",
    "ftruncate": "truncate",
    "utime": "utime",
    "posix_fallocate": "allocate",
}
"""Functions of `os` that a write may call → the kind of call. Reading and seeking change nothing, and are left out."""

_OF_TWO_FILES = {"replace", "rename", "link", "symlink", "sendfile", "copy_file_range", "splice"}
_NAMES_OF_FILES = {"path", "fd", "src", "dst", "out_fd", "in_fd", "dir_fd", "src_dir_fd", "dst_dir_fd"}


def forgetting(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose errors keep none of its arguments, as those of real file calls keep none.

    A program may release a buffer while it handles the error of its write.
    """

    @functools.wraps(function)
    def forgetful(*arguments: Any, **keywords: Any) -> Any:
        try:
            return function(*arguments, **keywords)
        except BaseException as error:
            del arguments, keywords
            raise error.with_traceback(None)  # noqa: B904  # the very error, without the kit's frames

    return forgetful


def subjects_of(name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> list[Any]:
    """The paths and descriptors among the arguments of the function of `os` with this name."""
    first = arguments[: 2 if name in _OF_TWO_FILES else 1]
    return [*first, *(value for key, value in keywords.items() if key in _NAMES_OF_FILES)]


def names_in(subjects: Sequence[Any]) -> tuple[str, ...]:
    """The paths among them, as strings."""
    return tuple(os.fsdecode(subject) for subject in subjects if isinstance(subject, str | bytes | os.PathLike))


@dataclass(frozen=True)
class Call:
    """One file call: its kind, the paths that it names, and whether it concerns a file that is open for writing.

    ``interruptible`` is false where Python raises no KeyboardInterrupt: in other threads, and in calls made by the
    garbage collector.
    """

    kind: str
    paths: tuple[str, ...]
    writable: bool
    interruptible: bool = True


Before = Callable[[int, Call], BaseException | None]
After = Callable[[int, Call, BaseException | None], None]


class _Depth(threading.local):
    value = 0


@dataclass
class FileCalls:
    """The numbering of the calls that a layer of wrappers hands to `perform`."""

    armed: bool = False
    calls: list[Call] = field(default_factory=list)
    _before: Before = lambda position, call: None
    _after: After = lambda position, call, error: None
    _depth: _Depth = field(default_factory=_Depth)
    _numbering: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def recording(
        self,
        before: Before = lambda position, call: None,
        after: After = lambda position, call, error: None,
    ) -> Iterator[list[Call]]:
        """Number the calls made inside the block, from 0.

        ``before`` is called before each call; an error that it returns is raised instead of making the call. ``after``
        is called after each call for which ``before`` returned none, with the error that the call itself raised.
        """
        self.calls, self._before, self._after = [], before, after
        self.armed = True
        try:
            yield self.calls
        finally:
            self.armed = False

    @property
    def listening(self) -> bool:
        """Whether a call made now by this thread would be numbered."""
        return self.armed and not self._depth.value

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Calls made by this thread inside the block are not numbered."""
        self._depth.value += 1
        try:
            yield
        finally:
            self._depth.value -= 1

    def perform(self, call: Call, action: Callable[[], Result]) -> Result:
        """Number a call and make it, or raise the error that ``before`` returns."""
        with self._numbering:
            position = len(self.calls)
            self.calls.append(call)
        with self.inside():
            error = self._before(position, call)
            if error is not None and call.kind != "close":
                raise error
            try:
                result = action()
            except BaseException as own_error:
                self._after(position, call, own_error)
                raise
            if error is not None:  # close(2): a close that fails or is interrupted has still closed
                raise error
            self._after(position, call, None)
            return result
