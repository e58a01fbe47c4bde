"""System calls → operations on the files of one folder: what was done, to which file, under which name.

An operation is what a call means, not what it is called: ``rename``, ``renameat`` and ``renameat2`` are one kind. The
kinds are those of the errors table (`conformance.oracle.call_errors`) where a fault can be injected.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from conformance.syscalls.tracer.calls import Argument, Call, Descriptor, TraceError

__all__ = ["Concern", "Kind", "Operation", "follow_names", "in_words", "operation_of", "operations_of", "relative_name"]

Kind = Literal[
    "open",  # an existing file
    "create",  # a new file, by open with O_CREAT or by mknod
    "create-unnamed",  # O_TMPFILE
    "write",
    "map",  # a shared writable mapping
    "unmap",
    "truncate",
    "allocate",
    "sync",  # of one file's data
    "sync-folder",
    "sync-all",
    "sync-range",  # sync_file_range, msync(MS_ASYNC): promises nothing
    "close",
    "rename",
    "exchange",
    "link",
    "unlink",
    "symlink",
    "make-folder",
    "remove-folder",
    "stat",
    "readlink",
    "list",
    "read",
    "chmod",
    "chown",
    "utime",
    "attribute",
    "lock",
    "other",  # changes nothing: fcntl, lseek, dup, an ioctl that only queries
]
# Flags of open(2), the same on x86-64 and arm64.
_O_CREAT, _O_TRUNC, _O_TMPFILE = 0o100, 0o1000, 0o20000000
_O_WRITING = 3  # O_WRONLY or O_RDWR
_MAP_SHARED, _MAP_SHARED_VALIDATE, _PROT_WRITE, _MS_SYNC = 1, 3, 2, 4
_RENAME_EXCHANGE, _RENAME_WHITEOUT, _AT_REMOVEDIR = 2, 4, 0x200
_FALLOCATE_SIMPLE = (0, 1)  # and FALLOC_FL_KEEP_SIZE; the other modes change bytes
_LOCKING = (5, 6, 7, 36, 37, 38)  # F_GETLK, F_SETLK, F_SETLKW and their F_OFD_ forms
_CLONING = (0x40049409, 0x4020940D)  # FICLONE, FICLONERANGE
# Requests of ioctl(2) that only query or concern the descriptor: TCGETS (is it a terminal?), TIOCGWINSZ, FIONREAD,
# FIONBIO, FIONCLEX, FIOCLEX, FS_IOC_GETFLAGS, FS_IOC_FSGETXATTR.
_ASKING = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451, 0x80086601, 0x801C581F)


_DELETED = " (deleted)"  # ends the path of an unlinked file
_OPENING = ("open", "openat", "openat2", "creat")
_RENAMING = ("rename", "renameat", "renameat2")
_MOST_OUTSIDE = 100
# The argument with the name that a call makes.
_MAKING = {
    **dict.fromkeys(("mkdir", "mkdirat", "mknod", "mknodat", "symlink", "symlinkat"), "path"),
    **dict.fromkeys(("rename", "renameat", "renameat2", "link", "linkat"), "other_path"),
}


class Operation(NamedTuple):
    """One operation of a write. ``number`` counts the operations of a trace in the order of their starts, from 0.

    ``name`` is relative to the folder (``"."`` for the folder itself), or absolute for a path outside of it; an
    unlinked file is ``NAME (deleted)``. ``other_name`` is where a rename or link leads, or where a copy comes from.
    ``descriptor`` is the descriptor that was used or, for an open, returned (-1: none). ``offset`` is -1 for the
    file's current position; ``length`` is in bytes: how many a write took, or the size of a truncate.
    """

    number: int
    kind: Kind
    call: Call
    name: str
    other_name: str = ""
    descriptor: int = -1
    flags: int = 0
    offset: int = -1
    length: int = 0

    def __str__(self) -> str:
        names = in_words(self.name)
        if self.other_name:
            names += f" {'←' if self.kind in ('write', 'read') else '→'} {in_words(self.other_name)}"
        size = f" {self._bytes()} bytes" if self.kind in ("write", "truncate", "allocate") else ""
        return f"{self.kind} {names}{size}"

    def _bytes(self) -> int:
        """The bytes that a write took or, if it failed, was asked to take."""
        asked = self.call.arguments.get("count") if self.call.name in ("write", "pwrite64") else None
        return asked if isinstance(asked, int) and not self.call.succeeded else self.length


def in_words(name: str) -> str:
    """The name for people: of a file that O_TMPFILE has made without one, the kernel shows a number."""
    return "(unnamed)" if re.fullmatch(r"#\d+ \(deleted\)", name) else name


def relative_name(path: str, folder: str) -> str:
    """The path relative to the folder, ``"."`` for the folder itself, and unchanged when it lies elsewhere."""
    if path == folder:
        return "."
    return path[len(folder) + 1 :] if path.startswith(f"{folder}/") else path


class _Mapping(NamedTuple):
    process: int
    start: int
    length: int
    path: str

    def holds(self, process: int, address: int) -> bool:
        return self.process == process and self.start <= address < self.start + self.length


class Concern:
    """Which calls concern a folder. One object follows one trace: it has to remember shared mappings, and descriptors
    whose close failed, because closing them again is a fault (FLT-07).

    ``elsewhere`` are other folders in which the writer makes its temps. Of what lies there, only files and folders that
    the trace itself makes are of concern, and the folder itself.
    """

    def __init__(self, folder: str, elsewhere: Iterable[str] = ()) -> None:
        self.folder = folder
        self._elsewhere = frozenset(elsewhere)
        self._made: set[str] = set()  # files and folders in the folders elsewhere
        self._mappings: list[_Mapping] = []
        self._closed: set[tuple[int, int]] = set()  # process, descriptor
        self._outside: dict[str, None] = {}

    @property
    def outside(self) -> tuple[str, ...]:
        """The first files outside of the folder that were to be opened for writing or renamed; no devices."""
        return tuple(self._outside)

    def lies_within(self, path: str) -> bool:
        """Whether a path is the folder or lies below it, or was made by this trace in a folder elsewhere."""
        if path == self.folder or path.startswith(f"{self.folder}/"):
            return True
        if not self._elsewhere:
            return False
        parent, _, name = path.removesuffix(_DELETED).rpartition("/")
        unnamed = path.endswith(_DELETED) and name.startswith("#") and parent in self._elsewhere
        return unnamed or path in self._elsewhere or not self._made.isdisjoint((path.removesuffix(_DELETED), parent))

    def _may_make(self, name: str, arguments: Mapping[str, Argument]) -> str | None:
        """The path in a folder elsewhere that a call would make; None for any other call."""
        if name in _OPENING:
            flags = arguments.get("flags", 0)
            path = arguments["path"] if name == "creat" or (isinstance(flags, int) and flags & _O_CREAT) else None
        else:
            path = arguments.get(_MAKING.get(name, ""))
        if not isinstance(path, str):
            return None
        parent = path.rpartition("/")[0]
        return path if parent in self._elsewhere or parent in self._made else None

    def concerns(self, process: int, name: str, arguments: Mapping[str, Argument]) -> bool:
        """Whether a call that begins now is an operation on the folder."""
        if name == "sync" or "unknown" in arguments:
            return True
        if name in ("msync", "munmap", "mremap"):
            return self.mapped(process, arguments) is not None
        descriptor = arguments.get("descriptor")
        if name == "close" and isinstance(descriptor, Descriptor) and not descriptor.path:
            return (process, descriptor.number) in self._closed
        if self._elsewhere and self._may_make(name, arguments):
            return True
        paths = (value.path if isinstance(value, Descriptor) else value for value in arguments.values())
        if any(isinstance(path, str) and self.lies_within(path) for path in paths):
            return True
        if len(self._outside) < _MOST_OUTSIDE and (written := _written_elsewhere(name, arguments)):
            self._outside[written] = None
        return False

    def mapped(self, process: int, arguments: Mapping[str, Argument]) -> str | None:
        """The path of the file that is mapped at the address of an msync, munmap or mremap."""
        address = arguments.get("address", 0)
        assert isinstance(address, int)
        return next((each.path for each in self._mappings if each.holds(process, address)), None)

    def follow(self, call: Call) -> None:
        """Take note of an mmap, mremap or munmap that succeeded, of a close that failed, and of what was made."""
        if self._elsewhere and call.succeeded and (made := self._may_make(call.name, call.arguments)):
            self._made.add(made)
        if call.name == "close":
            held = call.process, _number(call.arguments.get("descriptor"))
            if call.error and self.lies_within(call.path("descriptor")):
                self._closed.add(held)
            elif not call.error:
                self._closed.discard(held)
        if call.name not in ("mmap", "mremap", "munmap") or not call.succeeded or call.result is None:
            return
        path = call.path("descriptor") if call.name == "mmap" else self.mapped(call.process, call.arguments)
        if call.name != "mmap":
            self._forget(call.process, call.number("address"))
        if path is not None and (call.name == "mremap" or (call.name == "mmap" and is_shared_and_writable(call))):
            length = call.number("length" if call.name == "mmap" else "new_length")
            self._mappings.append(_Mapping(call.process, call.result, length, path))

    def _forget(self, process: int, address: int) -> None:
        self._mappings = [each for each in self._mappings if not each.holds(process, address)]


def _written_elsewhere(name: str, arguments: Mapping[str, Argument]) -> str:
    """The file that a call opens for writing or makes by a rename; empty for a device, and for any other call."""
    if name in _OPENING:
        flags = arguments.get("flags", 0)
        path = arguments["path"] if name == "creat" or (isinstance(flags, int) and flags & _O_WRITING) else ""
    else:
        path = arguments.get("other_path", "") if name in _RENAMING else ""
    return path if isinstance(path, str) and not path.startswith(("/dev/", "/proc/", "/sys/")) else ""


def _number(descriptor: Argument | None) -> int:
    return descriptor.number if isinstance(descriptor, Descriptor) else -1


def is_shared_and_writable(call: Call) -> bool:
    """Whether an mmap makes a mapping whose changes reach the file."""
    shared = call.number("flags") & 0x0F in (_MAP_SHARED, _MAP_SHARED_VALIDATE)
    return shared and bool(call.number("protection") & _PROT_WRITE)


def operations_of(
    calls: Iterable[Call], folder: str, existing: Iterable[str] = (), elsewhere: Iterable[str] = ()
) -> tuple[Operation, ...]:
    """The operations on the folder and on what lies in it, numbered as the tracer numbers them.

    ``folder`` is an absolute path without symbolic links; ``existing`` are the names in it before the first call, those
    of sub-folders ending in ``/``; ``elsewhere`` is that of `Concern`, and its folders are among ``existing``. Raises
    TraceError for a call on the folder that the model does not know.
    """
    concern = Concern(folder, elsewhere)
    names = set(existing)
    found: list[Operation] = []
    for call in sorted(calls, key=lambda call: call.begun):
        if concern.concerns(call.process, call.name, call.arguments):
            operation = operation_of(call, len(found), concern, names)
            if call.succeeded:
                follow_names(operation, names)
            found.append(operation)
        concern.follow(call)
    return tuple(found)


def follow_names(operation: Operation, names: set[str]) -> None:
    """Change the names in a folder as an operation that succeeded has."""
    if operation.kind in ("create", "symlink"):
        names.add(operation.name)
    elif operation.kind == "make-folder":
        names.add(f"{operation.name}/")
    elif operation.kind == "unlink":
        names.discard(operation.name)
    elif operation.kind == "remove-folder":
        names.discard(f"{operation.name}/")
    elif operation.kind == "rename":
        mark = "/" if f"{operation.name}/" in names else ""
        names.discard(operation.name + mark)
        names.add(operation.other_name + mark)
    elif operation.kind == "link":
        names.add(operation.other_name)


_SIMPLE: dict[str, Kind] = {
    **dict.fromkeys(("fsync", "fdatasync"), "sync"),
    **dict.fromkeys(("sync", "syncfs"), "sync-all"),
    **dict.fromkeys(("read", "pread64", "readv", "preadv", "preadv2", "readahead"), "read"),
    **dict.fromkeys(("write", "pwrite64", "writev", "pwritev", "pwritev2"), "write"),
    **dict.fromkeys(("stat", "lstat", "fstat", "newfstatat", "statx", "statfs", "fstatfs"), "stat"),
    **dict.fromkeys(("access", "faccessat", "faccessat2"), "stat"),
    **dict.fromkeys(("readlink", "readlinkat"), "readlink"),
    **dict.fromkeys(("getdents", "getdents64"), "list"),
    **dict.fromkeys(("chmod", "fchmod", "fchmodat", "fchmodat2"), "chmod"),
    **dict.fromkeys(("chown", "lchown", "fchown", "fchownat"), "chown"),
    **dict.fromkeys(("utime", "utimes", "futimesat", "utimensat"), "utime"),
    **dict.fromkeys(("setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr"), "attribute"),
    **dict.fromkeys(("getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr"), "other"),
    **dict.fromkeys(("dup", "dup2", "dup3", "lseek", "fadvise64", "chdir", "fchdir", "chroot"), "other"),
    **dict.fromkeys(("inotify_add_watch", "execve", "execveat"), "other"),
    **dict.fromkeys(("truncate", "ftruncate"), "truncate"),
    **dict.fromkeys(("rename", "renameat"), "rename"),
    **dict.fromkeys(("link", "linkat"), "link"),
    **dict.fromkeys(("symlink", "symlinkat"), "symlink"),
    **dict.fromkeys(("mkdir", "mkdirat"), "make-folder"),
    **dict.fromkeys(("mknod", "mknodat"), "create"),
    "close": "close",
    "flock": "lock",
    "unlink": "unlink",
    "rmdir": "remove-folder",
    "munmap": "unmap",
    "sync_file_range": "sync-range",
}


def operation_of(call: Call, number: int, concern: Concern, names: set[str]) -> Operation:
    """The operation with this number that a call is. ``names`` are those in the folder before it. Raises TraceError."""
    if "unknown" in call.arguments:
        raise TraceError(f"{call.name} on {call.arguments['unknown']}: the model does not know this operation")
    arguments = call.arguments
    descriptor = arguments.get("descriptor")
    path = descriptor.path if isinstance(descriptor, Descriptor) else arguments.get("path", "")
    if call.name in ("msync", "munmap", "mremap"):
        path = concern.mapped(call.process, arguments) or ""
    other = arguments.get("other_path", arguments.get("other_descriptor", ""))
    other_path = other.path if isinstance(other, Descriptor) else other
    if not isinstance(path, str) or not isinstance(other_path, str):
        raise TraceError(f"{call.name}: its path is {path!r} and its other path {other_path!r}")
    name = relative_name(path or concern.folder, concern.folder)
    return Operation(
        number=number,
        kind=_kind(call, name, names, within=concern.lies_within(path)),
        call=call,
        name=name,
        other_name=relative_name(other_path, concern.folder),
        descriptor=_descriptor(call, descriptor),
        flags=_optional(arguments, "flags"),
        offset=_optional(arguments, "offset", -1),
        length=_length(call),
    )


def _optional(arguments: Mapping[str, Argument], name: str, default: int = 0) -> int:
    value = arguments.get(name, default)
    if not isinstance(value, int):
        raise TraceError(f"argument {name} is {value!r}, not a number")
    return value


def _descriptor(call: Call, descriptor: Argument | None) -> int:
    if call.name in _OPENING:
        return call.result if call.succeeded and call.result is not None else -1
    return _number(descriptor)


def _length(call: Call) -> int:
    if call.name in ("truncate", "ftruncate", "fallocate", "mmap"):
        return call.number("length")
    moved = _SIMPLE.get(call.name) in ("write", "read") or call.name in ("copy_file_range", "sendfile", "splice")
    return call.result if moved and call.succeeded and call.result is not None else 0


def _kind(call: Call, name: str, names: set[str], *, within: bool) -> Kind:
    """The kind of an operation; ``within`` says whether its first path lies in the folder."""
    if call.name in _OPENING:
        flags = _O_CREAT | _O_TRUNC if call.name == "creat" else call.number("flags")
        if flags & _O_TMPFILE:
            return "create-unnamed"
        return "create" if flags & _O_CREAT and name not in names else "open"
    if call.name in ("fsync", "fdatasync") and (name == "." or f"{name}/" in names):
        return "sync-folder"
    if call.name in ("copy_file_range", "sendfile", "splice"):
        return "write" if within else "read"
    if call.name == "renameat2":
        flags = call.number("flags")
        if flags & _RENAME_WHITEOUT:
            raise TraceError("renameat2 with RENAME_WHITEOUT: the model does not know this operation")
        return "exchange" if flags & _RENAME_EXCHANGE else "rename"
    if call.name == "unlinkat":
        return "remove-folder" if call.number("flags") & _AT_REMOVEDIR else "unlink"
    if call.name == "mmap":
        return "map" if is_shared_and_writable(call) else "read"
    if call.name == "msync":
        return "sync" if call.number("flags") & _MS_SYNC else "sync-range"
    if call.name == "mremap":
        return "other"
    if call.name == "fallocate":
        return "allocate" if call.number("mode") in _FALLOCATE_SIMPLE else "write"
    if call.name == "fcntl":
        return "lock" if call.number("command") in _LOCKING else "other"
    if call.name == "ioctl":
        return _kind_of_ioctl(call)
    try:
        return _SIMPLE[call.name]
    except KeyError:
        raise TraceError(f"{call.name} on {name}: the model does not know this operation") from None


def _kind_of_ioctl(call: Call) -> Kind:
    request = call.number("request") & 0xFFFFFFFF
    if request in _CLONING:
        return "write"
    if call.succeeded and request not in _ASKING:
        raise TraceError(f"ioctl 0x{request:X} on {call.path('descriptor')}: the model does not know this operation")
    return "other"
