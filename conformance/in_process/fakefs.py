"""An implementation of mode ``python`` on a fake Linux, macOS or Windows (pyfakefs), with a fault at every file call.

``python -m conformance.in_process.fakefs FOLDER CALLABLE PROFILE SYSTEM`` prints one JSON report. It needs its own
process: the implementation is imported as if this were the other system, and pyfakefs replaces the file calls of every
module. This is evidence about the implementation's logic at each call, not about a real kernel or file system.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from pyfakefs import fake_filesystem, fake_path
from pyfakefs.fake_file import FakeFileWrapper
from pyfakefs.fake_filesystem import FakeFilesystem, OSType
from pyfakefs.fake_filesystem_unittest import Patcher
from pyfakefs.fake_open import FakeFileOpen
from pyfakefs.fake_os import FakeOsModule

# Before anything is imported as if on Windows, where it needs msvcrt. The honest base, which chooses by the system what
# mutants and variants do, must not be imported here.
import conformance.system.share_modes  # noqa: F401  for its place in sys.modules
from conformance.in_process.enumeration import InProcessReport, Laboratory, faults_of, numbered_alone
from conformance.in_process.filecalls import OS_CALLS, Call, FileCalls, forgetting, names_in, subjects_of
from conformance.subject.python_host import load_factory
from conformance.system.file_kinds import NotAFile, kind_of

__all__ = ["SYSTEMS", "quick_functions", "wrap_fake_calls"]

SYSTEMS = {
    "linux": (OSType.LINUX, "linux", "/"),
    "macos": (OSType.MACOS, "darwin", "/"),
    "windows": (OSType.WINDOWS, "win32", "C:\\"),
}


def wrap_fake_calls(calls: FileCalls) -> None:
    """Make pyfakefs's classes report every call. For a dedicated process: this is never undone."""
    _patch(FakeFileWrapper, "close_fd", _closing_always(FakeFileWrapper.close_fd))
    _patch(FakeOsModule, "open", _keeping_the_mode(FakeOsModule.open))
    for name in OS_CALLS:
        if hasattr(FakeOsModule, name):
            _patch(FakeOsModule, name, _os_function(calls, name, getattr(FakeOsModule, name)))
    # From Python 3.12 on, pyfakefs looks at the stack when a file is opened, and reads source files for that.
    _patch(traceback, "extract_stack", _unnumbered(calls, traceback.extract_stack))
    unnumbered_open = _unnumbered(calls, FakeFileOpen.call)
    original_open = FakeFileOpen.call

    @forgetting
    def open_call(opening: FakeFileOpen, file: Any, *arguments: Any, **keywords: Any) -> Any:
        # A file object around a descriptor opens nothing: there is no system call that could fail.
        if isinstance(file, int) or not calls.listening:
            return unnumbered_open(opening, file, *arguments, **keywords)
        action = functools.partial(original_open, opening, file, *arguments, **keywords)
        return calls.perform(Call("open", names_in([file]), False), action)

    _patch(FakeFileOpen, "call", open_call)
    for name in ("flush", "close"):
        _patch(FakeFileWrapper, name, _file_method(calls, name, getattr(FakeFileWrapper, name)))
    original_writer = FakeFileWrapper._write_wrapper

    def write_wrapper(file: FakeFileWrapper, name: str) -> Callable[..., Any]:
        write = original_writer(file, name)
        return functools.partial(_file_method(calls, "write", lambda _, *a, **k: write(*a, **k)), file)

    _patch(FakeFileWrapper, "_write_wrapper", write_wrapper)


def quick_functions() -> Iterator[tuple[ModuleType, str, Callable[..., Any]]]:
    """What makes pyfakefs handle a path that is a `str` as it is: each function by its module and name there.

    Each file call asks hundreds of times what kind of path it has, which takes a third of the time of a report.
    """
    for module in (fake_filesystem, fake_path):
        for name, quick in (("make_string_path", _unless_str), ("matching_string", _like_str)):
            if hasattr(module, name):  # they are pyfakefs's own, and may go
                yield module, name, quick(getattr(module, name))


def _unless_str(original: Callable[..., Any]) -> Callable[..., Any]:
    return lambda path: path if type(path) is str else original(path)


def _like_str(original: Callable[..., Any]) -> Callable[..., Any]:
    return lambda matched, string: string if type(matched) is str else original(matched, string)


def _patch(owner: object, name: str, replacement: Callable[..., Any]) -> None:
    setattr(owner, name, replacement)


