"""Visits the points of a write with a running implementation: record, inject, look, and write once more."""

from __future__ import annotations

import itertools
import os
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from conformance.contract.errors import ImplementationError, NoAnswer, Unmeasured
from conformance.oracle.access import access_of
from conformance.oracle.faults import Injection, State
from conformance.oracle.payload import make_status
from conformance.oracle.snapshot import snapshot
from conformance.runner.recorded_writes import keep_write
from conformance.runner.requests import publish_request
from conformance.runner.room import require_room
from conformance.runner.run import Run
from conformance.subject.client import Implementation, ServeImplementation
from conformance.subject.protocol import Answer
from conformance.syscalls.aftermath import Aftermath, Judgements
from conformance.syscalls.aim import Aim
from conformance.syscalls.operations import Operation, operations_of
from conformance.syscalls.order import faults_of_the_temp, is_open_for_writing, on_the_target, unseen_origin
from conformance.syscalls.points import UNLINKING, Point, Scenario, role
from conformance.syscalls.recording import Place, Recording, annotated, as_it_is, case_about
from conformance.syscalls.target_state import NEW, NEXT, OLD, sequence_at
from conformance.syscalls.tracer.calls import TraceError
from conformance.syscalls.tracer.messages import Anchor, Plan, Report, Rule
from conformance.syscalls.tracer.session import Boundary, Outcome, Traced, start_traced
from conformance.syscalls.traces import (
    answer_in_words,
    closed_again,
    died_of_it,
    made_elsewhere,
    only_linked,
    synced_again,
)
from conformance.syscalls.undisturbed import described
from conformance.syscalls.visit import Visit, hung
from conformance.system.guarded_path import GuardedPath
from conformance.system.patience import Patience

__all__ = ["Laboratory", "NotHit"]

SIZE = 8192  # bytes of the documents
SMALL = 130  # bytes of a usual status: a buffered writer writes it only when it flushes or closes
LARGE = 300_000  # bytes: several pieces for a writer that writes in pieces, the last of them not a whole one
# Of the old document. No usual umask leaves it to a new file: a writer that keeps the mode has to set it, and setting
# it is one more operation that can fail.
_MODE = 0o604
_TRIES = 8
_TRIES_TO_FOLLOW = 3
_SIGNALS = ("interrupt", "terminate")


class NotHit(TraceError):
    """The operation of a point did not come again."""


@dataclass(frozen=True)
class _Miss:
    """A try that did not hit its point: the write's operations, and what was hit instead, in words."""

    operations: tuple[Operation, ...]
    instead: str


