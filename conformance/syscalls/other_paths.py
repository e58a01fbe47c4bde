"""Writes to targets that are not named by a plain absolute path, traced, faulted and judged as those are (Linux).

A writer that takes another way for one kind of path, such as one without a folder in it, is seen by no case that names
all its targets alike.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from conformance.contract.errors import ImplementationError, Unmeasured
from conformance.oracle.document import STATUSES
from conformance.runner.run import Run
from conformance.runner.working_folder import mirror
from conformance.syscalls.findings import kept_once
from conformance.syscalls.laboratory import SIZE, Laboratory
from conformance.syscalls.order import faults_of_order, published_names, publishing
from conformance.syscalls.points import Point, Scenario, fault_points
from conformance.syscalls.powerloss.model import judge
from conformance.syscalls.recording import Place, Recording, annotated, before_of
from conformance.syscalls.target_state import NEW
from conformance.syscalls.tracer.calls import TraceError
from conformance.syscalls.verdicts import judged, problem
from conformance.system.guarded_path import GuardedPath

__all__ = ["FAULTS", "ORDER", "Broken", "Looked", "by_other_paths"]

ORDER = ("VIS-01", "VIS-02", "VIS-03", "VIS-04", "VIS-08")
FAULTS = ("FLT-01", "FLT-02", "FLT-03")
_SCENARIOS: tuple[Scenario, ...] = ("replace", "first")
_numbers = itertools.count()  # of working folders and their sub-folders


@dataclass(frozen=True)
class Broken:
    """A clause that a write by another path has broken, how, and the annotated trace."""

    clause: str
    text: str
    trace: tuple[str, ...]


@dataclass(frozen=True)
class Looked:
    """The number of writes and of faults, what was broken, and what could not be measured, and why.

    A reason that concerns the faults alone begins with ``FLT``, one that concerns power cuts alone with ``PWR``.
    """

    writes: int
    faults: int
    broken: tuple[Broken, ...]
    unmeasured: tuple[str, ...]


@dataclass(frozen=True)
class _Way:
    """A kind of path: its names in words for an existing target and for a new one, and what makes a place for it."""

    existing: str
    new: str
    laboratory: Laboratory
    place: Callable[[Scenario, int], Place]


def by_other_paths(laboratory: Laboratory) -> Looked:
    """Write by each kind of path, without a fault and with a few. Made once in a run. Raises ImplementationError."""
    found = kept_once(laboratory.run, "other-paths", lambda: dataclasses.asdict(_look(laboratory)))
    broken = tuple(Broken(each["clause"], each["text"], tuple(each["trace"])) for each in found["broken"])
    return Looked(found["writes"], found["faults"], broken, tuple(found["unmeasured"]))


def _look(laboratory: Laboratory) -> Looked:
    writes, faults = 0, 0
    broken: list[Broken] = []
    unmeasured: list[str] = []
    working = GuardedPath(laboratory.run.folder) / "cases" / f"{os.getpid()}-w{next(_numbers)}"
    there = Laboratory(_running_in(working, laboratory.run))
    try:
        for way, scenario in itertools.product(_ways(laboratory, there, working), _SCENARIOS):
            words = way.existing if scenario == "replace" else way.new
            try:
                recording = way.laboratory.record_at(way.place(scenario, SIZE), SIZE, NEW + writes % len(STATUSES))
                writes += 1
                broken += _undisturbed(recording, words)
                if reason := _why_no_power(recording):
                    unmeasured.append(f"PWR {words}: {reason}")
                for point in _few_points(recording):
                    try:
                        broken += _disturbed(way, recording, words, point)
                        faults += 1
                    except TraceError as error:  # its operations differ from write to write
                        unmeasured.append(f"FLT {words}: {error}")
            except Unmeasured as error:
                unmeasured.append(f"{words}: {error}")
            except ImplementationError as error:
                if way.laboratory is laboratory:
                    raise
                unmeasured.append(f"{words}: {error}")
    finally:
        there.stop()
        laboratory.stop()  # what faults have done to a process must not change what later cases find
    return Looked(writes, faults, tuple(broken), tuple(unmeasured))


def _running_in(working: Path, run: Run) -> Run:
    """The run, with programs that are started in a new folder as MET-06 starts them."""
    run.folders.make(working)
    mirror(run.manifest.folder, working)
    return dataclasses.replace(run, working=working)


def _ways(laboratory: Laboratory, there: Laboratory, working: Path) -> Iterator[_Way]:
    """A link at the target itself is a way to it only where it is declared to be followed."""
    mirrored = set(os.listdir(working))

    def beside(place: Place) -> Path:
        folder = place.folder.with_name(f"{place.folder.name}-beside")
        laboratory.run.folders.make(folder)
        return folder

    def behind_a_link(scenario: Scenario, size: int) -> Place:
        place = laboratory.place(scenario, size)
        link = beside(place) / "link.json"
        link.symlink_to(place.target)
        return _by(laboratory, place, str(link), "MET-04 symbolic_link_is_treated_as_declared")

    def in_a_linked_folder(scenario: Scenario, size: int) -> Place:
        place = laboratory.place(scenario, size)
        link = beside(place) / "shortcut"
        link.symlink_to(place.folder)
        return _by(laboratory, place, str(link / place.name), "MET-04 link_in_the_folders_path_is_followed")

    def without_a_folder(scenario: Scenario, size: int) -> Place:
        for name in set(os.listdir(working)) - mirrored:  # what the place before has left is not this one's
            with contextlib.suppress(OSError):
                (working / name).unlink()
        place = there.place(scenario, size, folder=working)
        return _by(there, place, place.name, "MET-06")

    def in_a_sub_folder(scenario: Scenario, size: int) -> Place:
        folder = working / f"sub{next(_numbers)}"
        there.run.folders.make(folder)
        place = there.place(scenario, size, folder=folder)
        return _by(there, place, f"{folder.name}/{place.name}", "MET-06")

    if laboratory.run.manifest.symlink == "follow":
        yield _Way("behind a link", "behind a link that dangles", laboratory, behind_a_link)
    yield _Way("in a linked folder", "in a linked folder, a first write", laboratory, in_a_linked_folder)
    bare = "by a path without a folder"
    yield _Way(bare, f"{bare}, a first write", there, without_a_folder)
    relative = "by a path in the working folder"
    yield _Way(relative, f"{relative}, a first write", there, in_a_sub_folder)


def _by(laboratory: Laboratory, place: Place, path: str, judged_by: str) -> Place:
    laboratory.run.launch_options().hand_over({"path": str(place.target)})
    return dataclasses.replace(place, path=path, judged_by=judged_by)


def _undisturbed(recording: Recording, words: str) -> Iterator[Broken]:
    """What the order of the operations and the power model say of a write without a fault."""
    place, operations = recording.place, recording.operations
    for fault in faults_of_order(operations, place.name, existed=place.before.exists):
        yield Broken(fault.clause, f"{words}: {fault.text}", annotated(operations, fault.operation))
    if _why_no_power(recording):
        return
    judgement = judge(operations, before_of(recording))
    for found in filter(None, (judgement.torn, judgement.lost)):
        yield Broken(found.clause, f"{words}: {found.story}", annotated(operations, found.cut.operation))


def _why_no_power(recording: Recording) -> str:
    """Why the power model cannot judge a write; empty when it can."""
    if recording.not_followed:
        return recording.not_followed
    if not publishing(recording.operations, recording.place.name):
        return "it was no replace that published the document (see VIS-01)"
    return ""


def _few_points(recording: Recording) -> list[Point]:
    """The first error of the replace, and that of the first write: after both there is a temp to remove."""
    operations, name = recording.operations, recording.place.name
    writes = [
        each.number for each in operations if each.kind == "write" and each.name in published_names(operations, name)
    ]
    numbers = {each.number for each in publishing(operations, name)[:1]}.union(writes[:1])
    found: dict[int, Point] = {}
    for point in fault_points(operations, recording.place.scenario, name):
        if point.what == "error" and point.number in numbers:
            found.setdefault(point.number, point)
    return list(found.values())


def _disturbed(way: _Way, recording: Recording, words: str, point: Point) -> Iterator[Broken]:
    visit = way.laboratory.visit(point, recording, place_for=way.place)
    for clause in FAULTS:
        for each in judged(clause, [visit]):
            if text := problem(clause, each):
                yield Broken(clause, f"{words}, {visit.point}: {text}", visit.trace)
