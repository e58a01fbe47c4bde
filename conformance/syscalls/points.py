"""The points of a write that are visited: every operation with every error that it can return, and every boundary."""

from __future__ import annotations

import dataclasses
import errno
import fnmatch
import itertools
import random
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeVar

from conformance.oracle.call_errors import (
    ERRORS_OF_OPERATION,
    ERRORS_OF_SYSTEM_CALL,
    INTERRUPTED,
    SYSTEM_CALLS,
    UNSUPPORTED,
)
from conformance.syscalls.operations import Kind, Operation
from conformance.syscalls.order import is_open_for_writing, published_names, publishing
from conformance.syscalls.tracer.messages import Phase, Rule

__all__ = [
    "MOST_OPERATIONS",
    "UNLINKING",
    "Point",
    "Scenario",
    "What",
    "boundary_points",
    "brief",
    "brief_faults",
    "call_kind",
    "fault_points",
    "few",
    "filling_points",
    "interrupt_points",
    "large_points",
    "matches",
    "role",
    "selected",
    "termination_points",
    "unsupported_points",
]

_T = TypeVar("_T")
MOST_OPERATIONS = 150
Scenario = Literal["replace", "first"]
_CLEANING = "+clean-up"  # at the end of the name of a point whose clean-up fails, too
What = Literal[
    "error", "error and failing clean-up", "lasting", "short", "disk-full", "EINTR", "interrupt", "terminate", "kill"
]

# The kind of an operation → the key of the errors table; a kind that is not here cannot fail in a way that matters.
_KEYS: dict[Kind, str] = {
    **dict.fromkeys(("open", "create", "create-unnamed"), "open"),
    "write": "write",
    "sync": "fsync",
    "sync-folder": "fsync",
    "sync-all": "fsync",
    "close": "close",
    **dict.fromkeys(("rename", "exchange"), "rename"),
    "link": "link",
    "symlink": "link",
    **dict.fromkeys(("unlink", "remove-folder"), "unlink"),
    "make-folder": "mkdir",
    "stat": "stat",
    "readlink": "readlink",
    "list": "list",
    "chmod": "chmod",
    "attribute": "attribute",
    "chown": "chown",
    "utime": "utime",
    "truncate": "truncate",
    "allocate": "allocate",
    "map": "map",
    "lock": "lock",
}
_COPYING = ("copy_file_range", "sendfile", "splice")
_RENAMING = ("rename", "renameat", "renameat2")
UNLINKING = ("unlink", "unlinkat")
_LOOKING = ("open", "close", "stat", "readlink", "list", "map", "lock")  # keys of calls that store nothing
# Kinds of operations after which the folder holds what it held before.
_CHANGING_NOTHING: tuple[Kind, ...] = (
    *("stat", "readlink", "list", "read", "other", "close"),
    *("sync", "sync-folder", "sync-all", "sync-range"),
)
_MOST_LASTING = 4  # operations at which an error begins to last
_MOST_TERMINATIONS = 8
_MOST_LARGE = 3  # of each kind of operation on a large document
_SHORTENED = ("write", "pwrite64", "copy_file_range", "sendfile", "splice", "writev", "pwritev", "pwritev2")
_FILLING = (*_SHORTENED, "fallocate")  # calls that need room for bytes: on a full disk the others go on


