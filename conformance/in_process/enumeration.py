"""Visits every file call of one write by an implementation in mode ``python``, with every fault of that call.

A laboratory is one implementation on one file system, either a fake one (`conformance.in_process.fakefs`) or the real
one (`conformance.in_process.realfs`), and numbers its file calls.
"""

from __future__ import annotations

import dataclasses
import errno
import gc
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from conformance.contract.errors import Violation
from conformance.in_process.filecalls import Call, FileCalls
from conformance.in_process.tries import Aim, alike, until_fired
from conformance.oracle.call_errors import ERRORS_OF_CALL
from conformance.oracle.faults import Injection, Kill, State, What
from conformance.oracle.payload import identify, make_status
from conformance.runner.requests import publish_request
from conformance.system.file_kinds import NotAFile
from conformance.system.patience import Patience

__all__ = [
    "NEW",
    "OLD",
    "Baseline",
    "InProcessReport",
    "Laboratory",
    "System",
    "faults_of",
    "numbered_alone",
]

_SIZE = 8192  # bytes
OLD, NEW, _NEXT = (make_status(0, sequence, _SIZE) for sequence in range(3))
_MOST_CALLS = 200
_CHANGING = ("write", "copy", "truncate", "allocate", "map")
"""Calls after which a close may have something left to write."""


class System(Protocol):
    """What an enumeration needs from a file system. Paths are those that the implementation is given."""

    def new_target(self) -> str:
        """A path in a new and empty folder."""

    def bytes_of(self, path: str) -> bytes | None:
        """The contents of a file; None when it does not exist. Raises NotAFile for anything but a regular file."""

    def create(self, path: str, contents: bytes) -> None:
        """Make a file."""

    def identity(self, path: str) -> tuple[Any, ...]:
        """Values that change with the file, its modification or its mode; empty when it does not exist."""

    def names_beside(self, target: str) -> set[str]:
        """The other names in the target's folder."""

    def open_descriptors(self) -> int:
        """The number of open descriptors."""

    @property
    def can_be_read_only(self) -> bool:
        """Whether `read_only` keeps this user from making files."""

    def read_only(self, target: str) -> AbstractContextManager[None]:
        """The target's folder is read-only inside the block."""

    def disk_full(self, room: int) -> AbstractContextManager[Callable[[], bool]]:
        """Inside the block the disk has ``room`` bytes left. The yielded function says whether more were needed."""


def numbered_alone() -> None:
    """Stop the garbage collector of this process, so that a write's calls are those of the write alone."""
    gc.freeze()  # makes each collection take milliseconds
    gc.disable()


@dataclass
class Laboratory:
    """One implementation on one file system."""

    system: System
    calls: FileCalls
    make: Callable[[], Any]
    profile: str
    implementation: Any = None
    kept: frozenset[str] = frozenset()  # what a write without a fault leaves beside the target
    usual_descriptors: int = 0  # that it leaves open
    patience: Patience = field(default_factory=Patience)

    def publish(self, target: str, status: dict[str, Any]) -> None:
        """One write by the current object."""
        publish_request(self.profile, target, status).call(self.implementation)

    def fresh_target(self, settling: float = 0.0) -> str:
        """A target in a new folder that holds the old document, written without faults by a new object.

        It waits ``settling`` seconds for what threads of the implementation still do for earlier writes.

        Files that earlier writes left in reference cycles are closed here: in the middle of a write their flushes would
        shift the numbers of its calls. `numbered_alone` keeps the collector from running by itself.
        """
        gc.collect()
        self.implementation = self.make()  # lasting damage from an earlier fault must not affect this one
        target = self.system.new_target()
        self.publish(target, OLD)
        time.sleep(settling)
        return target

    def state(self, target: str, documents: tuple[bytes, bytes]) -> State:
        """The state of the target, given the bytes of the old and the new document."""
        try:
            found = self.system.bytes_of(target)
        except NotAFile as error:
            return error.kind
        if found is None:
            return "missing"
        if found in documents:
            return "old" if found == documents[0] else "new"
        try:
            identify(found)
        except Violation:
            return "torn"
        return "other"

    def next_write(self, target: str, documents: tuple[bytes, bytes]) -> str:
        """One more write by the current object. Returns ``ok``, or what was wrong."""
        answer, _, text = _answer_of(lambda: self.publish(target, _NEXT))
        state = self.state(target, documents)
        if answer == "ok" and state in ("old", "new", "missing"):
            return "ok, but wrote nothing"
        return f"{answer} {text}".strip()


@dataclass(frozen=True)
class Baseline:
    """One write without a fault: its calls, and the bytes of the old and of the new document."""

    calls: tuple[Call, ...]
    documents: tuple[bytes, bytes]

    def nth(self, position: int) -> int:
        """How many calls of its kind came before this one."""
        return sum(alike(each) == alike(self.calls[position]) for each in self.calls[:position])


