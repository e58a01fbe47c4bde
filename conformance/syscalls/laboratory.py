"""Visits the points of a write with a running implementation: record, inject, look, and write once more."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from conformance.errors import ImplementationError, Unmeasured, Violation
from conformance.oracle.faults import Injection, State
from conformance.oracle.payload import identify, make_status
from conformance.oracle.snapshot import Snapshot, snapshot
from conformance.runner.run import Run, remove_folder
from conformance.subject.client import Implementation
from conformance.subject.protocol import Answer
from conformance.subject.requests import publish_request
from conformance.syscalls.operations import Operation, operations_of
from conformance.syscalls.order import CHANGING, on_the_target, unseen_origin
from conformance.syscalls.points import Point, Scenario, What, role
from conformance.syscalls.tracer.calls import TraceError
from conformance.syscalls.tracer.messages import Plan, Report, Rule
from conformance.syscalls.tracer.session import Boundary, Outcome, Traced, start_traced

__all__ = ["Laboratory", "Place", "Recording", "Visit", "annotated", "state_of"]

SIZE = 8192  # bytes of the documents
OLD, NEW, NEXT = 1, 2, 3  # sequence numbers of the documents
# Of the old document. No usual umask leaves it to a new file: a writer that keeps the mode has to set it, and setting
# it is one more operation that can fail.
_MODE = 0o604
_TRIES = 8
_TRIES_TO_FOLLOW = 3


@dataclass(frozen=True)
class Place:
    """A fresh folder with a target to write, and how it was before the write."""

    scenario: Scenario
    folder: Path
    before: Snapshot
    listing: frozenset[str]
    lengths: tuple[tuple[str, int], ...]  # of the existing files, in bytes
    open_files: tuple[str, ...]
    elsewhere: tuple[str, ...] = ()  # other folders in which the implementation makes its temps

    @property
    def target(self) -> Path:
        """The target in it."""
        return self.folder / "status.json"

    def state(self) -> State:
        """What the target is now. Before a first write there is no target: that is the old state."""
        state = state_of(self.target)
        return "old" if state == "missing" and self.scenario == "first" else state


@dataclass(frozen=True)
class Recording:
    """One write without any fault: its operations, and the folder before it."""

    place: Place
    operations: tuple[Operation, ...]
    kept: frozenset[str]  # names that a write without any fault leaves beside the target, such as a lock file
    unseen: str = ""  # where the published file came from, if the engine could not follow it from there

    def require_followed(self) -> None:
        """Raise Unmeasured when the trace does not show how the published file was made."""
        if self.unseen:
            raise Unmeasured(f"the published file came from {self.unseen}, where the engine did not see it made")


@dataclass(frozen=True)
class Visit:
    """What was seen at one point. ``trace`` is the annotated trace. ``caught`` means that a handler of SIGINT let the
    program go on, ``lost`` that SIGINT was ignored at this point of the write only, and ``ignored`` that it always is.

    ``closed_twice`` means that a descriptor whose close had been interrupted was closed once more. ``cleaning_failed``
    means that an injected error hit the clean-up.
    """

    point: str
    what: What
    injection: Injection
    trace: tuple[str, ...]
    caught: bool = True
    lost: bool = False
    ignored: bool = False
    closed_twice: bool = False
    cleaning_failed: bool = False
    on_target: str = ""  # what was done to the target itself, in words


def state_of(path: Path) -> State:
    """What the target is: ``old``, ``new``, ``missing`` or ``other``."""
    sequence = sequence_at(path)
    return "missing" if sequence is None else "old" if sequence == OLD else "new" if sequence == NEW else "other"


def sequence_at(path: Path) -> int | None:
    """The number of the whole document in a file, -1 for anything else, None when there is no file."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError:
        return -1
    try:
        return identify(data)[1]
    except Violation:
        return -1


def annotated(operations: tuple[Operation, ...], at: int | None) -> tuple[str, ...]:
    """The operations, one line each, with a marker at one of them."""
    lines = []
    for each in operations:
        mark = "→" if each.number == at else " "
        result = (
            "never returned" if each.call.result is None else os.strerror(each.call.error) if each.call.error else ""
        )
        injected = " (injected)" if each.call.injected else ""
        lines.append(f"{mark} {each.number:2} {each.call.name:12} {each}{f' = {result}{injected}' if result else ''}")
    return tuple(lines)


