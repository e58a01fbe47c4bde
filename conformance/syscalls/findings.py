"""What the visits of one run found, computed once and kept in the run's notes: several clauses judge the same visits.

The first worker that needs a set of findings makes it; the others wait.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from conformance.contract.errors import ImplementationError, Unmeasured, Violation
from conformance.oracle.document import shown
from conformance.oracle.faults import Injection
from conformance.oracle.observer import observing
from conformance.oracle.snapshot import snapshot
from conformance.runner.offered_points import keep_point_names
from conformance.runner.room import require_room
from conformance.runner.run import Run
from conformance.syscalls.absent import no_point
from conformance.syscalls.aim import anchor_of
from conformance.syscalls.laboratory import LARGE, SIZE, SMALL, Laboratory, NotHit
from conformance.syscalls.order import faults_of_the_temp
from conformance.syscalls.points import (
    MOST_OPERATIONS,
    Point,
    Scenario,
    boundary_points,
    brief,
    brief_faults,
    fault_points,
    few,
    interrupt_points,
    large_points,
    selected,
    termination_points,
    unsupported_points,
)
from conformance.syscalls.recording import Place, annotated
from conformance.syscalls.target_state import OLD
from conformance.syscalls.tracer.calls import TraceError
from conformance.syscalls.tracer.messages import Anchor, Rule
from conformance.syscalls.tracer.session import Boundary, Outcome
from conformance.syscalls.verdicts import problem
from conformance.syscalls.visit import Visit

__all__ = [
    "Series",
    "Slow",
    "broken_without_a_fault",
    "kept_once",
    "kill_series",
    "require_hit",
    "slow_motion",
    "visit_of",
    "visits",
]

_ENOUGH_BROKEN = 3
_READS = 3  # at each boundary
_MANY_KILLS = 20  # that show what there is to see, whatever the machine
_PAUSE = 0.0002  # seconds between the polling reader's reads, so that it leaves time for the kills
_QUICK: Mapping[str, Callable[[Sequence[Point]], tuple[Point, ...]]] = {
    "faults": brief_faults,
    "interrupts": brief,
    "kills": brief,
}


@dataclasses.dataclass(frozen=True)
class Slow:
    """Slow motion: what readers saw while the writer stood at each boundary of one write."""

    boundaries: int
    reads: int
    wrong: str  # the first forbidden read, in words; empty: none
    at: int | None  # the operation at which it happened
    trace: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Series:
    """A series of kills in one folder, with a reader that polls."""

    kills: int
    points: int
    reads: int
    temps_left: int
    refused: str  # the first write between two kills that failed, in words; empty: none
    wrong: str  # the forbidden state that the reader saw, in words; empty: none


def visits(laboratory: Laboratory, family: str, scenario: Scenario) -> tuple[Visit, ...]:
    """The visits of one family: ``faults``, ``large``, ``interrupts``, ``terminations``, ``unsupported`` or ``kills``.

    Raises Unmeasured when there are none, or none is selected.
    """

    def make() -> dict[str, Any]:
        size = LARGE if family == "large" else SMALL if (family, scenario) == ("faults", "first") else SIZE
        recording = laboratory.record(scenario, size)
        target = recording.place.target.name
        match family:
            case "faults":
                points: Iterable[Point] = fault_points(recording.operations, scenario, target, laboratory.run.seed)
            case "large":
                points = large_points(recording.operations, scenario, target, laboratory.run.seed)
            case "interrupts":
                points = interrupt_points(recording.operations, target)
            case "terminations":
                points = termination_points(recording.operations, target)
            case "unsupported":
                points = unsupported_points(recording.operations, scenario, target)
            case _:
                points = boundary_points(recording.operations, scenario, target)
        found: list[Visit] = []
        taken = tuple(points)
        if laboratory.run.quick and family in _QUICK:
            taken = _QUICK[family](taken)
        missed: list[str] = []
        for point in _selected(laboratory.run, f"{family}-{scenario}", taken):
            try:
                found.append(laboratory.visit(point, recording, size))
            except NotHit as error:
                missed.append(str(error))
                continue
            if family == "kills" and sum(_breaks(visit) for visit in found) == _ENOUGH_BROKEN:
                break  # a writer that waits for a dead writer's leftovers takes long at every point
            if family == "terminations" and _is_enough(found):
                break
        laboratory.stop()  # what faults have done to a process must not change what later cases find
        usual = sorted({each.clause for each in faults_of_the_temp(recording.operations, target)})
        made = [dataclasses.asdict(visit) for visit in found]
        return {"points": len(taken), "visits": made, "missed": missed, "usual": usual}

    kept = kept_once(laboratory.run, f"{family}-{scenario}", make)
    found = tuple(visit_of(values) for values in kept["visits"])
    if not found:
        if kept["missed"]:
            raise NotHit(kept["missed"][0])
        raise Unmeasured(no_point(family, laboratory.run.point, kept["points"]))
    return found


def require_hit(run: Run, family: str, scenario: Scenario) -> None:
    """Raise Unmeasured when a point of these visits was never hit: the others say nothing of it."""
    missed = run.notes.once(f"{family}-{scenario}", dict)["found"]["missed"]
    if missed:
        more = f"; {len(missed) - 1} more were not hit either" if missed[1:] else ""
        raise Unmeasured(f"the operations differ from write to write: {missed[0]}{more}")


def broken_without_a_fault(run: Run, family: str, scenario: Scenario) -> frozenset[str]:
    """The clauses that the order of the usual write breaks: visits of this family say nothing more of them."""
    return frozenset(run.notes.once(f"{family}-{scenario}", dict)["found"]["usual"])


def _is_enough(terminations: list[Visit]) -> bool:
    """A hang takes as long as the budget; and where nothing handles SIGTERM it is one more SIGKILL."""
    if terminations[-1].injection.answer == "hang":
        return True
    return len(terminations) >= _ENOUGH_BROKEN and not any(
        each.caught or each.lost or each.discarded for each in terminations
    )


def _selected(run: Run, name: str, points: Iterable[Point]) -> tuple[Point, ...]:
    points = tuple(points)
    keep_point_names(run, name, (point.name for point in points))
    return selected(points, run.point)


def _breaks(visit: Visit) -> bool:
    return any(problem(clause, visit) for clause in ("KIL-01", "KIL-02"))


def visit_of(values: dict[str, Any]) -> Visit:
    """A visit that was kept as JSON."""
    injection = Injection(**{**values["injection"], "left": tuple(values["injection"]["left"])})
    traces = {name: tuple(values[name]) for name in ("trace", "next_trace")}
    return Visit(**{**values, "injection": injection, **traces})


def kept_once(run: Run, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What ``make`` finds, made once in a run. Raises Unmeasured, and ImplementationError if ``make`` raised it."""
    if sys.platform == "win32":
        raise Unmeasured("the syscall engine needs Linux")

    def made() -> dict[str, Any]:
        try:
            return {"found": make()}
        except ImplementationError as error:
            return {"error": f"{error}{''.join(f' ({note})' for note in getattr(error, '__notes__', ()))}"}

    found = run.notes.once(name, made)
    if "error" in found:
        raise ImplementationError(found["error"])
    kept: dict[str, Any] = found["found"]
    return kept


