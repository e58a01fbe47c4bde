"""Operations → the files that a command wrote, and how it wrote each of them. Pure functions."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from conformance.syscalls.operations import Operation
from conformance.syscalls.order import CHANGING, published_names, publishing

__all__ = [
    "HELD_CALLS",
    "Written",
    "concerning",
    "files_written",
    "first_rewrite",
    "session_ends",
    "storing",
    "written",
]

# Calls after which a file may be another one: where readers look.
HELD_CALLS = (
    *("open", "openat", "openat2", "creat", "write", "pwrite64", "writev", "pwritev", "pwritev2"),
    *("copy_file_range", "sendfile", "splice", "truncate", "ftruncate", "fallocate", "ioctl", "mmap", "munmap"),
    *("msync", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat"),
)
_WRITING, _O_TRUNC, _O_APPEND = 3, 0o1000, 0o2000
_OPENING = ("open", "create", "create-unnamed")
_STORING = (
    *("create", "create-unnamed", "write", "map", "truncate", "allocate", "sync", "sync-folder", "sync-all", "close"),
    *("rename", "exchange", "link", "unlink", "symlink", "chmod", "chown", "utime", "attribute", "open"),
)
_OF_FOLDERS = ("make-folder", "remove-folder")


@dataclass(frozen=True)
class Written:
    """How a command wrote one file.

    ``name`` is relative to the stage. ``how`` is ``replaced``, ``in place``, ``appended`` or ``removed``. ``times`` is
    how often it was given new content, ``temps`` the names that the new files had before.
    """

    name: str
    existed: bool
    how: str
    times: int
    temps: frozenset[str]

    def in_words(self) -> str:
        """What was seen, for the list of files."""
        temps = sorted(PurePosixPath(name).name for name in self.temps)
        how = {
            "replaced": f"replaced by {temps[0] if temps else 'another file'}",
            "in place": "written in place",
            "appended": "appended to",
            "removed": "removed",
        }[self.how]
        often = f", {self.times} times" if self.times > 1 else ""
        return f"{how}{often}{'' if self.existed else ' (it did not exist before)'}"


def files_written(operations: Sequence[Operation], after: Container[str]) -> list[str]:
    """The regular files that a run wrote and that are there after it, in the order of their first change."""
    names: dict[str, None] = {}
    for each in operations:
        if not each.call.succeeded:
            continue
        if each.kind in CHANGING or (each.kind in _OPENING and each.flags & _WRITING):
            names[each.name] = None
        elif each.kind in ("rename", "link", "exchange"):
            names[each.other_name] = None
            if each.kind == "exchange":
                names[each.name] = None
    return [name for name in names if name in after and name.startswith("work/") and _changed(operations, name)]


def _changed(operations: Sequence[Operation], name: str) -> bool:
    return bool(publishing(operations, name)) or any(_changes(each, name) for each in operations)


def _changes(operation: Operation, name: str) -> bool:
    """Whether an operation changes the bytes of the file of this name."""
    if operation.name != name or not operation.call.succeeded:
        return False
    truncates = operation.kind == "open" and bool(operation.flags & _O_TRUNC) and bool(operation.flags & _WRITING)
    return operation.kind in CHANGING or truncates or operation.kind == "create"


def written(operations: Sequence[Operation], name: str, existing: Mapping[str, int]) -> Written:
    """How a run wrote one file that it was seen to write."""
    published = publishing(operations, name)
    own = [each for each in operations if _changes(each, name)]
    opened = [each for each in operations if each.name == name and each.kind in _OPENING and each.flags & _WRITING]
    appended = bool(opened) and all(each.flags & _O_APPEND and not each.flags & _O_TRUNC for each in opened)
    if own and appended and not published and not any(each.kind == "truncate" for each in own):
        how = "appended"
    elif published:
        how = "replaced"
    else:
        how = "in place"
    times = len(session_ends(operations, name))
    return Written(name, name in existing, how, times, published_names(operations, name) - {name})


def session_ends(operations: Sequence[Operation], name: str) -> tuple[int, ...]:
    """The operations after each of which the file has one more complete content.

    That is each replace, and of what was done in place between two opens for writing the last change. A new file whose
    bytes are changed on after its rename, through a descriptor that stayed open, is complete with the last change.
    """
    ends: list[int] = []
    last: int | None = None
    published = {each.number for each in publishing(operations, name)}
    for each in operations:
        replaces = each.number in published
        if not replaces and (each.name != name or not each.call.succeeded):
            continue
        if last is not None and (replaces or _starts(each)):
            ends.append(last)
            last = None
        if replaces or _changes(each, name):
            last = each.number
    return (*ends, last) if last is not None else tuple(ends)


def _starts(operation: Operation) -> bool:
    """Whether what comes from this operation on is another rewrite: it goes by the name, not by a descriptor."""
    opens = operation.kind in _OPENING and bool(operation.flags & _WRITING)
    return opens or (operation.kind == "truncate" and operation.descriptor < 0)


def concerning(operations: Sequence[Operation], written: Written) -> tuple[Operation, ...]:
    """The operations on a file, on its temps and on the folders that they lie in, of every kind."""
    names = {written.name, *written.temps}
    folders = {str(parent) for name in names for parent in PurePosixPath(name).parents}
    return tuple(
        each
        for each in operations
        if each.name in names
        or each.other_name in names
        or each.kind == "sync-all"
        or (each.name in folders and each.kind in ("sync-folder", "make-folder", "open"))
    )


def storing(operations: Sequence[Operation], written: Written) -> tuple[Operation, ...]:
    """Those of `concerning` at which a run is killed or made to fail: what they do has to do with storing the file."""
    names = {written.name, *written.temps}
    found = concerning(operations, written)
    return tuple(
        each
        for each in found
        if (each.kind in _STORING and _may_matter(each, names)) or (each.kind in _OF_FOLDERS and each.name in names)
    )


def _may_matter(operation: Operation, names: set[str]) -> bool:
    return operation.kind not in ("open", "close") or operation.name in names


def first_rewrite(operations: Sequence[Operation], written: Written) -> tuple[Operation, ...]:
    """Of `concerning`, those up to where the second rewrite starts; all of them if there was only one.

    What follows the end of the first belongs to it as long as it changes nothing: its syncs and closes.
    """
    found = concerning(operations, written)
    ends = session_ends(operations, written.name)
    if len(ends) < 2:
        return found
    return tuple(_until_the_next_change(found, ends[0]))


def _until_the_next_change(operations: Sequence[Operation], end: int) -> Iterator[Operation]:
    for each in operations:
        starts = each.kind in (*CHANGING, "create", "create-unnamed", "rename", "link", "unlink")
        if each.number > end and (starts or (each.kind == "open" and each.flags & _WRITING)):
            return
        yield each