@dataclass(frozen=True)
class InProcessReport:
    """Everything found on one system. ``problem`` is empty when the implementation runs there.

    ``disk_full`` and ``read_only`` are None where they cannot be caused, ``bystander_survived`` (a file made under the
    temp's name after the replace) and ``planted_survived`` (made before the temp) where no temp was seen.
    """

    system: str
    problem: str
    calls: tuple[str, ...] = ()
    injections: tuple[Injection, ...] = ()
    disk_full: Injection | None = None
    read_only: Injection | None = None
    bystander_survived: bool | None = None
    planted_survived: bool | None = None
    kills: tuple[Kill, ...] = ()

    def to_json(self) -> str:
        """One line."""
        return json.dumps(dataclasses.asdict(self))

    @staticmethod
    def from_json(text: str) -> InProcessReport:
        """Read what `to_json` wrote. Raises ValueError or TypeError for anything else."""
        fields = json.loads(text)

        def injection(values: dict[str, Any] | None) -> Injection | None:
            return Injection(**{**values, "left": tuple(values["left"])}) if values else None

        fields["calls"] = tuple(fields["calls"])
        fields["injections"] = tuple(injection(values) for values in fields["injections"])
        fields["disk_full"], fields["read_only"] = injection(fields["disk_full"]), injection(fields["read_only"])
        fields["kills"] = tuple(Kill(**values) for values in fields["kills"])
        return InProcessReport(**fields)


def _answer_of(action: Callable[[], None]) -> tuple[str, int, str]:
    """Run a write. Returns (answer, errno, text), as in `Injection`."""
    try:
        action()
    except ValueError as error:
        return "invalid", 0, str(error)
    except OSError as error:
        return "io", error.errno or 0, str(error)
    except KeyboardInterrupt:
        return "interrupt", 0, ""
    except BaseException as error:  # anything else counts as a crash of the implementation
        return "crash", 0, f"{type(error).__name__}: {error}"
    return "ok", 0, ""


def _baseline_of(laboratory: Laboratory) -> Baseline:
    """Perform one write without a fault. Raises what the implementation raises."""
    system = laboratory.system
    target = laboratory.fresh_target()
    old = system.bytes_of(target) or b""
    descriptors = system.open_descriptors()
    with laboratory.calls.recording() as recorded:
        laboratory.publish(target, NEW)
    new = system.bytes_of(target) or b""
    laboratory.kept = frozenset(system.names_beside(target))
    laboratory.usual_descriptors = laboratory.patience.surplus(system.open_descriptors, descriptors)
    return Baseline(tuple(recorded[:_MOST_CALLS]), (old, new))


def faults_of(laboratory: Laboratory, system: str) -> tuple[Baseline, InProcessReport]:
    """Visit every call of one write with every error that the call can give, and with an interrupt.

    Returns the write without a fault, and a report without kills. Raises what the fault-free write raises.
    """
    baseline = _baseline_of(laboratory)
    documents = baseline.documents
    if documents[0] == documents[1]:
        return baseline, InProcessReport(system, "answers ok, but the target does not change")
    injections = tuple(
        until_fired(partial(_observed, laboratory, fault, documents, _failing_call), baseline.nth(position))
        for position in range(len(baseline.calls))
        for fault in _faults_at(position, baseline.calls)
    )
    report = InProcessReport(
        system=system,
        problem="",
        calls=tuple(call.kind for call in baseline.calls),
        injections=injections,
        bystander_survived=_bystander(laboratory),
        planted_survived=_planted(laboratory),
        read_only=_read_only(laboratory, documents) if laboratory.system.can_be_read_only else None,
        disk_full=_disk_full(laboratory, documents),
    )
    return baseline, report


@dataclass
class _Fault:
    """The fault to cause, at which call, and whether it has fired."""

    what: What
    position: int
    call: Call
    error: int = 0
    nth: int = 0  # of the calls of its kind
    fired: bool = False
    target_then: State = "old"


def _faults_at(position: int, calls: Sequence[Call]) -> Iterator[_Fault]:
    call = calls[position]
    errors = ERRORS_OF_CALL[call.kind]
    if call.kind == "close" and not (call.writable and any(each.kind in _CHANGING for each in calls[:position])):
        errors = ()  # close(2): it reports what writes have left to do
    for error in errors:
        yield _Fault("error", position, call, error)
    if call.interruptible:
        yield _Fault("interrupt", position, call)
    if errors:
        yield _Fault("error and failing clean-up", position, call, errors[0])


_Condition = Callable[[Laboratory, _Fault, str, tuple[bytes, bytes]], AbstractContextManager[object]]


