"""The write of a new process after a kill, killed and made to fail in its turn (``--depth 2``).

The killed write is that of the old document once more: whatever it left, the target is the old document, unless the
kill broke it. Where the next write makes other operations than that of any new process, it is a course of its own, and
each of its operations is visited, after the first kill that led to it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from conformance.contract.errors import ImplementationError, NotApplicable, Unmeasured
from conformance.oracle.access import access_of
from conformance.oracle.snapshot import snapshot
from conformance.runner.offered_points import keep_point_names
from conformance.runner.run import Run
from conformance.syscalls.aim import Aim, anchor_of
from conformance.syscalls.courses import course_key
from conformance.syscalls.findings import kept_once, visit_of
from conformance.syscalls.laboratory import SIZE, Laboratory, NotHit
from conformance.syscalls.points import Point, boundary_points, brief, brief_faults, fault_points, matches
from conformance.syscalls.recording import Place, Recording, as_it_is
from conformance.syscalls.target_state import OLD, state_of
from conformance.syscalls.verdicts import problem
from conformance.syscalls.visit import Visit

__all__ = ["Course", "courses", "name_after", "next_visits", "require_next_hit"]

_NAME = "next-writes"
_TRIES = 8
_ENOUGH_BROKEN = 3


@dataclasses.dataclass(frozen=True)
class Course:
    """A write after a kill that is unlike those of other new processes: the kill, and what it did undisturbed."""

    after: Point
    recording: Recording


def name_after(first: Point, point: Point) -> str:
    """What ``--point`` matches, such as ``replace:4:rename:kill-before/3:unlink:kill-after``."""
    return f"{first.name}/{point.name.partition(':')[2]}"


def next_visits(laboratory: Laboratory) -> tuple[Visit, ...]:
    """The visits of all courses: kills, and the first error of each operation.

    Raises NotApplicable where there is no course, Unmeasured where ``--point`` selects nothing.
    """
    kept = kept_once(laboratory.run, _NAME, lambda: _made(laboratory))
    found = tuple(visit_of(values) for values in kept["visits"])
    if not kept["kills"]:
        raise Unmeasured(f"--point {laboratory.run.point} matches no kill of this write")
    if not kept["courses"]:
        raise NotApplicable("after a kill, a write makes the operations of any other write")
    if not found and kept["missed"]:
        raise NotHit(kept["missed"][0])
    if not found:
        raise Unmeasured(f"--point {laboratory.run.point} matches no point of a write after a kill")
    return found


def require_next_hit(run: Run) -> None:
    """Raise Unmeasured when a point of these visits was never hit: the others say nothing of it."""
    missed = run.notes.once(_NAME, dict)["found"]["missed"]
    if missed:
        more = f"; {len(missed) - 1} more were not hit either" if missed[1:] else ""
        raise Unmeasured(f"the operations differ from write to write: {missed[0]}{more}")


def _made(laboratory: Laboratory) -> dict[str, Any]:
    glob = laboratory.run.point
    visits: list[Visit] = []
    missed: list[str] = []
    kills = _kills(laboratory)
    found = courses(laboratory, kills)
    keep_point_names(
        laboratory.run, _NAME, (name_after(each.after, point) for each in found for point in _points(each))
    )
    usual = laboratory.record("replace")
    for course in found:
        # A writer that waits for a dead writer's leftovers takes long at every point.
        broken = 0
        for point in _points(course):
            name = name_after(course.after, point)
            if not matches(name, glob) or (point.what == "kill" and broken == _ENOUGH_BROKEN):
                continue
            try:
                visit = laboratory.visit(
                    point,
                    course.recording,
                    SIZE,
                    lambda scenario, size: killed_at(laboratory, course.after, usual),  # noqa: B023  # at once
                )
            except NotHit as error:
                missed.append(f"{name}: {error}")
                continue
            # Recovery may publish what a dead writer had finished: another file with the old bytes is no harm.
            injection = dataclasses.replace(visit.injection, touched=False)
            visits.append(dataclasses.replace(visit, point=name, injection=injection))
            broken += point.what == "kill" and any(problem(clause, visit) for clause in ("KIL-01", "KIL-02"))
            laboratory.stop()
    laboratory.stop()
    return {
        "kills": len(kills),
        "courses": [each.after.name for each in found],
        "visits": [dataclasses.asdict(visit) for visit in visits],
        "missed": missed,
    }


def _points(course: Course) -> Iterator[Point]:
    operations, target = course.recording.operations, course.recording.place.name
    yield from boundary_points(operations, "replace", target)
    yield from brief_faults(point for point in fault_points(operations, "replace", target) if point.what == "error")


def _kills(laboratory: Laboratory) -> list[Point]:
    """The kills at the boundaries at which files have changed: all, or those that ``--point`` names before a slash."""
    usual = laboratory.record("replace")
    points = brief(tuple(boundary_points(usual.operations, "replace", usual.place.name)))
    keep_point_names(laboratory.run, f"{_NAME}-kills", (point.name for point in points))
    first, slash, _ = laboratory.run.point.partition("/")
    return [point for point in points if not slash or matches(point.name, first)]


def courses(laboratory: Laboratory, kills: Sequence[Point]) -> list[Course]:
    """The courses after these kills; each once."""
    usual = laboratory.record("replace")
    place = laboratory.place("replace")
    laboratory.stop()
    known: set[Hashable] = {_key(laboratory.record_at(as_it_was_left(laboratory, place)), {})}
    found: list[Course] = []
    for point in kills:
        place = killed_at(laboratory, point, usual)
        if place.state() != "old":
            continue  # a finding of its own (KIL-01)
        leftovers = _leftovers(place)
        try:
            recording = laboratory.record_at(place)
        except (ImplementationError, Unmeasured):
            laboratory.stop()
            continue  # a finding of its own (KIL-02)
        key = _key(recording, leftovers)
        if key not in known:
            known.add(key)
            found.append(Course(point, recording))
    return found


def killed_at(laboratory: Laboratory, point: Point, usual: Recording) -> Place:
    """A place where a write of the old document was killed at a point, with a new process. Raises NotHit."""
    aim = Aim(point, usual.place.name, usual.operations, _TRIES)
    for _ in range(_TRIES):
        place = laboratory.place("replace")
        anchor = anchor_of(point.number, usual.operations)
        outcome = laboratory.request(place, point.rules(), sequence=OLD, anchor=anchor)
        fired = [each.number for each in outcome.report.fired if each.action == "kill"]
        operations = laboratory.operations(place, outcome.report)
        if fired and fired[0] < len(operations) and aim.hits(operations[fired[0]]):
            return as_it_was_left(laboratory, place)
        laboratory.run.folders.remove(place.folder)
    raise NotHit(f"{point.name}: the intended operation was not hit in {_TRIES} tries")


def as_it_was_left(laboratory: Laboratory, place: Place) -> Place:
    """The place with what is in its folder now, for the next process."""
    laboratory.stop()
    before = snapshot(place.target)
    opened = laboratory.traced.open_files(str(place.folder))
    return dataclasses.replace(
        as_it_is(place), before=before, open_files=opened, access=access_of(place.target) if before.exists else None
    )


def _key(recording: Recording, leftovers: Mapping[str, str]) -> Hashable:
    """What a write did, and what it found. What it only read says nothing."""
    done = [each for each in recording.operations if each.kind not in ("read", "other")]
    return course_key(done, leftovers, {recording.place.name, "."})


def _leftovers(place: Place) -> dict[str, str]:
    """What a kill has left beside the target, and in which state; a lock file and the like is some other bytes."""
    lengths = dict(place.lengths)
    names = place.listing - {place.name}
    return {name: state_of(place.folder / name) if lengths.get(name) else "empty" for name in names}
