"""Operations → their effects on names and on data: the first half of the power-loss model.

Files are followed through all their names and descriptors by simulating the folder; each is identified by a number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from conformance.syscalls.operations import Operation
from conformance.syscalls.powerloss.content import Content, Piece, size
from conformance.syscalls.powerloss.effects import Before, DataChange, Effects, File, NameChange, Promise, changed
from conformance.syscalls.tracer.calls import Call, TraceError

__all__ = ["effects_of"]

# open(2), the same on x86-64 and arm64; O_SYNC contains O_DSYNC.
_O_CREAT, _O_TRUNC, _O_APPEND, _O_DSYNC = 0o100, 0o1000, 0o2000, 0o10000
_RWF_DSYNC, _RWF_SYNC, _RWF_APPEND = 0x2, 0x4, 0x10  # pwritev2(2)
_FALLOCATE_KEEP_SIZE, _FALLOCATE_PUNCH_HOLE, _FALLOCATE_ZERO_RANGE = 0x1, 0x2, 0x10  # fallocate(2)
_PAGE = 4096  # bytes; of larger pages a program knows no more
_DUPLICATING = (0, 1030)  # F_DUPFD, F_DUPFD_CLOEXEC
_DESCRIPTOR_PATH = re.compile(r"/proc/[^/]+/(?:task/[^/]+/)?fd/(\d+)|/dev/fd/(\d+)")


def effects_of(operations: Sequence[Operation], before: Before) -> Effects:
    """The effects of a trace's operations. Raises TraceError for what the model cannot follow."""
    simulation = _Simulation(before)
    for operation in sorted(operations, key=lambda operation: operation.number):
        if not operation.call.error:
            simulation.follow(operation)
    simulation.settle_all(None)
    return Effects(
        files=tuple(simulation.files),
        names_before=simulation.names_before,
        data=tuple(simulation.data),
        names=tuple(simulation.changes),
        promises=tuple(simulation.promises),
    )


@dataclass
class _Opening:
    """What descriptors of one open share: dup(2) and fork(2) do not copy it."""

    file: int
    flags: int = 0
    position: int = 0


