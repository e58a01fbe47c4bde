"""A small language in which the tests of the power-loss model write traces: one word per operation."""

import itertools
from collections.abc import Mapping

from conformance.syscalls.operations import Kind, Operation
from conformance.syscalls.tracer.calls import Argument, Call

# The words of the language → kind of operation, call, and flags.
WORDS: Mapping[str, tuple[Kind, str, int]] = {
    "open": ("open", "openat", 0),
    "open-truncating": ("open", "openat", 0o1000),
    "open-dsync": ("open", "openat", 0o10000),
    "open-appending": ("open", "openat", 0o2000),
    "create": ("create", "openat", 0o100),
    "create-dsync": ("create", "openat", 0o10100),
    "create-unnamed": ("create-unnamed", "openat", 0o20000000),
    "write": ("write", "write", 0),
    "write-dsync": ("write", "pwritev2", 0x2),
    "clone-into": ("write", "ioctl", 0),
    "truncate": ("truncate", "ftruncate", 0),
    "allocate": ("allocate", "fallocate", 0),
    "punch": ("write", "fallocate", 0),
    "map": ("map", "mmap", 0),
    "unmap": ("unmap", "munmap", 0),
    "msync": ("sync", "msync", 4),
    "msync-async": ("sync-range", "msync", 1),
    "sync": ("sync", "fsync", 0),
    "sync-range": ("sync-range", "sync_file_range", 0),
    "sync-folder": ("sync-folder", "fsync", 0),
    "sync-all": ("sync-all", "sync", 0),
    "close": ("close", "close", 0),
    "duplicate": ("other", "dup", 0),
    "seek": ("other", "lseek", 0),
    "stat": ("stat", "stat", 0),
    "read": ("read", "read", 0),
    "rename": ("rename", "rename", 0),
    "exchange": ("exchange", "renameat2", 2),
    "link": ("link", "linkat", 0),
    "unlink": ("unlink", "unlink", 0),
    "symlink": ("symlink", "symlink", 0),
    "make-folder": ("make-folder", "mkdir", 0),
}
BY_PATH = ("rename", "exchange", "link", "unlink", "symlink", "make-folder", "sync-all", "stat", "msync", "unmap")
ADDRESS = 1 << 20  # of every mapping
UNNAMED = "#1 (deleted)"


def trace(text: str) -> list[Operation]:
    """``create temp; write temp 100; rename temp target`` → consecutive operations.

    Numbers are a length and an offset; of msync and unmap, in the mapping. Before a word: ``failed``, ``unfinished``
    (it never returned), ``child``.
    """
    descriptors: dict[str, int] = {}
    unused = itertools.count(3)
    operations = []
    for number, line in enumerate(text.split(";")):
        words = line.split()
        marks = [words.pop(0) for _ in range(2) if words[0] in ("failed", "unfinished", "child")]
        kind, call, flags = WORDS[words[0]]
        names = [word for word in words[1:] if not word.isdigit()] or ["."]
        numbers = [int(word) for word in words[1:] if word.isdigit()]
        name = UNNAMED if names[0] == "unnamed" else names[0]
        if kind in ("open", "create", "create-unnamed"):
            descriptors[UNNAMED if kind == "create-unnamed" else name] = next(unused)
        used = UNNAMED if kind == "create-unnamed" else name
        descriptor = -1 if words[0] in BY_PATH else descriptors.get(used, -1)
        result: int | None = numbers[0] if numbers else 0
        if words[0] == "duplicate":
            result = descriptors[name] = next(unused)
        length = numbers[0] if numbers else 0
        arguments: dict[str, Argument] = {"mode": 3 if words[0] == "punch" else 0, "count": length}
        if words[0] == "map":
            result = ADDRESS
        elif call in ("msync", "munmap") and numbers:
            arguments |= {"address": ADDRESS + numbers[1], "length": length}
        operations.append(
            Operation(
                number,
                kind,
                Call(
                    2 * number,
                    None if "unfinished" in marks else 2 * number + 1,
                    process=2 if "child" in marks else 1,
                    thread=1,
                    name=call,
                    arguments=arguments,
                    result=None if "unfinished" in marks else -1 if "failed" in marks else result,
                    error=5 if "failed" in marks else 0,
                ),
                "." if kind == "create-unnamed" else name,
                names[1] if len(names) > 1 else "",
                descriptor,
                flags,
                numbers[1] if len(numbers) > 1 else -1,
                length,
            )
        )
        if kind in ("rename", "link") and not marks:
            descriptors[names[1]] = descriptors.get(name, -1)
    return operations


def overlapping(operations: list[Operation], earlier: int, later: int) -> list[Operation]:
    """The same, with the later operation starting just before the earlier one ends."""
    assert later == earlier + 1
    first, second = operations[earlier].call, operations[later].call
    changed = list(operations)
    changed[earlier] = operations[earlier]._replace(call=first._replace(ended=second.begun))
    changed[later] = operations[later]._replace(call=second._replace(begun=first.begun + 1))
    return changed
