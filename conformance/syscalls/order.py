"""What the operations of one successful write show about its order and visibility (clauses VIS-01 … VIS-04, VIS-08)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conformance.syscalls.operations import Operation
from conformance.syscalls.tracer.calls import Call

__all__ = [
    "CHANGING",
    "OF_THE_TEMP",
    "Fault",
    "faults_of_order",
    "faults_of_the_temp",
    "folder_is_new",
    "is_exclusive",
    "is_open_for_writing",
    "on_the_target",
    "published_names",
    "publishing",
    "unseen_origin",
]

_WRITING = 3  # O_WRONLY or O_RDWR
_O_EXCL = 0o200
_COPYING = (0, 1030)  # F_DUPFD and F_DUPFD_CLOEXEC
CHANGING = ("write", "map", "truncate", "allocate")
OF_THE_TEMP = ("VIS-02", "VIS-03", "VIS-04")
"""The clauses that `faults_of_the_temp` is about."""


@dataclass(frozen=True)
class Fault:
    """A clause that the trace contradicts, why, and the operation that shows it (None: one that is missing)."""

    clause: str
    text: str
    operation: int | None


def publishing(operations: Sequence[Operation], target: str) -> list[Operation]:
    """The operations that gave the target's name a new file."""
    return [each for each in operations if each.call.succeeded and _publishes(each, target)]


def published_names(operations: Sequence[Operation], target: str) -> frozenset[str]:
    """The names that the published file had before: its temp's name, or that of an unnamed file."""
    names: set[str] = set()
    for each in (each for each in reversed(operations) if each.call.succeeded):
        if _publishes(each, target) or (each.kind in ("rename", "link") and each.other_name in names):
            names.add(each.other_name if each.name == target else each.name)
    return frozenset(names)


def unseen_origin(operations: Sequence[Operation], target: str) -> str:
    """The path outside of the folder that the published file had before, if nothing shows how it was made there."""
    names = published_names(operations, target)
    made = {each.name for each in operations if each.kind == "create" and each.call.succeeded}
    made |= {each.other_name for each in operations if each.kind in ("rename", "link") and each.call.succeeded}
    unnamed = any(each.kind == "create-unnamed" and each.call.succeeded for each in operations)
    for name in sorted(names - made):
        if name.startswith("/") and not (unnamed and name.endswith(" (deleted)")):
            return name
    return ""


def _publishes(operation: Operation, target: str) -> bool:
    if operation.kind == "exchange":
        return target in (operation.name, operation.other_name)
    return operation.kind in ("rename", "link") and operation.other_name == target


def faults_of_order(operations: Sequence[Operation], target: str, *, existed: bool) -> tuple[Fault, ...]:
    """Everything in a trace that breaks VIS-01, 02, 03, 04 or 08, at most one per clause.

    ``target`` is the target's name in the folder; ``existed`` says whether it was there before.
    """
    published = publishing(operations, target)
    found = [*on_the_target(operations, target, existed)]
    if len(published) != 1:
        last = published[-1].number if published else None
        text = f"one write gave the target's name a new file {len(published)} times"
        if found and not published:
            text = "no complete file was given the target's name: it was written to in place"
        found += [Fault(clause, text, last) for clause in ("VIS-04", "VIS-08")]
    return _first_of_each([*found, *faults_of_the_temp(operations, target)])


def faults_of_the_temp(operations: Sequence[Operation], target: str) -> tuple[Fault, ...]:
    """What of it breaks VIS-02, 03 or 04, at most one per clause: where the published file was made, how, and what
    became of its names. This holds of a write that meets an error, too; it need not publish anything.
    """
    found = [fault for each in publishing(operations, target) for fault in _of_the_temp(operations, each, target)]
    return _first_of_each(found)


def _first_of_each(found: Sequence[Fault]) -> tuple[Fault, ...]:
    return tuple({fault.clause: fault for fault in reversed(found)}.values())