@dataclass(frozen=True)
class Point:
    """One point of a write: what is done at operation ``number``, which must be of ``kind`` and on ``role``."""

    scenario: Scenario
    what: What
    phase: Phase
    number: int
    kind: Kind
    role: str
    key: str = ""  # of the errors table
    error: int = 0
    size: int = 0  # bytes to which a write is shortened
    detail: str = ""  # in the name, of points that differ in nothing else that is named
    of_temp: bool = False  # whether it concerns the file that is published

    @property
    def name(self) -> str:
        """What ``--point`` matches, such as ``replace:4:sync:EIO`` or ``first:6:rename:kill-after``."""
        fault = errno.errorcode[self.error] if self.error else f"{self.what}{self.detail}"
        more = {"error and failing clean-up": _CLEANING, "lasting": "-lasting"}.get(self.what, "")
        phase = f"-{self.phase}" if self.what in ("kill", "interrupt", "terminate") else ""
        return f"{self.scenario}:{self.number}:{self.kind}:{fault}{more}{phase}"

    def rules(self) -> tuple[Rule, ...]:
        """What the tracer is to do."""
        at = self.number
        match self.what:
            case "kill":
                return (Rule("kill", self.phase, at, at),)
            case "interrupt" if self.phase == "before":  # in the middle of the call
                return Rule("fail", "before", at, at, value=errno.EINTR), Rule("interrupt", "before", at, at)
            case "interrupt":
                return (Rule("interrupt", "after", at, at),)
            case "terminate":  # it is held first, which shows that it came so far
                return Rule("hold", "after", at, at), Rule("terminate", "after", at, at)
            case "lasting":
                return (Rule("fail", first=at, calls=_lasting_calls(self.error), value=self.error),)
            case "short":
                return (Rule("shorten", "before", at, at, _SHORTENED, self.size),)
            case "disk-full":
                return (
                    Rule("shorten", "before", at, at, _SHORTENED, self.size),
                    Rule("fail", first=at + 1, calls=_FILLING, value=errno.ENOSPC),
                )
            case "EINTR":
                return (Rule("fail", "before", at, at, value=errno.EINTR),)
        fail = Rule("fail", "before", at, at, value=self.error)
        if self.key == "rename":  # the error persists: a retry must not succeed
            fail = Rule("fail", first=at, calls=_RENAMING, value=self.error)
        if self.what == "error":
            return (fail,)
        cleaning_error = errno.EBUSY if self.error == errno.EROFS else errno.EROFS
        return fail, Rule("fail", first=at + 1, calls=UNLINKING, value=cleaning_error)


def role(name: str, target: str) -> str:
    """Which file a name is: ``target``, ``folder`` or ``other``."""
    return "target" if name == target else "folder" if name == "." else "other"


def call_kind(operation: Operation) -> str:
    """The key of the errors table for an operation, or ``""``. sync(2) has no result and cannot fail."""
    if operation.call.name in _COPYING:
        return "copy"
    return "" if operation.call.name == "sync" else _KEYS.get(operation.kind, "")


def fault_points(operations: Sequence[Operation], scenario: Scenario, target: str, seed: int = 0) -> Iterator[Point]:
    """Each operation with each of its errors, with a failing clean-up, shortened, and interrupted by a signal.

    A first write is visited with the first error of each operation only: the others would repeat what a replace does,
    except those of the operation that publishes, which may be another one, and be followed by another way.
    In a replace some errors also last, from some operations to the end of the write, as SQLite tests it. A close fails
    only where something was written (close(2): it reports what writes have left to do). ``seed`` draws how many bytes a
    shortened write takes.
    """
    temp = published_names(operations, target)
    publish = publishing(operations, target)
    shortened = itertools.count()
    for each in few(operations):
        if each.kind == "close" and not is_open_for_writing(operations, each):
            continue
        at = dataclasses.replace(_at(each, scenario, target), of_temp=each.name in temp or each.kind == "sync-all")
        errors = _errors_of(each) if at.key else ()
        for error in errors if scenario == "replace" or each in publish else errors[:1]:
            yield dataclasses.replace(at, what="error", error=error)
        if errors:
            yield dataclasses.replace(at, what="error and failing clean-up", error=errors[0])
        if each.call.name in _SHORTENED and each.length > 1:
            for size in _few_bytes(each, next(shortened), scenario, seed):
                detail = "" if size == each.length // 2 else f"-{size}"
                yield dataclasses.replace(at, what="short", size=size, detail=detail)
        if at.key and each.call.name in INTERRUPTED:
            yield dataclasses.replace(at, what="EINTR")
    if scenario == "replace":
        yield from _lasting_points(operations, scenario, target, temp)