def _os_function(calls: FileCalls, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    @forgetting
    @functools.wraps(original)
    def wrapper(module: FakeOsModule, *arguments: Any, **keywords: Any) -> Any:
        if not calls.listening:
            return original(module, *arguments, **keywords)
        writable = name == "close" and _is_writable(module.filesystem, arguments[0])
        # A name relative to a descriptor is not a path that the kit could check.
        named = not any(key.endswith("dir_fd") and keywords[key] is not None for key in keywords)
        paths = names_in(subjects_of(name, arguments, keywords)) if named else ()
        action = functools.partial(original, module, *arguments, **keywords)
        return calls.perform(Call(OS_CALLS[name], paths, writable), action)

    return wrapper


def _file_method(calls: FileCalls, kind: str, original: Callable[..., Any]) -> Callable[..., Any]:
    @forgetting
    @functools.wraps(original)
    def wrapper(file: FakeFileWrapper, *arguments: Any, **keywords: Any) -> Any:
        if not calls.listening:
            return original(file, *arguments, **keywords)
        action = functools.partial(original, file, *arguments, **keywords)
        return calls.perform(Call(kind, (), bool(file.allow_update)), action)

    return wrapper


def _unnumbered(calls: FileCalls, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def wrapper(*arguments: Any, **keywords: Any) -> Any:
        with calls.inside():
            return original(*arguments, **keywords)

    return wrapper


def _closing_always(original: Callable[[FakeFileWrapper, int | None], None]) -> Callable[..., None]:
    """Closing a real file frees its descriptor even when the last flush fails; pyfakefs keeps it."""

    def close_fd(file: FakeFileWrapper, descriptor: int | None) -> None:
        try:
            original(file, descriptor)
        except OSError:
            if descriptor is not None and file._is_open():
                file.filesystem.close_open_file(descriptor)
            raise

    return close_fd


def _keeping_the_mode(original: Callable[..., int]) -> Callable[..., int]:
    """Opening a real file that exists leaves its mode alone; pyfakefs sets the mode of a new one."""

    @functools.wraps(original)
    def open_file(module: FakeOsModule, path: Any, *arguments: Any, dir_fd: int | None = None, **keywords: Any) -> int:
        found: Any = None
        with contextlib.suppress(OSError, NotImplementedError):
            found = module.filesystem.resolve(module._path_with_dir_fd(path, module.open, dir_fd))
        before = (found.st_mode, found.st_ctime) if found is not None else ()
        try:
            return original(module, path, *arguments, dir_fd=dir_fd, **keywords)
        finally:
            if before:
                found.st_mode, found.st_ctime = before

    return open_file


def _is_writable(fs: FakeFilesystem, descriptor: int) -> bool:
    try:
        return bool(getattr(fs.get_open_file(descriptor), "allow_update", False))
    except OSError:
        return False


@dataclass
class _FakeSystem:
    """One fake file system (`conformance.in_process.enumeration.System`)."""

    fs: FakeFilesystem
    root: str
    targets: int = 0

    def new_target(self) -> str:
        self.targets += 1
        separator = self.fs.path_separator
        folder = f"{self.root.rstrip(separator)}{separator}case{self.targets}"
        self.fs.create_dir(folder)
        return f"{folder}{separator}status.json"

    def folder_of(self, target: str) -> str:
        return target.rpartition(self.fs.path_separator)[0]

    def bytes_of(self, path: str) -> bytes | None:
        if not self.fs.exists(path):
            return None
        found = self.fs.get_object(path)
        if (kind := kind_of(found.st_mode)) is not None:
            raise NotAFile(kind)
        return bytes(found.byte_contents or b"")

    def create(self, path: str, contents: bytes) -> None:
        self.fs.create_file(path, contents=contents)

    def identity(self, path: str) -> tuple[Any, ...]:
        if not self.fs.exists(path):
            return ()
        found = self.fs.get_object(path)
        return id(found), found.st_mtime, found.st_mode

    def names_beside(self, target: str) -> set[str]:
        return set(self.fs.listdir(self.folder_of(target))) - {"status.json"}

    def open_descriptors(self) -> int:
        return sum(entry is not None for entry in self.fs.open_files)

    @property
    def can_be_read_only(self) -> bool:
        return not self.fs.is_windows_fs  # folders have no such bit there

    @contextlib.contextmanager
    def read_only(self, target: str) -> Iterator[None]:
        self.fs.chmod(self.folder_of(target), 0o555)
        try:
            yield
        finally:
            self.fs.chmod(self.folder_of(target), 0o755)

    @contextlib.contextmanager
    def disk_full(self, room: int) -> Iterator[Callable[[], bool]]:
        total, used, _ = self.fs.get_disk_usage(self.root)
        self.fs.set_disk_usage(used + room, self.root)
        try:
            yield lambda: True  # every write goes through pyfakefs, which has the limit
        finally:
            self.fs.set_disk_usage(total, self.root)


@contextlib.contextmanager
def _platform(name: str) -> Iterator[None]:
    real = sys.platform
    sys.platform = name
    try:
        yield
    finally:
        sys.platform = real


def _report(folder: str, entry_point: str, profile: str, system: str) -> InProcessReport:
    kind, platform, root = SYSTEMS[system]

    def make() -> Any:
        with _platform(platform):
            return load_factory(folder, entry_point)()

    try:
        make()
    except Exception as error:
        return InProcessReport(system, f"cannot be imported as if on {system}: {type(error).__name__}: {error}")
    calls = FileCalls()
    wrap_fake_calls(calls)
    for module, name, quick in quick_functions():
        _patch(module, name, quick)
    with Patcher(allow_root_user=False) as patcher:
        fs = patcher.fs
        assert fs is not None
        fs.os = kind
        # Set once, they are not looked up again and again.
        fs.path_separator, fs.alternative_path_separator = fs.path_separator, fs.alternative_path_separator
        fs.set_disk_usage(64 * 1024 * 1024, root)
        laboratory = Laboratory(_FakeSystem(fs, root), calls, make, profile)
        try:
            _, report = faults_of(laboratory, system)
        except Exception as error:  # it does not run there even without a fault: nothing can be measured
            return InProcessReport(system, f"{_not_there(system)}: {type(error).__name__}: {error}")
    return report


def _not_there(system: str) -> str:
    """What to say of an implementation that fails without any fault: it is not at fault if it asks `os.name`."""
    if (system == "windows") is (os.name == "nt"):
        return f"does not run on pyfakefs's {system}"
    return (
        f"cannot be judged on pyfakefs's {system}, where os.name stays {os.name!r} (code that asks it does there what "
        "it does on this machine)"
    )


if __name__ == "__main__":
    numbered_alone()
    print(_report(*sys.argv[1:]).to_json())