class Laboratory:
    """Visits points. It keeps one implementation under the tracer, and starts another when that one has ended."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._numbers = itertools.count()
        self._traced: Traced | None = None
        self._elsewhere: tuple[str, ...] = ()
        self._drawn: dict[tuple[str, int], Recording] = {}
        self._judgements = Judgements()
        self._patience = Patience()

    @property
    def traced(self) -> Traced:
        """The running implementation. Raises ImplementationError, and Unmeasured where tracing is not allowed."""
        if self._traced is None or not self._traced.usable:
            self.stop()
            self._traced = start_traced(self.run)
        return self._traced

    def stop(self) -> None:
        """End the implementation."""
        if self._traced is not None:
            self._traced.kill()
            self._traced = None

    def ask(
        self, target: Path | str, sequence: int, size: int = SIZE, seconds: float | None = None
    ) -> Callable[[Implementation], Answer]:
        """A request to publish a document; a server must answer within ``seconds``, None being its usual limit."""
        operation, fields = publish_request(self.run.manifest.profile, target, make_status(0, sequence, size))

        def request(implementation: Implementation) -> Answer:
            if isinstance(implementation, ServeImplementation):
                return implementation.receive(implementation.send(operation, **fields), seconds)
            return implementation.request(operation, **fields)

        return request

    def place(self, scenario: Scenario, size: int = SIZE, name: str = Place.name, folder: Path | None = None) -> Place:
        """A fresh folder, or this one; in scenario ``replace`` the implementation itself has written the old document.

        Raises Unmeasured when that write fails: other clauses judge that; Inconclusive where there is no room.
        """
        require_room(self.run.folder)
        if folder is None:
            folder = GuardedPath(self.run.folder) / "cases" / f"{os.getpid()}-t{next(self._numbers)}"
            self.run.folders.make(folder)
        target, judged_by = folder / name, case_about(name, large=size > SIZE)
        traced = self.traced
        if scenario == "replace":
            answer = self.ask(target, OLD, size)(traced.implementation)
            if not answer.ok:
                raise Unmeasured(f"a write without any fault was answered {answer.error} (see {judged_by})")
            if target.is_file():
                target.chmod(_MODE)
        names = frozenset(os.listdir(folder))
        lengths = tuple((each, os.lstat(folder / each).st_size) for each in sorted(names))
        others = tuple(f"{path}/" for path in self._elsewhere)
        listing, lengths = names.union(others), (*lengths, *((each, 0) for each in others))
        opened = traced.open_files(str(folder))
        found = snapshot(target)
        access = access_of(target) if found.exists else None
        return Place(scenario, folder, found, listing, lengths, opened, self._elsewhere, name, access, "", judged_by)

    def publish(self, place: Place, sequence: int) -> Answer:
        """One write at full speed, without a plan."""
        return self.ask(place.target, sequence)(self.traced.implementation)

    def request(
        self,
        place: Place,
        rules: tuple[Rule, ...],
        *,
        sequence: int = NEW,
        size: int = SIZE,
        anchor: Anchor | None = None,
        seconds: float | None = None,
        at_boundary: Callable[[Boundary], None] | None = None,
        at_answer: Callable[[], None] = lambda: None,
    ) -> Outcome:
        """One traced write of a document to the target of a place.

        ``at_answer`` is called when the answer has come, before any parked thread goes on.
        """
        plan = Plan(str(place.folder), rules, place.elsewhere, anchor)
        ask = self.ask(place.asked, sequence, size, seconds)

        def ask_and_look(implementation: Implementation) -> Answer:
            answer = ask(implementation)
            at_answer()
            return answer

        outcome = self.traced.request(plan, ask_and_look, at_boundary)
        self.run.folders.require_kept()
        return outcome

    def operations(self, place: Place, report: Report) -> tuple[Operation, ...]:
        """The operations of a report. Raises TraceError."""
        return operations_of(report.calls, str(place.folder), place.listing, place.elsewhere)

    def record(self, scenario: Scenario, size: int = SIZE) -> Recording:
        """A write without any fault. Raises Unmeasured when it fails.

        A file that came from another folder was made there: that folder is followed from then on, and so is its parent
        if the folder was another one the next time.
        """
        recording = self._record(scenario, size)
        for _ in range(_TRIES_TO_FOLLOW):
            if not recording.unseen:
                break
            origin = os.path.dirname(recording.unseen)
            known = [os.path.commonpath((origin, folder)) for folder in self._elsewhere]
            nearest = max(known, key=len, default="/")
            self._elsewhere = (*self._elsewhere, origin if nearest == "/" else nearest)
            recording = self._record(scenario, size)
        if size == SIZE:
            keep_write(self.run, scenario, described(recording.operations, recording.place.target.name))
        return recording

    def record_drawn(self, name: str, size: int, sequence: int) -> Recording:
        """A replace without any fault of a target with this name, by a document of this size, recorded once.

        Raises as `record`.
        """
        if (name, size) not in self._drawn:
            self._drawn[name, size] = self.record_at(self.place("replace", size, name), size, sequence)
        return self._drawn[name, size]

    def _record(self, scenario: Scenario, size: int) -> Recording:
        return self.record_at(self.place(scenario, size), size)

    def record_at(self, place: Place, size: int = SIZE, sequence: int = NEW) -> Recording:
        """As `record`, at a fresh place, by the document of this number; folders elsewhere are not followed."""
        outcome = self.request(place, (), sequence=sequence, size=size)
        if outcome.end is not None:
            raise outcome.end
        if outcome.answer is None or not outcome.answer.ok:
            raise Unmeasured(f"a write without any fault does not succeed (see {place.judged_by})")
        if sequence_at(place.target) != sequence:
            what = "a write without any fault was answered ok, but its document is not there"
            raise Unmeasured(f"{what} (see {place.judged_by})")
        operations = self.operations(place, outcome.report)
        if not operations:
            raise TraceError("a write succeeded, but no operation on the target's folder was seen")
        kept = frozenset(os.listdir(place.folder)) - {place.name}
        still_open = self._patience.until_gone(lambda: self._still_open(place))
        return Recording(
            place,
            operations,
            kept | made_elsewhere(operations),
            len(still_open),
            unseen_origin(operations, place.name),
        )

    def visit(
        self,
        point: Point,
        recording: Recording | None = None,
        size: int = SIZE,
        place_for: Callable[[Scenario, int], Place] | None = None,
    ) -> Visit:
        """Write once with what the point asks for, and examine everything afterwards.

        The ``recording`` says where the point is, and what a write without any fault leaves; ``place_for`` makes other
        places than `place` does. Raises NotHit: several tries are made, as threads that take turns may change the
        order, and a writer may make other operations.
        """
        seen: list[str] = []
        missed: list[tuple[Operation, ...]] = []
        aim = (
            Aim(point, recording.place.name, recording.operations, _TRIES)
            if recording
            else Aim(point, Place.name, (), _TRIES)
        )
        for anchor in aim.anchors(missed):
            place = (place_for or self.place)(point.scenario, size)
            try:
                found = self._try(aim, anchor, place, recording, size)
            finally:
                if os.path.isabs(place.asked):  # else it is the program's working folder
                    self.run.folders.remove(place.folder)
            if isinstance(found, Visit):
                damaged = not found.injection.next_write.startswith("ok") or found.next_torn or found.next_lost
                if damaged or point.what in _SIGNALS:
                    self.stop()  # lasting damage, or an end still to come, must not affect the next visit
                return found
            seen.append(found.instead)
            missed.append(found.operations)
        raise NotHit(
            f"{point.name}: the intended operation was not hit in {_TRIES} tries; hit instead: {Counter(seen)}"
        )

    def _try(
        self, aim: Aim, anchor: Anchor | None, place: Place, recording: Recording | None, size: int
    ) -> Visit | _Miss:
        point = aim.point
        kept = recording.kept if recording else frozenset()
        states: list[State] = []
        hold = () if point.what in ("kill", *_SIGNALS) else (Rule("hold", "before", point.number, point.number),)
        seconds = self.run.answer_seconds if point.what == "terminate" else None
        try:
            look = lambda boundary: states.append(place.state())  # noqa: E731  # one of two short arguments
            outcome = self.request(
                place, (*hold, *point.rules()), size=size, anchor=anchor, seconds=seconds, at_boundary=look
            )
        except ImplementationError as error:
            if isinstance(error, NoAnswer) and point.what == "terminate" and states:
                return hung(point, place, states[0], str(error))
            error.add_note(f"at {point.name}")
            raise
        operations = self.operations(place, outcome.report)
        fired = [each for each in outcome.report.fired if each.action != "hold"]
        number = fired[0].number if fired else len(operations)
        fired = [each for each in fired if each.number == number]
        if number >= len(operations):
            return _Miss(operations, "nothing")
        operation = operations[number]
        if not aim.hits(operation):
            return _Miss(operations, f"{operation.kind} of {role(operation.name, place.name)}")
        state = place.state()
        answer, text = answer_in_words(outcome)
        usual = place.listing | kept | {place.name}
        failed = [each for each in outcome.report.fired if each.action == "fail"]
        removal_failed = any(each.name in UNLINKING for each in failed)
        alive = outcome.end is None
        seconds = None if alive and not removal_failed else 0.0  # there nothing goes by itself
        left = self._patience.until_gone(lambda: sorted(frozenset(os.listdir(place.folder)) - usual), seconds)
        if not any(name.startswith("/") for name in kept):
            left += sorted(made_elsewhere(operations))
        touched = bool(place.before.difference(snapshot(place.target)))
        others = frozenset(each.name for each in operations if each.name.startswith("/"))
        opened = self._patience.until_gone(lambda: self._still_open(place, others)) if alive else []
        readers = place.new_readers()
        afterwards = (
            Aftermath("") if point.what == "terminate" else self._next_write(place, size, alive=alive, point=point)
        )
        injection = Injection(
            what="interrupt" if point.what in _SIGNALS else "error",
            call=point.key if point.of_temp or point.key not in ("fsync", "close") else f"{point.key} of another file",
            position=point.number,
            error=point.error,
            writable=is_open_for_writing(operations, operation),
            fired=True,
            target_before_fault=states[0] if states else "other",
            answer=answer,
            answered_error=0,
            text=text,
            target=state,
            touched=touched,
            left=tuple(left),
            descriptors_left=len(opened),
            next_write=afterwards.answer,
            usual_descriptors=recording.usual_descriptors if recording else 0,
            existed=place.before.exists,
        )
        python = self.run.manifest.language.lower() == "python"
        fates = [each.value for each in fired if each.action in _SIGNALS]
        blocked = 4 in fates and alive and self.run.manifest.mode != "oneshot"
        ended = alive and point.what == "terminate" and (blocked or not python) and self._ends_of_sigterm(place, size)
        died = not python and (died_of_it(outcome, operations[number + 1 :]) or ended)
        in_place = on_the_target(operations, place.name, place.before.exists)
        return Visit(
            point.name,
            point.what,
            injection,
            annotated(operations, number),
            caught=1 in fates and not died,
            lost=2 in fates,
            ignored=3 in fates,
            discarded=blocked and not ended and not injection.next_write.startswith("error"),
            closed_twice=closed_again(operations, operation),
            cleaning_failed=any(each.number > number for each in failed),
            removal_failed=removal_failed,
            new_readers=readers,
            next_torn=afterwards.torn,
            next_lost=afterwards.lost,
            next_trace=afterwards.trace,
            on_target=next((each.text for each in in_place if each.clause == "VIS-01"), ""),
            of_the_temp={each.clause: each.text for each in faults_of_the_temp(operations, place.name)},
            linked=only_linked(operations, place.name) and not place.before.exists,
            sync_skipped=not synced_again(operations, number, place.name),
        )

    def _still_open(self, place: Place, others: frozenset[str] = frozenset()) -> list[str]:
        """The files that the implementation has open and did not have open before the write.

        The first write in a folder may open the folder for all later ones.
        """
        before = (*place.open_files, str(place.folder)) if place.scenario == "first" else place.open_files
        found = Counter(self.traced.open_files(str(place.folder), others)) - Counter(before)
        return sorted(found.elements())

    def _ends_of_sigterm(self, place: Place, size: int) -> bool:
        """Whether the signal ends a process that has answered, without a handler of the program's own.

        Go's runtime ends the process by the signal itself, a little later: a short write may be answered by then.
        """
        try:
            self.ask(place.asked, NEXT, size)(self.traced.implementation)
        except ImplementationError as error:
            return error.exit_code == -signal.SIGTERM
        return False

    def _next_write(self, place: Place, size: int, *, alive: bool, point: Point) -> Aftermath:
        """Write the next document, with a new process when the implementation has ended; after a fault, traced."""
        traced = alive and point.what not in ("kill", *_SIGNALS) and self.run.manifest.mode != "oneshot"
        now, operations = place, None
        try:
            if traced:
                now = as_it_is(place)
                outcome = self.request(now, (), sequence=NEXT, size=size)
                if outcome.end is not None:
                    raise outcome.end
                answer, operations = outcome.answer, self.operations(now, outcome.report)
                assert answer is not None
            else:
                answer = self.ask(place.asked, NEXT, size)(self.traced.implementation)
        except ImplementationError as error:
            return Aftermath(f"error: {error}")
        if not answer.ok:
            return Aftermath(f"{answer.error}: {answer.message}")
        if sequence_at(place.target) != NEXT:
            return Aftermath("ok, but wrote nothing")
        if operations is None:
            return Aftermath("ok" if alive else "ok, by a new process")
        return self._judgements.of(now, operations, "ok")