def filling_points(operations: Sequence[Operation], scenario: Scenario, target: str) -> Iterator[Point]:
    """A disk that fills up in the middle of each write, as a real one does: the write takes half of its bytes, and
    every later one fails, while syncs, closes and renames succeed.
    """
    for each in few(operations):
        if each.call.name in _SHORTENED and each.length > 1:
            yield dataclasses.replace(_at(each, scenario, target), what="disk-full", size=each.length // 2)


def large_points(operations: Sequence[Operation], scenario: Scenario, target: str, seed: int = 0) -> Iterator[Point]:
    """The first error of the first, the last and a middle write, sync and close of the file that is published, and each
    such write shortened: what a writer does to a large document only.
    """
    found: dict[tuple[What, int], Point] = {}
    for point in fault_points(operations, scenario, target, seed):
        if point.of_temp and point.key in ("write", "copy", "fsync", "close") and point.what in ("error", "short"):
            found.setdefault((point.what, point.number), point)
    for what, key in itertools.product(("error", "short"), ("write", "copy", "fsync", "close")):
        yield from _spread([each for each in found.values() if (each.what, each.key) == (what, key)], _MOST_LARGE)


def _errors_of(operation: Operation) -> tuple[int, ...]:
    """What an operation can fail with. A folder that cannot be synced is for PWR-02: see `unsupported_points`."""
    if operation.kind in ERRORS_OF_OPERATION:
        return ERRORS_OF_OPERATION[operation.kind]
    name = operation.call.name
    unsupported = () if operation.kind == "sync-folder" else UNSUPPORTED.get(name, ())
    return (*ERRORS_OF_SYSTEM_CALL.get(name, ()), *unsupported)


def _few_bytes(operation: Operation, number: int, scenario: Scenario, seed: int) -> list[int]:
    """How many bytes a write takes: half of them, one, an odd number that is drawn, and all but one.

    The first write of a replace takes each in turn; of the others, each takes one of these.
    """
    length = operation.length
    drawn = random.Random(f"{seed} {operation.number} {length}").randrange(1, length, 2)
    sizes = (length // 2, 1, drawn, length - 1)
    return list(dict.fromkeys(sizes)) if scenario == "replace" and number == 0 else [sizes[number % len(sizes)]]


def _lasting_points(
    operations: Sequence[Operation], scenario: Scenario, target: str, temp: Container[str]
) -> Iterator[Point]:
    """A disk that stays broken, full or read-only from an operation on."""
    for error in (errno.EIO, errno.ENOSPC, errno.EROFS):
        storing = [each for each in operations if call_kind(each) and each.call.name in _lasting_calls(error)]
        for each in _spread(storing, _MOST_LASTING):
            of_temp = each.name in temp or each.kind == "sync-all"
            yield dataclasses.replace(_at(each, scenario, target), what="lasting", error=error, of_temp=of_temp)


@cache
def _lasting_calls(error: int) -> tuple[str, ...]:
    """The system calls that store something and can fail with this error; after EIO files can still be removed."""
    keys = (*_LOOKING, "unlink") if error == errno.EIO else _LOOKING
    looking = {name for key in keys for name in SYSTEM_CALLS[key]}
    return tuple(
        sorted(name for name, errors in ERRORS_OF_SYSTEM_CALL.items() if error in errors and name not in looking)
    )


def unsupported_points(operations: Sequence[Operation], scenario: Scenario, target: str) -> Iterator[Point]:
    """Each sync of the folder with the errors of a file system that cannot do it (fsync(2); PWR-02)."""
    for each in operations:
        if each.kind == "sync-folder":
            for error in (errno.EINVAL, errno.ENOTSUP):
                yield dataclasses.replace(_at(each, scenario, target), what="error", error=error)


def interrupt_points(operations: Sequence[Operation], target: str) -> Iterator[Point]:
    """SIGINT after each operation, and in the middle of those that a signal interrupts."""
    for each in few(operations):
        at = _at(each, "replace", target)
        if at.key and each.call.name in INTERRUPTED and each.kind != "close":
            yield dataclasses.replace(at, what="interrupt", phase="before")
        yield dataclasses.replace(at, what="interrupt", phase="after")


def termination_points(operations: Sequence[Operation], target: str) -> Iterator[Point]:
    """SIGTERM after some operations, evenly spaced; a handler tends to be there at all of them or at none."""
    for each in _spread(operations, _MOST_TERMINATIONS):
        yield dataclasses.replace(_at(each, "replace", target), what="terminate", phase="after")


def boundary_points(operations: Sequence[Operation], scenario: Scenario, target: str) -> Iterator[Point]:
    """SIGKILL at each boundary: before the first operation and after each.

    Also before one that another thread makes, that began before the previous one had ended, or that does not follow the
    previous point: only there it is not the boundary after the previous operation.
    """
    previous = None
    for each in few(operations):
        if previous is None or not _follows(each, previous):
            yield dataclasses.replace(_at(each, scenario, target), what="kill", phase="before")
        yield dataclasses.replace(_at(each, scenario, target), what="kill", phase="after")
        previous = each


def _follows(operation: Operation, previous: Operation) -> bool:
    ended = previous.call.ended
    same_thread = operation.call.thread == previous.call.thread
    return (
        same_thread and operation.number == previous.number + 1 and ended is not None and ended < operation.call.begun
    )


def brief(points: Sequence[Point]) -> tuple[Point, ...]:
    """Of boundaries only those at which a process that ends there leaves something else behind: the first, and each
    after an operation that changes files. Of interrupts also those in the middle of a call.
    """
    return tuple(
        point for index, point in enumerate(points) if not index or point.phase == "before" or _may_change(point)
    )


def brief_faults(points: Iterable[Point]) -> tuple[Point, ...]:
    """Of faults only the first error of each operation, what happens without an error, and each lasting error once."""
    found: dict[object, Point] = {}
    for point in points:
        found.setdefault((point.what, point.error if point.what == "lasting" else point.number), point)
    return tuple(found.values())


def _may_change(point: Point) -> bool:
    if point.kind == "open":  # of a file it may be with O_TRUNC
        return point.role != "folder"
    return point.kind not in _CHANGING_NOTHING


def selected(points: Iterable[Point], glob: str) -> tuple[Point, ...]:
    """The points whose names match, and the plain error of each of them that makes the clean-up fail, too: FLT-08
    compares the two.
    """
    points = tuple(points)
    matching = {point.name for point in points if matches(point.name, glob)}
    return tuple(point for point in points if not matching.isdisjoint((point.name, f"{point.name}{_CLEANING}")))


def matches(name: str, glob: str) -> bool:
    """Whether ``--point`` selects the point of this name."""
    return fnmatch.fnmatchcase(name, glob)


def _at(operation: Operation, scenario: Scenario, target: str) -> Point:
    return Point(
        scenario,
        "error",
        "before",
        operation.number,
        operation.kind,
        role(operation.name, target),
        call_kind(operation),
    )


def _spread(all_of_them: Sequence[_T], most: int) -> list[_T]:
    """At most so many of them: the first, the last, and some between."""
    if len(all_of_them) <= most:
        return list(all_of_them)
    return [all_of_them[round(number * (len(all_of_them) - 1) / (most - 1))] for number in range(most)]


def few(operations: Sequence[Operation]) -> tuple[Operation, ...]:
    """All operations; of very many (one byte per write, say) the first, the last and some between, evenly spaced."""
    if len(operations) <= MOST_OPERATIONS:
        return tuple(operations)
    third = MOST_OPERATIONS // 3
    between = operations[third:-third]
    return (*operations[:third], *between[:: -(-len(between) // third)], *operations[-third:])