def slow_motion(laboratory: Laboratory, scenario: Scenario, size: int) -> Slow:
    """Hold one write before and after each of its operations, and read the target several times there."""
    numbers = [each.number for each in few(laboratory.record(scenario, size).operations)]
    place = laboratory.place(scenario, size)
    wrong: list[tuple[str, int]] = []
    counts = {"boundaries": 0, "reads": 0}
    seen_new = False

    def look(boundary: Boundary) -> None:
        nonlocal seen_new
        counts["boundaries"] += 1
        for _ in range(_READS):
            counts["reads"] += 1
            state = place.state()
            if state not in ("old", "new") or (seen_new and state != "new"):
                data = snapshot(place.target).data if state in ("torn", "other") else None
                what = f"a reader saw {_words(state)} {boundary.phase} operation {boundary.number} ({boundary.name})"
                wrong.append((f"{what}: {shown(data)}" if data else what, boundary.number))
            seen_new = seen_new or state == "new"

    rules = tuple(Rule("hold", phase, first, last) for first, last in _ranges(numbers) for phase in ("before", "after"))
    outcome = laboratory.request(place, rules, size=size, at_boundary=look)
    if outcome.end is not None:
        raise outcome.end
    if outcome.answer is None or not outcome.answer.ok:
        raise Unmeasured("a write that is held at each of its operations does not succeed")
    at = wrong[0][1] if wrong else None
    trace = annotated(laboratory.operations(place, outcome.report), at)
    return Slow(counts["boundaries"], counts["reads"], wrong[0][0] if wrong else "", at, trace)


