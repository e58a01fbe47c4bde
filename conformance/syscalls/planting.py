"""Puts another program's file at a name of the temp while a write is held, and looks at what became of the file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from conformance.contract.errors import ImplementationError
from conformance.syscalls.laboratory import Laboratory
from conformance.syscalls.operations import Kind, Operation, relative_name
from conformance.syscalls.order import (
    faults_of_the_temp,
    folder_is_new,
    is_exclusive,
    published_names,
    publishing,
)
from conformance.syscalls.points import UNLINKING, Point, fault_points, role
from conformance.syscalls.recording import Place, Recording, annotated
from conformance.syscalls.tracer.calls import TraceError
from conformance.syscalls.tracer.messages import Phase, Rule
from conformance.syscalls.tracer.session import Boundary
from conformance.system.guarded_path import GuardedPath

__all__ = [
    "Planted",
    "after_the_removal",
    "after_the_replace",
    "at_the_new_name",
    "behind_a_link",
    "failing",
    "naming",
    "reopening",
    "replacing",
]

_STRANGERS = b"another program's file\n"
_TRIES = 8
_WRITING = 3  # O_WRONLY or O_RDWR
_FAILING: tuple[Kind, ...] = ("write", "sync", "close", "rename", "link")  # after these there is a temp to remove


@dataclass(frozen=True)
class Planted:
    """What became of another program's file; ``trace`` is the annotated trace.

    ``of_the_temp`` has the faults of the write's own file then, by clause, in words.
    """

    fate: Literal["kept", "removed", "changed"]
    trace: tuple[str, ...]
    of_the_temp: Mapping[str, str] = field(default_factory=dict)


def naming(operations: Sequence[Operation], target: str) -> list[Operation]:
    """The operations that make a temp under a name that another program's file could have, and would not take over."""
    temps = published_names(operations, target)
    return [
        each
        for each in operations
        if each.call.succeeded
        and not folder_is_new(operations, each)
        and (
            (each.kind == "create" and each.name in temps and is_exclusive(each))
            or (each.kind == "link" and each.other_name in temps)
        )
    ]


def reopening(operations: Sequence[Operation], target: str) -> list[Operation]:
    """The operations that open the temp for writing by its name, or truncate it, after it was made."""
    temps = published_names(operations, target)
    return [
        each
        for each in operations
        if each.call.succeeded and each.name in temps and not each.name.startswith("/") and _writes_by_name(each)
    ]


def _writes_by_name(operation: Operation) -> bool:
    return (operation.kind == "open" and bool(operation.flags & _WRITING)) or operation.call.name == "truncate"


def replacing(operations: Sequence[Operation], target: str) -> list[Operation]:
    """The renames that publish, and leave the temp's name free for others."""
    found = (each for each in publishing(operations, target) if each.kind == "rename")
    return [each for each in found if not folder_is_new(operations, each)]


def failing(operations: Sequence[Operation], target: str) -> list[Point]:
    """The first fault of each kind of operation on the temp after which a writer may have to remove it."""
    faults = fault_points(operations, "replace", target)
    found: dict[Kind, Point] = {}
    for point in faults:
        if point.what == "error" and point.of_temp and point.kind in _FAILING:
            found.setdefault(point.kind, point)
    return list(found.values())


def at_the_new_name(laboratory: Laboratory, at: Operation) -> Planted:
    """The file is there right before the temp is made (VIS-09). ``at`` is one of `naming`."""

    def put(boundary: Boundary, place: Place) -> Path | None:
        return _made(GuardedPath(boundary.other_path if at.kind == "link" else boundary.path))

    return _write_beside(laboratory, at, "before", put)


def after_the_replace(laboratory: Laboratory, at: Operation) -> Planted:
    """The file is there right after the rename (VIS-04). ``at`` is one of `replacing`."""
    return _write_beside(laboratory, at, "after", lambda boundary, place: _made(GuardedPath(boundary.path)))


def after_the_removal(laboratory: Laboratory, point: Point, recording: Recording) -> Planted | None:
    """The file is there right after a write that failed at one of `failing` has removed its temp (VIS-03).

    None for a write that removes none, or ends there. What has the same name in every write is no temp.
    """
    same = {each.name for each in recording.operations}
    place = laboratory.place("replace")
    files: list[Path] = []

    def put(held: Boundary) -> None:
        if not files and relative_name(held.path, str(place.folder)) not in same:
            files.extend(filter(None, [_made(GuardedPath(held.path))]))

    hold = Rule("hold", "after", first=point.number + 1, calls=UNLINKING)
    try:
        outcome = laboratory.request(place, (*point.rules(), hold), at_boundary=put)
        if not files or outcome.end is not None:
            return None
        return Planted(_fate(files[0]), annotated(laboratory.operations(place, outcome.report), point.number))
    finally:
        for file in files:
            file.unlink(missing_ok=True)
        laboratory.run.folders.remove(place.folder)


def behind_a_link(laboratory: Laboratory, at: Operation) -> Planted:
    """A link to the file takes the temp's place right before the temp is opened again (VIS-10).

    ``at`` is one of `reopening`. The folder lets every user write to it.
    """

    def put(boundary: Boundary, place: Place) -> Path | None:
        place.folder.chmod(0o777)
        temp, file = GuardedPath(boundary.path), place.folder / "others" / "file"
        file.parent.mkdir()
        try:
            temp.rename(file.with_name("temp"))
        except FileNotFoundError:
            return None
        temp.symlink_to(file)
        return _made(file)

    return _write_beside(laboratory, at, "before", put)


def _made(path: Path) -> Path | None:
    try:
        with path.open("xb") as file:
            file.write(_STRANGERS)
    except (FileExistsError, FileNotFoundError):
        return None
    return path


def _write_beside(
    laboratory: Laboratory, at: Operation, phase: Phase, put: Callable[[Boundary, Place], Path | None]
) -> Planted:
    """Write until the intended operation was held and the file put there. Raises ImplementationError, TraceError."""
    for _ in range(_TRIES):
        place = laboratory.place("replace")
        files: list[Path | None] = []
        rule = Rule("hold", phase, at.number, at.number)
        try:
            outcome = laboratory.request(place, (rule,), at_boundary=lambda held: files.append(put(held, place)))  # noqa: B023  # at once
            if outcome.end is not None:
                raise ImplementationError(f"met another program's file at the temp's name and {outcome.end}")
            operations = laboratory.operations(place, outcome.report)
            hit = operations[at.number] if at.number < len(operations) else None
            if files and files[0] and hit and (hit.kind, role(hit.name, "")) == (at.kind, role(at.name, "")):
                wrong = {each.clause: each.text for each in faults_of_the_temp(operations, place.name)}
                return Planted(_fate(files[0]), annotated(operations, at.number), wrong)
        finally:
            for file in files:
                if file and file.parent != place.folder:
                    file.unlink(missing_ok=True)
            laboratory.run.folders.remove(place.folder)
    raise TraceError(f"another program's file could not be put there {phase} {at} in {_TRIES} tries")


def _fate(file: Path) -> Literal["kept", "removed", "changed"]:
    if not os.path.lexists(file):
        return "removed"
    return "kept" if file.is_file() and not file.is_symlink() and file.read_bytes() == _STRANGERS else "changed"
