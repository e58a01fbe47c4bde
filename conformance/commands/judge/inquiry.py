"""From a command to answers: the runs in their order. What they mean is decided in `judge.answers`."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from conformance.commands.judge.answers import (
    Answer,
    Visited,
    of_attributes,
    of_errors,
    of_kills,
    of_power,
    of_readers,
    of_temps,
)
from conformance.commands.judge.content import Wholeness, without_empty
from conformance.commands.judge.depth import Course, Courses, deepen, followed
from conformance.commands.judge.execution import Command, Traced
from conformance.commands.judge.folder import Stage
from conformance.commands.judge.formats import guessed_kind, validator
from conformance.commands.judge.points import Planned, led_to, planned, selected
from conformance.commands.judge.resuming import Again, of_resuming, undisturbed_again
from conformance.commands.judge.revisits import Way, reach, revisit
from conformance.commands.judge.sources import sources_of
from conformance.commands.judge.undisturbed import (
    CannotJudge,
    Observed,
    attributes_of,
    link_survives,
    observe,
    trace,
    unusual,
)
from conformance.commands.judge.writes import Written
from conformance.syscalls.operations import Operation

__all__ = ["MOST_TARGETS", "Inquiry", "Judged", "Wish"]

MOST_TARGETS = 10  # that are judged without being named
_LEAST_SECONDS, _TIMES = 10.0, 20  # how long a disturbed run may take, at least, and how often an undisturbed one


@dataclass(frozen=True)
class Wish:
    """What was asked for: the targets by their names in the stage (none: all), what is whole, and how much to try."""

    targets: tuple[str, ...] = ()
    kind: str = ""  # in words, of what ``valid`` takes
    valid: Callable[[bytes], bool] | None = None
    seed: int = 0
    budget: float = 60.0  # seconds
    point: str = "*"
    depth: int = 1  # 2: also the run after each disturbed one
    resume: tuple[str, ...] = ()  # what runs after a kill; none: the same command
    result: str = ""  # the file or command that shows the result


@dataclass(frozen=True)
class Judged:
    """One file with its answers, or why it is not judged. ``whole`` says what counts as whole, in words."""

    name: str
    words: str
    answers: tuple[Answer, ...] = ()
    why_not: str = ""
    whole: str = ""
    named: bool = True


class Inquiry:
    """One command in one stage. `first` answers from undisturbed runs, `rest` from runs that are killed or fail."""

    def __init__(self, stage: Stage, command: Command, wish: Wish) -> None:
        self.stage = stage
        self.command = command
        self.wish = wish
        self.notes: list[str] = []
        self.points = 0
        self.tried = 0
        self.courses: list[Course] = []
        self.deeper_points = 0
        self.deeper_tried = 0
        self._traced: Traced | None = None
        self._targets: list[Written] = []
        self._wholes: dict[str, Wholeness] = {}
        self._usual: frozenset[str] = frozenset()
        self._stable_names = True
        self._way = Way(command, frozenset(), frozenset(), self._reset)

    @property
    def traced(self) -> Traced:
        """The first run."""
        assert self._traced is not None
        return self._traced

    def first(self) -> list[Judged]:
        """The files, with the answers of the undisturbed runs. Raises CannotJudge, Unmeasured, TraceError."""
        self._traced = trace(self.stage, self.command)
        files, aside = self._chosen(self._traced.files())
        if not files:
            return aside
        seen = observe(self.stage, self.command, files, self.traced)
        again, why_not = self._with_attributes(files)
        self._usual = frozenset(seen.after | (again.after if again else frozenset()) | self.traced.after.keys())
        self._stable_names = again is None or seen.after == again.after
        judged: list[Judged] = []
        answered: dict[str, tuple[Answer, ...]] = {}
        for each in files:
            try:
                whole = self._whole(each, seen, again)
            except CannotJudge as error:
                judged.append(Judged(each.name, each.in_words(), why_not=str(error)))
                continue
            self._targets.append(each)
            self._wholes[each.name] = whole
            answered[each.name] = self._first_answers(each, whole, seen, again, why_not)
            judged.append(Judged(each.name, each.in_words(), whole=whole.kind))
        answered = self._with_sources(answered, seen.ended.operations)
        return [*(dataclasses.replace(each, answers=answered.get(each.name, ())) for each in judged), *aside]

    def rest(self, progress: Callable[[int, int], None] = lambda done, of: None) -> dict[str, tuple[Answer, ...]]:
        """The answers that need disturbed runs, by file. Raises Unmeasured, TraceError."""
        operations = self.traced.ended.operations
        everything = [point for each in self._targets for point in planned(operations, each)]
        points = selected(everything, self.wish.point)
        first = led_to(everything, self.wish.point) if self.wish.depth > 1 else points
        self.points = len(points)
        seconds = min(self.command.seconds, max(_LEAST_SECONDS, _TIMES * self.traced.ended.seconds))
        command = dataclasses.replace(self.command, seconds=seconds)
        names = frozenset(each.name for each in operations)
        self._way = Way(command, names, self._usual, self._reset)
        again = self._again(command, first)
        until = time.monotonic() + self.wish.budget
        visited = self._disturbed(first, again, progress)
        self.tried = len({each.planned for each in visited}.intersection(points))
        deeper = followed(self.courses, self.wish.point)
        self.deeper_points = len(deeper)
        if again is not None and deeper:
            visited += deepen(
                self.stage,
                self._way,
                again,
                self.courses,
                deeper,
                self._wholes,
                seed=self.wish.seed,
                seconds=until - time.monotonic(),
                progress=lambda done: progress(done, len(deeper)),
                note=self.notes.append,
            )
        points = [*points, *deeper]
        wanted = frozenset(points)
        visited = self._without_chance([each for each in visited if each.planned in wanted])
        self.deeper_tried = len([each for each in visited if each.planned.after])
        answered = {each.name: self._last_answers(each, points, visited, again) for each in self._targets}
        return self._with_sources(answered, operations)

    # Which files

    def _chosen(self, files: Sequence[Written]) -> tuple[list[Written], list[Judged]]:
        """The files to judge, and those that are listed only, each with the reason."""
        wanted = self.wish.targets
        new = [each for each in files if not each.existed and (each.name in wanted if wanted else True)]
        rewritten = [each for each in files if _is_rewritten(each)]
        if new and (wanted or not rewritten):
            files = self._a_second_time(files, new)
        if wanted:
            found = {each.name: each for each in files}
            missing = [
                Judged(name, "", why_not="the command did not write it, or it is gone at the end")
                for name in wanted
                if name not in found
            ]
            return [found[name] for name in wanted if name in found], missing
        chosen = [each for each in files if _is_rewritten(each)] or [each for each in files if each.how != "appended"]
        aside = [
            Judged(each.name, each.in_words(), why_not=_why_aside(each), named=False)
            for each in files
            if each not in chosen[:MOST_TARGETS]
        ]
        return chosen[:MOST_TARGETS], aside

    def _a_second_time(self, files: Sequence[Written], new: Sequence[Written]) -> Sequence[Written]:
        """A file that the command has just made for the first time is judged when it makes it once more."""
        first = self.traced
        self.stage.keep()
        try:
            second = trace(self.stage, self.command)
            again = second.files()
            if second.ended.status == first.ended.status and {each.name for each in new} <= {e.name for e in again}:
                self._traced = second
                names = ", ".join(each.name.removeprefix("work/") for each in new)
                self.notes.append(f"{names}: made by a first run, and judged when the command ran again in its folder")
                return again
        except CannotJudge:
            pass
        self.stage.put_back()
        return files

    def _with_sources(
        self, answered: Mapping[str, tuple[Answer, ...]], operations: Sequence[Operation]
    ) -> dict[str, tuple[Answer, ...]]:
        """The answers with what made the operations that they name, from one more run; of a next run each from one."""
        answers = [(name, answer) for name, of_one in answered.items() for answer in of_one if answer.number >= 0]
        numbers = {each.number for _, each in answers if not each.of_next_run}
        found = sources_of(self.stage, self.command, operations, numbers) if numbers else {}
        sources = {(name, each): found.get(each.number, "") for name, each in answers if not each.of_next_run}
        courses = {(course.written.name, point.called): course for course in self.courses for point in course.points}
        for name, each in answers:
            if each.of_next_run:
                sources[name, each] = self._source_of_next(courses[name, each.point], each.number)
        return {
            name: tuple(dataclasses.replace(each, source=sources.get((name, each), "")) for each in of_one)
            for name, of_one in answered.items()
        }

    def _source_of_next(self, course: Course, number: int) -> str:
        again = self.wish.resume or self.command.words
        command = dataclasses.replace(self._way.command, words=again)
        operations = course.run.ended.operations
        found = sources_of(
            self.stage, command, operations, [number], lambda: reach(self.stage, self._way, course.after)
        )
        return found.get(number, "")

    # Undisturbed

    def _with_attributes(self, files: Sequence[Written]) -> tuple[Observed | None, str]:
        """A second observed run, whose files have an unusual mode and owner."""
        try:
            return observe(self.stage, self.command, files, self.traced, unusual), ""
        except CannotJudge as error:
            return None, f"with an unusual mode and owner: {error}"

    def _whole(self, each: Written, seen: Observed, again: Observed | None) -> Wholeness:
        """What is whole for a file. Raises CannotJudge when nothing can say so."""
        runs = [seen, *([again] if again else [])]
        finals = [run.final[each.name].data for run in runs]
        last = finals[0]
        if last is None or None in finals:
            raise CannotJudge("at the end of the run it is no regular file")
        old = seen.before[each.name].data
        versions = [run.versions(each.name) for run in runs]
        everything = [content for of_run in versions for content in of_run] + [one for one in finals if one is not None]
        known = without_empty(everything, always=(old, *finals))
        kind = guessed_kind(each.name, last)
        valid = self.wish.valid or (validator(kind) if kind else None)
        if self.wish.valid is not None and not self.wish.valid(last):
            raise CannotJudge(f"--valid {self.wish.kind} does not take what an undisturbed run left")
        if kind == "sqlite" and self.wish.valid is None:
            raise CannotJudge("an SQLite database: its library restores it from its journal; see --valid")
        if len(set(finals)) > 1 or len(set(versions)) > 1:
            if valid is None:
                raise CannotJudge(
                    "its bytes differ from run to run, and are of no format that is known here; say with --valid what "
                    "is whole"
                )
            return Wholeness(old, known, f"old bytes, or valid {self.wish.kind or kind}", valid)
        beside = f", or valid {self.wish.kind or kind}" if valid else ""
        return Wholeness(old, known, f"old bytes, those of an undisturbed run{beside}", valid)

    def _first_answers(
        self, each: Written, whole: Wholeness, seen: Observed, again: Observed | None, why_not: str
    ) -> tuple[Answer, ...]:
        versions = seen.versions(each.name)
        length = len(versions[0]) if versions else None
        attributes = attributes_of(again, each.name, each.existed, why_not)
        if each.existed:
            kept, link_why_not = link_survives(self.stage, self.command, each.name, self.traced)
            attributes = dataclasses.replace(attributes, link_kept=kept, link_why_not=link_why_not)
        else:
            attributes = dataclasses.replace(attributes, link_why_not="it did not exist before")
        return (
            of_readers(seen.changes[each.name], len(seen.looks), seen.ended.operations, each, whole),
            of_power(seen.ended.operations, each, self.traced.existing, length),
            of_attributes(attributes),
        )

    # Disturbed

    def _reset(self) -> bool:
        self.stage.reset()
        return True

    def _disturbed(
        self, points: Sequence[Planned], again: Again | None, progress: Callable[[int, int], None]
    ) -> list[Visited]:
        """The visits of these points. Where the next run is to be disturbed, too, half of the time is left for that."""
        deep = self.wish.depth > 1 and again is not None and again.second is not None
        undisturbed = [self.traced, *([again.second] if again is not None and again.second is not None else [])]
        courses = Courses(undisturbed, self.traced.existing)
        found: list[Visited] = []
        for each in revisit(
            self.stage,
            self._way,
            points,
            self._wholes,
            again,
            seed=self.wish.seed,
            seconds=self.wish.budget / 2 if deep else self.wish.budget,
            goes_on=deep,
            progress=lambda done: progress(done, len(points)),
        ):
            if deep:
                courses.take(each)
            # A trace for each point would be much to keep.
            found.append(each.without_trace())
        self.courses = courses.found
        return found

    def _without_chance(self, visited: list[Visited]) -> list[Visited]:
        """Without findings of another content, if an undisturbed run of now has another content as well."""
        first = [each for each in visited if each.broken and each.state == "other" and each.planned.after is None]
        doubtful = {each.planned.target for each in first}
        if not doubtful:
            return visited
        control = observe(
            self.stage, self.command, [each for each in self._targets if each.name in doubtful], self.traced
        )
        changed = {
            name for name in doubtful if self._wholes[name].is_broken(self._wholes[name].state(control.final[name]))
        }
        for name in sorted(changed):
            self.notes.append(f"{name.removeprefix('work/')}: its bytes differ from run to run: see --valid")
        return [
            dataclasses.replace(each, hit=False) if each in first and each.planned.target in changed else each
            for each in visited
        ]

    def _again(self, command: Command, points: Sequence[Planned]) -> Again | None:
        """What runs after a kill; None where no kill is to be tried."""
        if not self.wish.budget or not any(point.kills or self.wish.depth > 1 for point in points):
            return None
        then = dataclasses.replace(command, words=self.wish.resume) if self.wish.resume else None
        return undisturbed_again(self.stage, command, then, self.traced, self._targets, self.wish.result)

    def _last_answers(
        self, each: Written, points: Sequence[Planned], visited: Sequence[Visited], again: Again | None
    ) -> tuple[Answer, ...]:
        mine = [point for point in points if point.target == each.name]
        first = [point for point in mine if point.after is None]
        deep = [point for point in mine if point.after] if self.wish.depth > 1 else None
        kills = sum(point.kills for point in first)
        errors = len(first) - kills
        next_kills = None if deep is None else sum(point.kills for point in deep)
        next_errors = None if deep is None else sum(not point.kills for point in deep)
        after_kills = None if deep is None else sum(point.kills_at_all for point in deep)
        temps = of_temps(each.name, visited, errors, next_errors)
        if not self._stable_names:
            text = "each run leaves files of other names, with or without an error"
            temps = Answer("temps", "not measured", text)
        return (
            of_kills(each.name, visited, kills, next_kills),
            of_resuming(each.name, visited, kills, again, after_kills),
            of_errors(each.name, visited, errors, next_errors),
            temps,
        )


def _is_rewritten(each: Written) -> bool:
    return each.how != "appended" and (each.existed or each.times > 1)


def _why_aside(each: Written) -> str:
    if each.how == "appended":
        return "it is only appended to"
    if not _is_rewritten(each):
        return "it is new, and written once; name it with --target"
    return f"more than {MOST_TARGETS} files are rewritten; name it with --target"