def _observed(
    laboratory: Laboratory,
    fault: _Fault,
    documents: tuple[bytes, bytes],
    condition: _Condition,
    settling: float = 0.0,
    nth: int = 0,
) -> Injection:
    """One write under a condition that causes the fault."""
    fault.nth = nth
    system = laboratory.system
    target = laboratory.fresh_target(settling)
    identity, descriptors = system.identity(target), system.open_descriptors()
    kept = system.names_beside(target) | laboratory.kept
    with condition(laboratory, fault, target, documents):
        answer, answered_error, text = _answer_of(lambda: laboratory.publish(target, NEW))
    seconds = 0.0 if fault.what == "error and failing clean-up" else None  # there nothing goes by itself
    return Injection(
        what=fault.what,
        call=fault.call.kind,
        position=fault.position,
        error=fault.error,
        writable=fault.call.writable,
        fired=fault.fired,
        target_before_fault=fault.target_then,
        answer=answer,
        answered_error=answered_error,
        text=text,
        target=laboratory.state(target, documents),
        touched=identity != system.identity(target),
        left=tuple(laboratory.patience.until_gone(lambda: sorted(system.names_beside(target) - kept), seconds)),
        descriptors_left=laboratory.patience.surplus(system.open_descriptors, descriptors),
        usual_descriptors=laboratory.usual_descriptors,
        # Only FLT-03 needs it, and an implementation that waits for a leftover lock takes long each time.
        next_write=laboratory.next_write(target, documents) if fault.what == "error" else "",
    )


def _failing_call(
    laboratory: Laboratory, fault: _Fault, target: str, documents: tuple[bytes, bytes]
) -> AbstractContextManager[object]:
    aim = Aim(fault.call, fault.nth)

    def before(position: int, call: Call) -> BaseException | None:
        if aim.hit_by(call):
            fault.fired, fault.target_then = True, laboratory.state(target, documents)
            return KeyboardInterrupt() if fault.what == "interrupt" else OSError(fault.error, "injected")
        if not fault.fired or fault.what == "interrupt":
            return None
        if fault.call.kind == call.kind == "rename":
            return OSError(fault.error, "injected")  # the error persists, so that a retry cannot succeed
        if fault.what == "error and failing clean-up" and call.kind == "unlink":
            return OSError(errno.EROFS, "injected into the clean-up")
        return None

    return laboratory.calls.recording(before)


def _bystander(laboratory: Laboratory) -> bool | None:
    """Put a file under the temp's name right after the replace. Returns whether it survived; None: no replace seen."""
    system = laboratory.system
    target = laboratory.fresh_target()
    made: list[str] = []

    def after(position: int, call: Call, error: BaseException | None) -> None:
        if call.kind == "rename" and error is None and call.paths and not made:
            name = call.paths[0]
            if not system.identity(name):
                system.create(name, b"another program's")
                made.append(name)

    with laboratory.calls.recording(after=after):
        answer, _, _ = _answer_of(lambda: laboratory.publish(target, NEW))
    return system.bytes_of(made[0]) is not None if made and answer == "ok" else None


def _planted(laboratory: Laboratory) -> bool | None:
    """Put a file under the temp's name right before it is opened. Returns whether it survived; None: no temp seen.
    What is opened all the same, and gets no other name, is no temp, but such as a lock file: the next one may be.
    """
    system, target = laboratory.system, laboratory.fresh_target()
    contents = b"another program's"
    made: list[str] = []
    opened: set[str] = set()
    moved: set[str] = set()

    def before(position: int, call: Call) -> BaseException | None:
        if call.kind == "open" and call.paths and opened.issuperset(made):
            name = call.paths[0]
            kept = name.removeprefix(target.removesuffix("status.json")) in laboratory.kept
            if name != target and not kept and not system.identity(name):
                system.create(name, contents)
                made.append(name)
        return None

    def after(position: int, call: Call, error: BaseException | None) -> None:
        if error is None and call.kind in ("open", "rename", "link"):
            (opened if call.kind == "open" else moved).update(call.paths[:1])

    with laboratory.calls.recording(before, after):
        _answer_of(lambda: laboratory.publish(target, NEW))
    temps = [name for name in made if name in moved or name not in opened]
    return all(system.bytes_of(name) == contents for name in temps) if made else None


def _read_only(laboratory: Laboratory, documents: tuple[bytes, bytes]) -> Injection:
    """A folder without write permission."""
    fault = _Fault("error", 0, Call("open", (), False), errno.EACCES, fired=True)
    return _observed(laboratory, fault, documents, lambda lab, _, target, __: lab.system.read_only(target))


def _disk_full(laboratory: Laboratory, documents: tuple[bytes, bytes]) -> Injection | None:
    """A disk with room for half a document; None when the write was not seen to need more."""
    fault = _Fault("error", 0, Call("write", (), True), errno.ENOSPC)

    @contextmanager
    def full(laboratory: Laboratory, *_: object) -> Iterator[None]:
        with laboratory.system.disk_full(_SIZE // 2) as was_needed:
            yield
        fault.fired = was_needed()

    found = _observed(laboratory, fault, documents, full)
    return found if found.fired else None