class Laboratory:
    """Visits points. It keeps one implementation under the tracer, and starts another when that one has ended."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._numbers = itertools.count()
        self._traced: Traced | None = None
        self._elsewhere: tuple[str, ...] = ()

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

    def ask(self, target: Path, sequence: int, size: int = SIZE) -> Callable[[Implementation], Answer]:
        """A request to publish a document."""
        operation, fields = publish_request(self.run.manifest.profile, target, make_status(0, sequence, size))
        return lambda implementation: implementation.request(operation, **fields)

    def place(self, scenario: Scenario, size: int = SIZE) -> Place:
        """A fresh folder; in scenario ``replace`` the implementation itself has written the old document.

        Raises Unmeasured when that write fails: other clauses judge that.
        """
        folder = self.run.folder / "cases" / f"traced-{os.getpid()}-{next(self._numbers)}"
        folder.mkdir()
        target = folder / "status.json"
        traced = self.traced
        if scenario == "replace":
            answer = self.ask(target, OLD, size)(traced.implementation)
            if not answer.ok:
                raise Unmeasured(f"a write without any fault was answered {answer.error} (see FLT-01)")
            if target.is_file():
                target.chmod(_MODE)
        names = frozenset(os.listdir(folder))
        lengths = tuple((name, os.lstat(folder / name).st_size) for name in sorted(names))
        others = tuple(f"{path}/" for path in self._elsewhere)
        listing, lengths = names.union(others), (*lengths, *((name, 0) for name in others))
        return Place(
            scenario, folder, snapshot(target), listing, lengths, traced.open_files(str(folder)), self._elsewhere
        )

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
        at_boundary: Callable[[Boundary], None] | None = None,
        at_answer: Callable[[], None] = lambda: None,
    ) -> Outcome:
        """One traced write of a document to the target of a place.

        ``at_answer`` is called when the answer has come, before any parked thread goes on.
        """
        plan = Plan(str(place.folder), rules, place.elsewhere)
        ask = self.ask(place.target, sequence, size)

        def ask_and_look(implementation: Implementation) -> Answer:
            answer = ask(implementation)
            at_answer()
            return answer

        return self.traced.request(plan, ask_and_look, at_boundary)

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
        return recording

    def _record(self, scenario: Scenario, size: int) -> Recording:
        place = self.place(scenario, size)
        outcome = self.request(place, (), size=size)
        if outcome.end is not None:
            raise outcome.end
        if outcome.answer is None or not outcome.answer.ok or place.state() != "new":
            raise Unmeasured("a write without any fault does not succeed (see FLT-01)")
        operations = self.operations(place, outcome.report)
        if not operations:
            raise TraceError("a write succeeded, but no operation on the target's folder was seen")
        kept = frozenset(os.listdir(place.folder)) - {"status.json"}
        return Recording(
            place, operations, kept | _made_elsewhere(operations), unseen_origin(operations, "status.json")
        )

    def visit(self, point: Point, kept: frozenset[str] = frozenset()) -> Visit:
        """Write once with what the point asks for, and examine everything afterwards. ``kept`` is that of `Recording`.

        Raises TraceError when the intended operation is not hit: an injection that does not fire is an error of the
        kit. Where threads take turns, operations change places, so there are several tries.
        """
        seen: list[str] = []
        for _ in range(_TRIES):
            place = self.place(point.scenario)
            try:
                visit, hit = self._try(point, place, kept)
            finally:
                remove_folder(place.folder)
            if visit is not None:
                return visit
            seen.append(hit)
        raise TraceError(
            f"{point.name}: the intended operation was not hit in {_TRIES} tries; hit instead: {Counter(seen)}"
        )

    def _try(self, point: Point, place: Place, kept: frozenset[str]) -> tuple[Visit | None, str]:
        states: list[State] = []
        hold = () if point.what in ("kill", "interrupt") else (Rule("hold", "before", point.number, point.number),)
        rules = (*hold, *point.rules())
        try:
            outcome = self.request(place, rules, at_boundary=lambda boundary: states.append(place.state()))
        except ImplementationError as error:
            error.add_note(f"at {point.name}")
            raise
        operations = self.operations(place, outcome.report)
        fired = [each for each in outcome.report.fired if each.action != "hold" and each.number == point.number]
        if not fired or len(operations) <= point.number:
            return None, "nothing"
        operation = operations[point.number]
        if (operation.kind, role(operation.name, "status.json")) != (point.kind, point.role):
            return None, f"{operation.kind} of {role(operation.name, 'status.json')}"
        state = place.state()
        answer, text = _answer(outcome)
        left = sorted(frozenset(os.listdir(place.folder)) - place.listing - kept - {"status.json"})
        if not any(name.startswith("/") for name in kept):
            left += sorted(_made_elsewhere(operations))
        touched = bool(place.before.difference(snapshot(place.target)))
        alive = outcome.end is None
        others = frozenset(each.name for each in operations if each.name.startswith("/"))
        opened = Counter(self.traced.open_files(str(place.folder), others)) if alive else Counter[str]()
        injection = Injection(
            what="interrupt" if point.what == "interrupt" else "error",
            call=point.key if point.of_temp or point.key not in ("fsync", "close") else f"{point.key} of another file",
            position=point.number,
            error=point.error,
            writable=_is_open_for_writing(operations, operation),
            fired=True,
            target_before_fault=states[0] if states else "other",
            answer=answer,
            answered_error=0,
            text=text,
            target=state,
            touched=touched,
            left=tuple(left),
            descriptors_left=sum((opened - Counter(place.open_files)).values()),
            next_write=self._next_write(place, alive=alive),
        )
        python = self.run.manifest.language.lower() == "python"
        died = not python and _died_of_it(outcome, operations[point.number + 1 :])
        in_place = on_the_target(operations, "status.json", place.before.exists)
        cleaning = any(each.number > point.number and each.action == "fail" for each in outcome.report.fired)
        return (
            Visit(
                point.name,
                point.what,
                injection,
                annotated(operations, point.number),
                caught=any(each.action == "interrupt" and each.value == 1 for each in fired) and not died,
                lost=any(each.action == "interrupt" and each.value == 2 for each in fired),
                ignored=any(each.action == "interrupt" and each.value == 3 for each in fired),
                closed_twice=_closed_again(operations, operation),
                cleaning_failed=cleaning,
                on_target=next((each.text for each in in_place if each.clause == "VIS-01"), ""),
            ),
            "",
        )

    def _next_write(self, place: Place, *, alive: bool) -> str:
        """Write the next document, with a new process when the implementation has ended."""
        try:
            answer = self.ask(place.target, NEXT)(self.traced.implementation)
        except ImplementationError as error:
            return f"error: {error}"
        if not answer.ok:
            return f"{answer.error}: {answer.message}"
        if sequence_at(place.target) != NEXT:
            return "ok, but wrote nothing"
        return "ok" if alive else "ok, by a new process"


def _made_elsewhere(operations: tuple[Operation, ...]) -> frozenset[str]:
    """The files that these operations made outside of the target's folder, and that are still there."""
    made = {each.name for each in operations if each.kind == "create" and each.name.startswith("/")}
    made |= {each.other_name for each in operations if each.kind in ("rename", "link")}
    return frozenset(name for name in made if name.startswith("/") and os.path.lexists(name))


