"""Stacks that programs wrote → the line that made an operation. Pure functions."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence

from conformance.syscalls.operations import Operation

__all__ = ["node_source", "python_sources", "same_operations"]

_FRAME = re.compile(r'  File "(?P<file>.*)", line (?P<line>\d+)(?: in (?P<name>.*))?$')
_LIBRARY = re.compile(r"(?:^|/)(?:lib/python3[^/]*|site-packages|dist-packages|node_modules)/|^<frozen ")
_NODE_FRAME = re.compile(r"^at (?:(?P<name>.*) \()?(?:file://)?(?P<file>/[^()]*):(?P<line>\d+):\d+\)?$")
# Kinds of operations → the functions of Node that make them.
_NODE_CALLS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("open", "create"), ("open", "writeFile", "appendFile", "createWriteStream", "copyFile", "cp")),
    "write": ("write", "writev", "writeFile", "appendFile", "createWriteStream", "copyFile", "cp"),
    "sync": ("fsync", "fdatasync", "writeFile"),
    "sync-folder": ("fsync", "fdatasync"),
    "close": ("close", "writeFile", "appendFile", "createWriteStream", "copyFile", "cp"),
    "unlink": ("unlink", "rm"),
    "truncate": ("truncate", "ftruncate", "writeFile"),
    "rename": ("rename",),
    "link": ("link",),
    "symlink": ("symlink",),
    "chmod": ("chmod", "fchmod"),
    "chown": ("chown", "fchown"),
    "utime": ("utimes", "futimes"),
    "make-folder": ("mkdir", "mkdtemp"),
}


def _shown(file: str, line: str, name: str | None) -> str:
    # Of a library, from its own folder on: where it is installed says nothing.
    file = re.sub(r"^.*/(?=(?:site-packages|dist-packages|node_modules)/)", "", file)
    file = re.sub(r"^(?:site-packages|dist-packages|node_modules)/", "", file)
    return f"{file}:{line}{f' in {name}' if name and not name.startswith('<') else ''}"


def _of_frames(frames: list[tuple[str, str, str | None]]) -> str:
    """The innermost frame, and the innermost one that is of no library where that is another one."""
    if not frames:
        return ""
    own = next((frame for frame in frames if not _LIBRARY.search(frame[0])), None)
    text = _shown(*frames[0])
    return text if own is None or own == frames[0] else f"{text}, called at {_shown(*own)}"


def python_sources(written: bytes) -> list[str]:
    """The stacks that faulthandler wrote, one for each signal; empty for one without a frame of Python."""
    parts = re.split(
        r"^(?:Current thread|Stack) .*\(most recent call first\):$", written.decode("utf-8", "replace"), flags=re.M
    )
    found: list[str] = []
    for part in parts[1:]:
        frames = [match for line in part.splitlines() if (match := _FRAME.match(line))]
        found.append(_of_frames([(frame["file"], frame["line"], frame["name"]) for frame in frames]))
    return found


def node_source(log: bytes, kind: str, paths: Collection[str]) -> str:
    """The last logged call that can have made an operation of this kind on one of these absolute paths."""
    names = _NODE_CALLS.get(kind, ())
    for line in reversed(log.decode("utf-8", "replace").splitlines()):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry["name"] not in names or not set(paths).intersection(entry["paths"]):
            continue
        matches = [_NODE_FRAME.match(frame.replace("at async ", "at ", 1)) for frame in entry["frames"]]
        frames = [(match["file"], match["line"], match["name"]) for match in matches if match]
        if text := _of_frames([frame for frame in frames if not frame[0].endswith("/hooks/stacks.cjs")]):
            return text
    return ""


def same_operations(operations: Sequence[Operation], others: Sequence[Operation]) -> dict[int, int]:
    """Which operations of two runs are the same, by number, where the runs agree on how many of a kind there are.

    Operations are of a kind when they do the same to the same names. Names that only one of the runs has, as those of
    temps may be, count as one.
    """
    names = _names(operations) & _names(others)
    first, second = _of_a_kind(operations, names), _of_a_kind(others, names)
    return {
        one: other
        for kind, numbers in first.items()
        if len(numbers) == len(second.get(kind, ()))
        for one, other in zip(numbers, second[kind], strict=True)
    }


def _names(operations: Sequence[Operation]) -> set[str]:
    return {name for each in operations for name in (each.name, each.other_name)}


def _of_a_kind(operations: Sequence[Operation], names: Collection[str]) -> dict[tuple[str, ...], list[int]]:
    found: dict[tuple[str, ...], list[int]] = {}
    for each in operations:
        known = (name if name in names else "*" for name in (each.name, each.other_name))
        found.setdefault((each.kind, *known), []).append(each.number)
    return found