@dataclass
class _Mapped:
    """A shared mapping of a file: where it is in memory, and the parts of the file that it may still change."""

    file: int
    operation: Operation
    address: int
    length: int
    unsettled: list[tuple[int, int]]  # from one offset in the file up to another

    def within(self, call: Call) -> tuple[int, int] | None:
        """The part of the file that lies in the whole pages at a call's address; None when the call is elsewhere."""
        address, length = call.arguments.get("address"), call.arguments.get("length")
        if not isinstance(address, int) or not isinstance(length, int) or call.process != self.operation.call.process:
            return None
        start = address - self.address
        if not 0 <= start < self.length:
            return None
        offset = max(self.operation.offset, 0)
        return offset + start, offset + start + -(-length // _PAGE) * _PAGE


class _Simulation:
    def __init__(self, before: Before) -> None:
        self.before = before
        self.files: list[File] = []
        self.sizes: list[Content] = []  # the contents as the running system sees them
        self.names: dict[str, int] = {}
        self.deleted: dict[str, int] = {}
        self.openings: dict[tuple[int, int], _Opening] = {}
        self.mapped: list[_Mapped] = []
        self.mapped_names: dict[str, int] = {}
        self.data: list[DataChange] = []
        self.changes: list[NameChange] = []
        self.promises: list[Promise] = []
        old = {} if before.old_length is None else {before.target: before.old_length}
        for name, length in {**before.others, **old}.items():
            content = (Piece("old", length, name),) if length else ()
            plain = name.rstrip("/")
            self.names[plain] = self._add(File(plain, content) if plain == name else File(plain, regular=False))
        self.names_before = MappingProxyType(dict(self.names))

    def follow(self, operation: Operation) -> None:
        match operation.kind:
            case "open" | "create" | "create-unnamed":
                self._open(operation)
            case "write" | "truncate" | "allocate":
                self._change_data(operation)
            case "map":
                self._map(operation)
            case "unmap" | "sync-range" | "sync" | "sync-folder" | "sync-all":
                self._sync(operation)
            case "rename" | "exchange" | "link" | "unlink" | "symlink" | "make-folder" | "remove-folder":
                self._change_names(operation)
            case "close":
                self.openings.pop((operation.call.process, operation.descriptor), None)
            case "read" | "other":
                self._follow_descriptor(operation)
            case _:
                pass  # it changes neither bytes nor names

    def _add(self, file: File) -> int:
        self.files.append(file)
        self.sizes.append(file.content)
        return len(self.files) - 1

    # Which file is meant

    def _file(self, operation: Operation) -> int:
        opening = self._opening(operation)
        return opening.file if opening else self._named(operation.name, operation)

    def _opening(self, operation: Operation) -> _Opening | None:
        if operation.descriptor < 0:
            return None
        key = (operation.call.process, operation.descriptor)
        if key not in self.openings:
            self.openings[key] = self._inherited(operation)
        opening = self.openings[key]
        if operation.name.endswith(" (deleted)"):
            self.deleted[operation.name] = opening.file
        return opening

    def _inherited(self, operation: Operation) -> _Opening:
        """A descriptor that a child inherited from its parent, or that was open before the trace started."""
        file = self._named(operation.name, operation)
        for (_, descriptor), opening in reversed(self.openings.items()):
            if descriptor == operation.descriptor and opening.file == file:
                return opening
        return _Opening(file)

    def _named(self, name: str, operation: Operation) -> int:
        if name in self.names:
            return self.names[name]
        if name in self.deleted:
            return self.deleted[name]
        if match := _DESCRIPTOR_PATH.fullmatch(name):
            opening = self.openings.get((operation.call.process, int(match[1] or match[2])))
            if opening:
                return opening.file
        unnamed = [number for number, file in enumerate(self.files) if not file.first_name]
        if name.endswith(" (deleted)") and len(unnamed) == 1:
            return unnamed[0]
        raise TraceError(
            f"operation {operation.number} ({operation}): the power-loss model does not know the file {name}; "
            "name every file that was in the folder before the write"
        )

    def _follow_descriptor(self, operation: Operation) -> None:
        call = operation.call
        if call.name == "mremap":
            self._moved(call)
        opening = self.openings.get((call.process, operation.descriptor))
        if opening is None or call.result is None:
            return
        if call.name in ("dup", "dup2", "dup3") or (call.name == "fcntl" and call.number("command") in _DUPLICATING):
            self.openings[call.process, call.result] = opening
        elif call.name == "lseek":
            opening.position = call.result
        elif call.name in ("read", "readv"):
            opening.position += operation.length

    # Data

    def _open(self, operation: Operation) -> None:
        flags = _O_CREAT | _O_TRUNC if operation.call.name == "creat" else operation.flags
        if operation.kind == "create-unnamed":
            file = self._add(File(""))
        elif operation.name == ".":
            return
        elif operation.kind == "create" and operation.name not in self.names:
            file = self._add(File(operation.name))
            self._add_change(operation, sets=((operation.name, file),))
        else:
            file = self._named(operation.name, operation)
            if flags & _O_TRUNC and self.files[file].regular:
                self._record(operation, file, "truncate", 0, 0)
        if operation.descriptor >= 0:
            self.openings[operation.call.process, operation.descriptor] = _Opening(file, flags)

    def _record(
        self,
        operation: Operation,
        file: int,
        kind: Literal["write", "zeros", "truncate", "allocate"],
        offset: int,
        length: int,
        *,
        durable: bool = False,
    ) -> None:
        call = operation.call
        change = DataChange(
            operation.number, file, kind, offset, length, call.begun, call.ended, durable_by_itself=durable
        )
        self._apply(change)
        if durable and call.ended is not None:
            self.promises.append(Promise(operation.number, "size", file, call.begun, call.ended))

    def _apply(self, change: DataChange) -> None:
        self.data.append(change)
        self.sizes[change.file] = changed(self.sizes[change.file], change)

    def _change_data(self, operation: Operation) -> None:
        file = self._file(operation)
        call = operation.call
        if operation.kind == "truncate":
            self._record(operation, file, "truncate", 0, operation.length)
        elif call.name == "fallocate":
            self._allocate(operation, file)
        elif call.name == "ioctl":  # a clone of another file
            self._record(operation, file, "truncate", 0, 0)
            self._record(operation, file, "write", 0, self.before.new_length)
        else:
            self._write(operation, file)

    def _allocate(self, operation: Operation, file: int) -> None:
        mode = operation.call.number("mode")
        length = operation.length
        if mode & _FALLOCATE_KEEP_SIZE:
            length = min(length, max(size(self.sizes[file]) - operation.offset, 0))
        if mode & ~_FALLOCATE_KEEP_SIZE == 0:
            self._record(operation, file, "allocate", operation.offset, length)
        elif mode & ~_FALLOCATE_KEEP_SIZE in (_FALLOCATE_PUNCH_HOLE, _FALLOCATE_ZERO_RANGE):
            self._record(operation, file, "zeros", operation.offset, length)
        else:
            raise TraceError(f"fallocate with mode {mode} on {operation.name}: the model does not know this operation")

    def _write(self, operation: Operation, file: int) -> None:
        opening = self._opening(operation) or _Opening(file)
        flags = operation.flags if operation.call.name == "pwritev2" else 0
        positioned = operation.offset >= 0
        offset = operation.offset if positioned else opening.position
        if opening.flags & _O_APPEND or flags & _RWF_APPEND:
            offset = size(self.sizes[file])
        length = operation.length
        if operation.call.result is None:  # it never returned: it may have written everything
            given = operation.call.arguments.get("count", max(self.before.new_length - offset, 0))
            length = given if isinstance(given, int) else 0
        if not positioned:
            opening.position = offset + length
        durable = bool(opening.flags & _O_DSYNC or flags & (_RWF_DSYNC | _RWF_SYNC))
        self._record(operation, file, "write", offset, length, durable=durable)

    # Mappings

    def _map(self, operation: Operation) -> None:
        file, offset = self._file(operation), max(operation.offset, 0)
        whole = [(offset, offset + operation.length)]
        self.mapped.append(_Mapped(file, operation, operation.call.result or 0, operation.length, whole))
        self.mapped_names[operation.name] = file

    def _moved(self, call: Call) -> None:
        """mremap(2): the mapping is somewhere else then, and may be longer."""
        for each in reversed(self.mapped):
            if each.within(call) is not None and call.result is not None:
                end, length = max(each.operation.offset, 0) + each.length, call.number("new_length")
                if length > each.length:
                    each.unsettled.append((end, end + length - each.length))
                each.address, each.length = call.result, length
                return

    def _part(self, call: Call) -> tuple[int, int] | None:
        """The part of a mapped file that an msync or munmap is about; None for all of it."""
        found = (each.within(call) for each in reversed(self.mapped))
        return next((part for part in found if part is not None), None)

    def settle_all(self, until: int | None) -> None:
        """As `settle`, for every mapping."""
        for file in {each.file for each in self.mapped}:
            self.settle(file, until)

    def settle(self, file: int, until: int | None, part: tuple[int, int] | None = None) -> None:
        """What was written through mappings to a part of a file (None: to all of it) counts as one write, for each
        mapping, that ends at ``until`` (None: unknown).
        """
        for mapped in [each for each in self.mapped if each.file == file]:
            rest: list[tuple[int, int]] = []
            for start, end in mapped.unsettled:
                first, last = (start, end) if part is None else (max(start, part[0]), min(end, part[1]))
                if first >= last:
                    rest.append((start, end))
                    continue
                rest += [each for each in ((start, first), (last, end)) if each[0] < each[1]]
                length = min(last, size(self.sizes[file])) - first
                if length > 0:
                    number, begun = mapped.operation.number, mapped.operation.call.begun
                    self._apply(DataChange(number, file, "write", first, length, begun, until, mapped=True))
            mapped.unsettled = rest

    # Promises

    def _sync(self, operation: Operation) -> None:
        call = operation.call
        if operation.kind == "sync-all":
            self.settle_all(call.begun)
            self._promise(operation, "everything", "")
            return
        if operation.kind == "sync-folder" or operation.name == ".":
            self._promise(operation, "names", operation.name)
            return
        by_mapping = call.name in ("msync", "munmap")
        part = self._part(call) if by_mapping else None
        if by_mapping and operation.name in self.mapped_names:
            file = self.mapped_names[operation.name]
        else:
            file = self._file(operation)
        self.settle(file, call.begun, part)
        if operation.kind == "sync" and (part is None or part[0] < part[1]):
            if self.files[file].regular:
                self._promise(operation, "mapping" if by_mapping else "data", file, part)
            else:
                self._promise(operation, "names", operation.name)

    def _promise(
        self,
        operation: Operation,
        scope: Literal["data", "mapping", "size", "names", "everything"],
        of: int | str,
        part: tuple[int, int] | None = None,
    ) -> None:
        call = operation.call
        if call.ended is not None:
            self.promises.append(Promise(operation.number, scope, of, call.begun, call.ended, part))

    # Names

    def _change_names(self, operation: Operation) -> None:
        name, other = operation.name, operation.other_name
        match operation.kind:
            case "unlink" | "remove-folder":
                self._add_change(operation, removes=(name,), files=(self._named(name, operation),))
            case "symlink" | "make-folder":
                self._add_change(operation, sets=((name, self._add(File(name, regular=False))),))
            case "link":
                self._add_change(operation, sets=((other, self._source(operation)),))
            case "exchange":
                here, there = self._source(operation), self._named(other, operation)
                self._add_change(operation, sets=((name, there), (other, here)))
            case _ if not self._is_followed(other):
                self._add_change(operation, removes=(name,), files=(self._named(name, operation),))
            case _:
                file = self._source(operation)
                if self.names.get(other) != file:  # rename(2): nothing happens to two names of one file
                    removes = (name,) if name in self.names else ()
                    self._add_change(operation, removes=removes, sets=((other, file),))

    def _source(self, operation: Operation) -> int:
        """The file that gets a name. A file from a folder that is not followed is one that the trace has not seen."""
        name = operation.name
        if self._is_followed(name) or name in self.deleted or _DESCRIPTOR_PATH.fullmatch(name):
            file = self._named(operation.name, operation)
            if not self.files[file].regular and operation.kind != "link" and self._has_files(operation.name):
                raise TraceError(f"{operation}: the power-loss model does not follow a folder with files to a new name")
            return file
        file = self._add(File(operation.name))
        begun, length = operation.call.begun, self.before.new_length
        self._apply(DataChange(operation.number, file, "write", 0, length, begun, begun))
        return file

    def _is_followed(self, name: str) -> bool:
        """Whether a name lies in the target's folder, or in another one that the trace follows."""
        return not name.startswith("/") or name.rpartition("/")[0] in self.names

    def _has_files(self, folder: str) -> bool:
        return any(name.startswith(f"{folder}/") for name in self.names)

    def _add_change(
        self,
        operation: Operation,
        removes: tuple[str, ...] = (),
        sets: tuple[tuple[str, int], ...] = (),
        files: tuple[int, ...] = (),
    ) -> None:
        call = operation.call
        sets = tuple((name, file) for name, file in sets if self._is_followed(name))
        replaced = [(name, self.names[name]) for name, _ in sets if name in self.names]
        touched = frozenset((*files, *(file for _, file in sets), *(file for _, file in replaced)))
        self.changes.append(NameChange(operation.number, removes, sets, touched, call.begun, call.ended))
        for name, file in (*replaced, *((name, file) for name, file in zip(removes, files, strict=False))):
            self.deleted[f"{name} (deleted)"] = file
        for name in removes:
            self.names.pop(name, None)
        self.names.update(sets)
        target = self.names.get(self.before.target)
        if target is not None and not self.files[target].regular:
            raise TraceError(f"{operation}: the power-loss model does not know a target that is not a regular file")
