"""How a traced process rewrites a file, operation by operation. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from conformance.syscalls.operations import Concern, Operation, follow_names, operation_of
from conformance.syscalls.tracer.calls import Call, TraceError

__all__ = ["How", "OperationLog", "Rewrite"]

How = Literal["replaced", "in place", "appended", "written"]  # the last: appended or in place, which is not known

_MOST_STEPS = 16  # of one rewrite
_MOST_FILES = 1_000  # that may become the target
_MOST_PATTERNS = 20
_WRITING, _O_TRUNC, _O_APPEND, _O_SYNC = 3, 0o1000, 0o2000, 0o10000  # _O_SYNC: O_DSYNC, which O_SYNC includes
_CHANGING = ("write", "truncate", "allocate", "map")
_OPENING = ("open", "create", "create-unnamed")
_ATTRIBUTES = ("chmod", "chown", "attribute")


@dataclass(frozen=True)
class Rewrite:
    """One kind of rewrite: ``steps`` in words, and whether the new file's bytes were synced before it got the name.

    ``synced`` is None where that is not known: the bytes were written before the watch, or by a process that is not
    traced; and where no new file got the name.
    """

    how: How
    steps: tuple[str, ...]
    synced: bool | None = None

    def __str__(self) -> str:
        return ", ".join(self.steps)


@dataclass
class _File:
    """What was done to one file since it was made or opened for writing."""

    steps: list[str] = field(default_factory=list)
    changed: bool = False
    unsynced: bool = False
    in_place: bool = False
    unclear: bool = False  # written through a descriptor that was open before the watch: it may append
    known: bool = False  # whether it was seen from its first byte on

    def note(self, step: str) -> None:
        again = f"{step} several times"
        if self.steps and self.steps[-1] in (step, again):
            self.steps[-1] = again
        elif len(self.steps) < _MOST_STEPS:
            self.steps.append(step)
        elif self.steps[-1] != "…":
            self.steps.append("…")


def _held(operation: Operation) -> tuple[int, int]:
    return operation.call.process, operation.descriptor


class OperationLog:
    """Counts the rewrites of one file, of which ``name`` is the name in ``folder``; feed it calls with `take`.

    ``existing`` are the names in the folder before the first call. ``unknown`` counts calls that it cannot follow, by
    their names.
    """

    def __init__(self, folder: str, name: str, existing: Iterable[str] = ()) -> None:
        self.name = name
        self.rewrites: Counter[Rewrite] = Counter()
        self.processes: Counter[int] = Counter()
        self.unknown: Counter[str] = Counter()
        self._folder = folder
        self._concern = Concern(folder)
        self._names = set(existing)
        self._files: dict[str, _File] = {}
        self._flags: dict[tuple[int, int], int] = {}  # of the descriptors that were opened for writing
        self._gone: list[str] = []  # what was done to the name before a new file got it
        self._last: tuple[How, list[str], bool | None] | None = None  # a rewrite whose folder may yet be synced

    def take(self, call: Call) -> None:
        """Follow one more call."""
        if self._concern.concerns(call.process, call.name, call.arguments):
            try:
                operation = operation_of(call, 0, self._concern, self._names)
            except TraceError:
                self.unknown[call.name] += 1
                return
            if call.succeeded:
                follow_names(operation, self._names)
                self._do(operation)
        self._concern.follow(call)

    def end(self) -> None:
        """No more calls come."""
        self._settle(self.name)
        self._count_last()

    def by_how(self) -> Mapping[How, int]:
        """How often the file was rewritten in each way."""
        found: Counter[How] = Counter()
        for rewrite, times in self.rewrites.items():
            found[rewrite.how] += times
        return found

    # One operation

    def _do(self, operation: Operation) -> None:
        kind, name = operation.kind, operation.name
        if kind in _OPENING:
            if operation.flags & _WRITING:
                self._open(operation)
        elif kind == "sync-all":
            for each in self._files.values():
                self._sync(each, "sync everything")
            self._after("sync everything")
        elif kind == "sync-folder" and name == ".":
            self._after("sync folder")
        elif kind in ("rename", "link", "exchange"):
            self._name(operation)
        elif kind == "unlink":
            self._unlink(name)
        elif name in self._files or (kind in _CHANGING and name == self.name):
            self._change(self._file(name), operation)
        elif kind == "sync" and name == self.name:
            self._after("sync")
        if kind == "close":
            self._flags.pop(_held(operation), None)

    def _open(self, operation: Operation) -> None:
        name = operation.name
        if name == self.name:
            self._settle(name)
            self._count_last()
        file = self._file(name)
        made = operation.kind != "open"
        emptied = not made and bool(operation.flags & _O_TRUNC)
        word = "create" if made else "open and empty" if emptied else "open"
        if made or emptied:
            file.known, file.changed = True, True
        file.in_place = file.in_place or (name == self.name and (made or emptied))
        file.unsynced = file.unsynced or (emptied and not operation.flags & _O_SYNC)
        file.note(f"{word} {self._called(name)}")
        self._flags[_held(operation)] = operation.flags

    def _change(self, file: _File, operation: Operation) -> None:
        kind = operation.kind
        if kind in _CHANGING:
            self.processes[operation.call.process] += 1
            file.changed = True
            self._write(file, operation)
        elif kind == "sync":
            self._sync(file, "sync")
        elif kind in _ATTRIBUTES:
            file.note(kind)
        elif kind == "close":
            file.note("close")
            if operation.name == self.name:
                self._settle(operation.name)

    def _write(self, file: _File, operation: Operation) -> None:
        flags = self._flags.get(_held(operation))
        plain = operation.kind == "write" and operation.offset < 0
        if not plain or (flags is not None and not flags & _O_APPEND):
            file.in_place = file.in_place or operation.kind != "allocate"
        elif flags is None:
            file.unclear = True
        synced = operation.kind == "write" and bool((flags or 0) & _O_SYNC)
        file.unsynced = file.unsynced or not synced
        file.note("write, synced" if synced else operation.kind)

    def _sync(self, file: _File, step: str) -> None:
        file.unsynced = False
        file.note(step)

    def _name(self, operation: Operation) -> None:
        old, new = operation.name, operation.other_name
        if operation.kind == "exchange" and old == self.name:
            old, new = new, old
        self.processes[operation.call.process] += self.name in (old, new)
        if new == self.name and old != self.name:
            self._settle(new)
            self._count_last()
            file = self._files.pop(old, None) if operation.kind != "link" else self._files.get(old)
            steps = [*self._gone, *(file.steps if file else ()), f"{operation.kind} {self._called(old)} → {self.name}"]
            self._gone = []
            self._last = ("replaced", steps, not file.unsynced if file and file.known else None)
        elif old == self.name:
            self._settle(old)
            self._gone.append(f"{operation.kind} {self.name} → {self._called(new)}")
        elif old in self._files and operation.kind == "rename":
            self._files[new] = self._files.pop(old)
            self._files[new].note("rename")

    def _unlink(self, name: str) -> None:
        if name == self.name:
            self._settle(name)
            self._count_last()
            self._gone.append(f"unlink {name}")
        elif name in self._files:
            del self._files[name]

    # What belongs together

    def _file(self, name: str) -> _File:
        if name not in self._files and len(self._files) >= _MOST_FILES:
            del self._files[next(iter(self._files))]
        return self._files.setdefault(name, _File())

    def _called(self, name: str) -> str:
        """How a step calls a file: temps have other names each time."""
        return name if name == self.name else "temp"

    def _settle(self, name: str) -> None:
        """What was done to the file itself is one rewrite, if its bytes were changed."""
        file = self._files.pop(name, None)
        if file is not None and file.changed:
            self._count_last()
            in_place = file.in_place or bool(self._gone)
            how: How = "in place" if in_place else "written" if file.unclear else "appended"
            self._count(Rewrite(how, (*self._gone, *file.steps)))
            self._gone = []

    def _after(self, step: str) -> None:
        if self._last is not None and self._last[1][-1] != step:
            self._last[1].append(step)

    def _count_last(self) -> None:
        if self._last is not None:
            how, steps, synced = self._last
            self._last = None
            self._count(Rewrite(how, tuple(steps), synced))

    def _count(self, rewrite: Rewrite) -> None:
        if rewrite not in self.rewrites and len(self.rewrites) >= _MOST_PATTERNS:
            rewrite = Rewrite(rewrite.how, ("in other ways",), rewrite.synced)
        self.rewrites[rewrite] += 1
