"""The registers and the memory of a stopped thread → the named arguments of its system call."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable

from conformance.syscalls.tracer import ptrace
from conformance.syscalls.tracer.calls import HARMLESS, SIGNATURES, Argument, Descriptor

__all__ = ["BLIND", "decode", "process_of"]

# Calls that make the kernel do file operations which cannot be seen as calls.
BLIND = ("io_uring_enter", "io_submit")

_AT_FDCWD, _AT_EMPTY_PATH = -100, 0x1000
_O_TMPFILE = 0o20000000
# As proc(5) names a process's descriptors: the tracer's own ``/proc/self`` would be another one.
_SELF_DESCRIPTOR = re.compile(r"(?:/proc/(?:self|thread-self|\d+)/(?:task/\d+/)?|/dev/)fd/(\d+)(?=/|$)")
_DESCRIPTORS = ("descriptor", "other_descriptor")
_PATHS = {"path": "folder", "other_path": "other_folder"}


def process_of(thread: int) -> int:
    """The process that a thread belongs to. Raises OSError."""
    with open(f"/proc/{thread}/status", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("Tgid:"):
                return int(line.split()[1])
    raise OSError(f"/proc/{thread}/status has no Tgid")


def decode(
    thread: int, process: int, name: str, registers: tuple[int, ...], within: Callable[[str], bool]
) -> dict[str, Argument] | None:
    """The arguments by the names of `SIGNATURES`, or None for a call that cannot concern any file.

    A call that is not in the tables gets the single argument ``unknown`` if one of its arguments could be a descriptor
    or a path for which ``within`` is true, or if it hides what it does.
    """
    if name in HARMLESS:
        return None
    if name not in SIGNATURES:
        return _unknown(thread, process, name, registers, within)
    found: dict[str, Argument] = {}
    folders: dict[str, int] = {}
    for argument, value in zip(SIGNATURES[name], registers, strict=False):
        if argument == "_":
            continue
        if argument in _DESCRIPTORS:
            found[argument] = _descriptor(process, value)
        elif argument in _PATHS.values():
            folders[argument] = _signed(value)
        elif argument in _PATHS:
            found[argument] = _path(thread, process, value, folders.get(_PATHS[argument], _AT_FDCWD))
        elif argument == "how":
            found["flags"] = ptrace.read_word(thread, value)
        elif argument == "offset":
            found[argument] = value - (1 << 64) if value >> 63 else value
        else:
            found[argument] = value
    if isinstance(flags := found.get("flags"), int) and flags & _O_TMPFILE == _O_TMPFILE and "path" in found:
        found["path"] = os.path.realpath(str(found["path"]))  # the folder, and no name in it
    if name == "mmap" and _signed(registers[4]) < 0:
        return None  # an anonymous mapping
    return found


def _signed(value: int) -> int:
    low = value & 0xFFFFFFFF
    return low - (1 << 32) if low & 0x80000000 else low


def _descriptor(process: int, value: int) -> Descriptor:
    number = _signed(value)
    path = ""
    if number >= 0:
        with contextlib.suppress(OSError):
            path = os.readlink(f"/proc/{process}/fd/{number}")
    return Descriptor(number, path)


def _path(thread: int, process: int, address: int, folder: int) -> str:
    text = os.fsdecode(ptrace.read_text(thread, address)) if address else ""
    if not text:  # AT_EMPTY_PATH, or no path at all as in utimensat
        return "" if folder == _AT_FDCWD else _descriptor(process, folder).path
    if not text.startswith("/"):
        text = os.path.join(_current_folder(thread) if folder == _AT_FDCWD else _descriptor(process, folder).path, text)
    if match := _SELF_DESCRIPTOR.match(text):
        path, rest = _descriptor(process, int(match[1])).path, text[match.end() :]
        if not rest:
            return path
        text = path + rest
    text = os.path.normpath(text)
    # The folder may be named through a symbolic link; the last name is never resolved.
    return os.path.join(os.path.realpath(os.path.dirname(text)), os.path.basename(text))


def _current_folder(thread: int) -> str:
    try:
        return os.readlink(f"/proc/{thread}/cwd")
    except OSError:
        return ""


def _unknown(
    thread: int, process: int, name: str, registers: tuple[int, ...], within: Callable[[str], bool]
) -> dict[str, Argument] | None:
    if name in BLIND:
        return {"unknown": "operations that it hides"}
    for value in registers:
        path = _descriptor(process, value).path if value < 1 << 20 else os.fsdecode(ptrace.read_text(thread, value))
        if within(path):
            return {"unknown": path}
    return None