def _answer(outcome: Outcome) -> tuple[str, str]:
    if outcome.answer is None:
        return "crash", str(outcome.end)
    if outcome.answer.ok:
        return "ok", ""
    # In mode oneshot, exit code 1 stands for every kind of failure.
    kind = "io" if outcome.answer.error == "refused" else outcome.answer.error or ""
    return kind, outcome.answer.message


def _died_of_it(outcome: Outcome, operations: tuple[Operation, ...]) -> bool:
    """Whether SIGINT ended the process before it began to clean up.

    The runtimes of Node and Java have a handler that ends the process. Python's raises an exception.
    """
    return outcome.end is not None and not any(each.kind == "unlink" for each in operations)


def _is_open_for_writing(operations: tuple[Operation, ...], operation: Operation) -> bool:
    """Whether the descriptor of an operation was opened for writing by the same process, and the file was written to.

    Closing a file that nothing was written to, as a shell does with a descriptor that it has copied, loses nothing.
    """
    earlier = operations[: operation.number]
    flags = 0
    for each in earlier:
        opened = each.kind in ("open", "create", "create-unnamed") and each.descriptor == operation.descriptor
        if opened and each.call.process == operation.call.process:
            flags = each.flags
    written = any(each.kind in CHANGING and each.name == operation.name for each in earlier)
    return written and bool(flags & 3)


def _closed_again(operations: tuple[Operation, ...], operation: Operation) -> bool:
    """Whether a descriptor is closed once more after its close, without having been reused in between."""
    same = operation.call.process, operation.descriptor
    later = (each for each in operations[operation.number + 1 :] if each.kind == "close")
    # A number that is not open has no path.
    again = any((each.call.process, each.descriptor) == same and not each.call.path("descriptor") for each in later)
    return operation.kind == "close" and again
