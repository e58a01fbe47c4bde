"""The run after a disturbed one, disturbed in its turn: recovery, sweeps and stale locks run nowhere else.

Most runs after a point make the operations of an undisturbed run, which are visited anyway. The others are courses:
each is visited once, after the first point that led to it.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from conformance.commands.judge.answers import Visited
from conformance.commands.judge.content import Wholeness, without_empty
from conformance.commands.judge.execution import Traced
from conformance.commands.judge.folder import Stage
from conformance.commands.judge.points import Planned, evenly, planned, selected
from conformance.commands.judge.resuming import Again
from conformance.commands.judge.revisits import Way, reach, visit
from conformance.commands.judge.undisturbed import CannotJudge, Observed, observe
from conformance.commands.judge.writes import Written, storing, written
from conformance.syscalls.courses import course_key
from conformance.syscalls.operations import Operation

__all__ = ["Course", "Courses", "deepen", "followed", "story"]


@dataclass(frozen=True)
class Course:
    """A run after a point that makes other operations than an undisturbed one.

    ``after`` is the point and ``story`` says it in words; ``points`` are those of this run.
    """

    after: Planned
    story: str
    run: Traced
    written: Written
    points: tuple[Planned, ...]


class Courses:
    """Collects the courses of the runs after the points, each once. ``undisturbed`` are the runs that are none."""

    def __init__(self, undisturbed: Sequence[Traced], prepared: Mapping[str, int]) -> None:
        self._undisturbed = undisturbed
        self._prepared = frozenset(prepared)
        self._known: dict[str, set[Hashable]] = {}
        self.found: list[Course] = []

    def take(self, visited: Visited) -> None:
        """What came after a point. Where the file was broken already, or that run failed, nothing more is asked."""
        run = visited.resumed.run if visited.resumed else None
        if visited.resumed is None or run is None or visited.resumed.why or run.ended.why_not or visited.broken:
            return
        target = visited.planned.target
        if target not in self._known:
            self._known[target] = {self._key(each, target, {})[0] for each in self._undisturbed}
        key, own = self._key(run, target, visited.leftovers)
        if key in self._known[target]:
            return
        self._known[target].add(key)
        points = tuple(planned(run.ended.operations, own, visited.planned))
        self.found.append(Course(visited.planned, story(visited), run, own, points))

    def _key(self, run: Traced, target: str, leftovers: Mapping[str, str]) -> tuple[Hashable, Written]:
        own = _with_leftovers(written(run.ended.operations, target, run.existing), run.ended.operations, leftovers)
        return course_key(storing(run.ended.operations, own), leftovers, self._prepared), own


def _with_leftovers(own: Written, operations: Sequence[Operation], leftovers: Mapping[str, str]) -> Written:
    """How a run wrote a file, with the leftovers among its temps, whatever name it gave them."""
    names = {name.rstrip("/") for name in leftovers}
    for each in operations:
        if each.kind in ("rename", "link") and each.name in names and each.call.succeeded:
            names.add(each.other_name)
    return dataclasses.replace(own, temps=own.temps | (names - {own.name}))


def story(visited: Visited) -> str:
    """A point in words, such as ``a kill (before rename t → f)`` or ``an error (write t 5 bytes = ENOSPC)``."""
    if visited.planned.point.what == "disk-full":
        return f"a full disk (from {visited.operation} on)"
    if not visited.planned.kills:
        return f"an error ({visited.operation})"
    return f"a kill ({visited.planned.point.phase} {visited.operation})"


def followed(courses: Sequence[Course], glob: str) -> list[Planned]:
    """The points of the courses: all of them, or those that ``--point`` names behind a slash."""
    points = [point for each in courses for point in each.points]
    return selected(points, glob) if "/" in glob else points


def deepen(
    stage: Stage,
    way: Way,
    again: Again,
    courses: Sequence[Course],
    points: Sequence[Planned],
    wholes: Mapping[str, Wholeness],
    *,
    seed: int,
    seconds: float,
    progress: Callable[[int], None] = lambda done: None,
    note: Callable[[str], None] = lambda text: None,
) -> Iterator[Visited]:
    """Visit as many of these points of the courses as fit into a number of seconds, evenly spread.

    Each run starts in the folder that the course's point left, which ``way`` leads to.
    """
    until = time.monotonic() + seconds
    known = {each.after: _Ground(stage, way, again, each, wholes[each.written.name]) for each in courses}
    for done, point in enumerate(evenly(points, seed)):
        if time.monotonic() >= until:
            return
        progress(done)
        assert point.after is not None
        ground = known[point.after]
        visited = ground.visit(point)
        if text := ground.take_note():
            note(text)
        yield visited


class _Ground:
    """Visits the points of one course, and knows what is whole in it."""

    def __init__(self, stage: Stage, way: Way, again: Again, course: Course, whole: Wholeness) -> None:
        self._stage = stage
        self._again = again
        self._course = course
        self._usual = whole
        self._first = way
        operations = course.run.ended.operations
        self._way = Way(
            again.command,
            frozenset(each.name for each in operations),
            way.usual | course.run.after.keys(),
            lambda: reach(stage, way, course.after),
        )
        self._seen: Observed | None = None
        self._whole: Wholeness | None = None
        self._differs = False
        self._note = ""

    def visit(self, point: Planned) -> Visited:
        """One point; not hit where the run differs from time to time."""
        missed = Visited(point, False)
        if self._whole is None and not self._differs:
            self._whole = self._learned()
        if self._whole is None:
            return missed
        # After two errors nothing more is asked: no question is about that.
        goes_on = self._course.after.kills
        visited = visit(self._stage, self._way, point, self._whole, self._again, goes_on=goes_on)
        visited = dataclasses.replace(visited, after=self._course.story)
        if visited.broken and visited.state == "other" and not self._is_constant():
            return missed
        return visited

    def take_note(self) -> str:
        """What is to be said about the course, once."""
        text, self._note = self._note, ""
        return text

    def _learned(self) -> Wholeness | None:
        """What is whole in this run: also what the point before it left, and what this run writes undisturbed."""
        try:
            self._seen = self._observed()
        except CannotJudge:
            self._found_to_differ()
            return None
        name, whole = self._course.written.name, self._usual
        left, final = self._seen.before[name].data, self._seen.final[name].data
        more = without_empty(self._seen.versions(name), always=(left, final))
        known = {each for each in (left, final) if each is not None}
        return dataclasses.replace(
            whole, old=left if whole.old is None else whole.old, known=whole.known | more | known
        )

    def _observed(self) -> Observed:
        return observe(self._stage, self._again.command, [self._course.written], self._course.run, ready=self._ready)

    def _ready(self) -> None:
        if not self._way.ready():
            raise CannotJudge(f"the point {self._course.after.called} was not hit again")

    def _is_constant(self) -> bool:
        """Whether one more undisturbed run brings what the first one brought: else other bytes mean nothing."""
        if self._differs:
            return False
        name = self._course.written.name
        try:
            seen, now = self._seen, self._observed()
            same = seen is not None and seen.versions(name) == now.versions(name)
        except CannotJudge:
            same = False
        if not same:
            self._found_to_differ()
        return same

    def _found_to_differ(self) -> None:
        self._differs = True
        name = self._course.written.name.removeprefix("work/")
        self._note = f"{name}: the run after {self._course.after.called} differs from time to time"