def is_open_for_writing(operations: Sequence[Operation], operation: Operation) -> bool:
    """Whether the descriptor of an operation was opened for writing by the same process, and the file was written to.

    Closing a file that nothing was written to, as a shell does with a descriptor that it has copied, loses nothing.
    """
    earlier = operations[: operation.number]
    flags: dict[int, int] = {}  # of the descriptors
    for each in (each for each in earlier if each.call.process == operation.call.process and each.call.succeeded):
        if each.kind in ("open", "create", "create-unnamed"):
            flags[each.descriptor] = each.flags
        elif _copies_a_descriptor(each.call):
            flags[each.call.result or 0] = flags.get(each.descriptor, 0)
    written = any(each.kind in CHANGING and each.name == operation.name for each in earlier)
    return written and bool(flags.get(operation.descriptor, 0) & _WRITING)


def _copies_a_descriptor(call: Call) -> bool:
    return call.name in ("dup", "dup2", "dup3") or (call.name == "fcntl" and call.number("command") in _COPYING)


def on_the_target(operations: Sequence[Operation], target: str, existed: bool) -> list[Fault]:
    """What was done to the target itself, instead of replacing it (VIS-01; a first document, first empty: VIS-08)."""
    found = []
    for each in operations:
        if not each.call.succeeded:
            continue
        text = _what_it_does_to_the_target(each, target)
        if text is None:
            continue
        if not existed and each.kind in ("open", "create"):
            text = "the first document was written in place, under the target's name"
        if each.kind == "create" and not existed:
            found.append(Fault("VIS-08", f"the target appeared empty: {each}", each.number))
        found.append(Fault("VIS-01", f"{text}: {each}", each.number))
    return found


def _what_it_does_to_the_target(operation: Operation, target: str) -> str | None:
    if operation.name != target:
        return None
    if operation.kind in ("open", "create") and operation.flags & _WRITING:
        return "the target itself was opened for writing"
    if operation.kind in CHANGING:
        return "the target itself was changed"
    if operation.kind in ("unlink", "remove-folder"):
        return "the target was removed"
    return "the target was moved away" if operation.kind == "rename" else None


def _of_the_temp(operations: Sequence[Operation], published: Operation, target: str) -> list[Fault]:
    """What happened to the published file, before and after the replace."""
    temp = published.other_name if published.name == target else published.name
    names = published_names(operations, target) - {target}
    left = {each.name for each in operations[: published.number] if each.kind == "rename" and each.call.succeeded}
    found = []
    for name in (temp, *sorted(names - {temp})):
        unnamed = name.startswith("#") or name.endswith(" (deleted)")
        if "/" in name and not unnamed:
            where = "outside of the target's folder" if name.startswith("/") else "in a sub-folder"
            found.append(Fault("VIS-02", f"the temp was {where}: {name}", published.number))
    for each in operations:
        created = each.kind == "create" and each.name in names and each.call.succeeded
        exclusive = is_exclusive(each) or folder_is_new(operations, each)
        if created and each.number < published.number and not exclusive:
            text = f"the temp was not created exclusively (O_EXCL): {each}"
            found.append(Fault("VIS-03", text, each.number))
        free = (each.name == temp and published.kind == "rename") or (each.name in names & left)
        if _touches(each) and free and each.number > published.number:
            found.append(Fault("VIS-04", f"the temp's name was touched after the replace: {each}", each.number))
    return found


def is_exclusive(created: Operation) -> bool:
    """Whether a file is created only if there is none of its name."""
    return bool(created.flags & _O_EXCL) or created.call.name.startswith("mknod")


def folder_is_new(operations: Sequence[Operation], at: Operation) -> bool:
    """Whether an operation is on a file in a folder that this very write has made: no other file can have its name."""
    folder = at.name.rpartition("/")[0]
    made = (each.name for each in operations[: at.number] if each.kind == "make-folder" and each.call.succeeded)
    return folder in made


def _touches(operation: Operation) -> bool:
    # A failed call counts, too: another writer's file may have the name by then.
    return operation.kind in ("unlink", "create", "open", "chmod", "chown", "rename")