def _ranges(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Sorted numbers → the ranges that they fill. The last range is open: another write may have more operations."""
    first = last = numbers[0]
    for number in numbers[1:]:
        if number != last + 1:
            yield first, last
            first = number
        last = number
    yield first, last + MOST_OPERATIONS


def _words(state: str) -> str:
    words = {
        "missing": "no file",
        "torn": "torn bytes, not a whole document",
        "unreadable": "a file that cannot be read",
        "old": "the old document after the new one",
        "other": "a document that is neither the old nor the new one",
    }
    return words.get(state, f"{state}, and no file")


def kill_series(laboratory: Laboratory) -> Series:
    """Kill many writes in one folder, each at the next boundary, while a reader polls; then write once."""

    return Series(**kept_once(laboratory.run, "kill-series", lambda: dataclasses.asdict(_kill_series(laboratory))))


def _kill_series(laboratory: Laboratory) -> Series:
    glob, count = laboratory.run.point, laboratory.run.kills
    recording = laboratory.record("replace")
    boundaries = tuple(boundary_points(recording.operations, "replace", recording.place.target.name))
    if laboratory.run.quick:
        boundaries = brief(boundaries)
    points = _selected(laboratory.run, "kill-series", boundaries)
    if not points:
        raise Unmeasured(f"no boundary matches --point {glob}")
    place = laboratory.place("replace")
    kills, refused = 0, ""
    with observing(place.target, (0, OLD), _PAUSE) as observation:
        # More writes than kills: where threads take turns, a write may miss its point, and of few kills a reader on a
        # busy machine may have seen too little.
        for number, point in enumerate(itertools.islice(itertools.cycle(points), 2 * count)):
            whole, cut = (0, 2 * number + 2), (0, 2 * number + 3)
            observation.timed_write(whole, lambda: laboratory.publish(place, whole[1]).ok)  # noqa: B023  # at once
            if observation.writes[-1].end == math.inf:
                require_room(laboratory.run.folder)
                refused = (
                    f"after {kills} kills, the last {points[(number - 1) % len(points)].name}, a write was refused"
                )
                break
            outcomes: list[Outcome] = []
            anchor = anchor_of(point.number, recording.operations)
            observation.timed_write(cut, lambda: _killed(laboratory, place, point, anchor, cut[1], outcomes))  # noqa: B023
            killed = any(fired.action == "kill" for fired in outcomes[0].report.fired)
            kills += killed
            if not killed and observation.writes[-1].end == math.inf:
                refused = f"after {kills} kills a write was refused: {_refusal(outcomes[0])}"
                break
            if kills >= count and (kills >= _MANY_KILLS or observation.enough()):
                break
        observation.timed_write((0, 0), lambda: laboratory.publish(place, 0).ok)
    if kills < count and not refused:
        raise TraceError(f"only {kills} of {count} kills fired in {2 * count} writes")
    wrong = ""
    try:
        observation.require_whole()
        observation.require_linearizable()
        if not refused:
            observation.require_enough()
    except Violation as violation:
        wrong = str(violation)
    left = len(set(os.listdir(place.folder)) - place.listing)
    return Series(kills, len(points), observation.read_count, left, refused, wrong)


def _refusal(outcome: Outcome) -> str:
    return f"{outcome.answer.error}: {outcome.answer.message}" if outcome.answer else str(outcome.end)


def _killed(
    laboratory: Laboratory, place: Place, point: Point, anchor: Anchor, sequence: int, outcomes: list[Outcome]
) -> bool:
    outcome = laboratory.request(place, point.rules(), sequence=sequence, anchor=anchor)
    outcomes.append(outcome)
    return outcome.answer is not None and outcome.answer.ok
