"""One slow operation: a write whose thread stands still until the answer has come, and what becomes of the target."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from conformance.contract.errors import ImplementationError, Unmeasured
from conformance.oracle.faults import State
from conformance.syscalls.laboratory import Laboratory
from conformance.syscalls.operations import Operation
from conformance.syscalls.order import published_names, publishing
from conformance.syscalls.recording import Place, annotated
from conformance.syscalls.tracer.calls import TraceError
from conformance.syscalls.tracer.messages import Rule

__all__ = ["Late", "slow_operation"]

_TRIES = 8
_SECONDS, _PAUSE = 5.0, 0.02  # how long a thread may take to publish after its release, and between two looks
_ASLEEP = 25  # so often in a row a thread must be seen asleep before it counts as idle


@dataclass(frozen=True)
class Late:
    """What was answered while a thread stood still (empty: nothing), and the target then and later."""

    answer: str
    at_the_answer: State
    later: State
    operation: str
    trace: tuple[str, ...]


def slow_operation(laboratory: Laboratory) -> Late:
    """Write with one slow operation: the first sync of the temp, or the replace of a writer that does not sync.

    The thread that makes it is parked until the answer has come, or no other thread can give one. Raises Unmeasured,
    ImplementationError, TraceError.
    """
    recording = laboratory.record("replace")
    published = publishing(recording.operations, recording.place.target.name)
    if not published:
        raise Unmeasured("nothing was seen to publish the document (see VIS-04)")
    slow = _first_sync(recording.operations, recording.place.target.name, published[0])
    rule = Rule("park", "before", slow.number, slow.number)
    for _ in range(_TRIES):
        place = laboratory.place("replace")
        states: list[State] = []
        try:
            outcome = laboratory.request(place, (rule,), at_answer=lambda: states.append(place.state()))  # noqa: B023  # at once
            if outcome.end is not None:
                raise ImplementationError(f"with a slow {slow}: {outcome.end}")
            operations = laboratory.operations(place, outcome.report)
            hit = outcome.parked is not None and operations[slow.number].kind == slow.kind
            if not hit or outcome.parked is None or outcome.answer is None:
                continue
            answer = "ok" if outcome.answer.ok else "io"
            state = states[0]
            later = _settled(place, outcome.parked.thread) if outcome.parked.answered and state != "new" else state
            trace = annotated(operations, slow.number)
            return Late(answer if outcome.parked.answered else "", state, later, str(slow), trace)
        finally:
            laboratory.run.folders.remove(place.folder)
    raise TraceError(f"{slow} could not be made slow in {_TRIES} tries")


def _first_sync(operations: tuple[Operation, ...], target: str, published: Operation) -> Operation:
    temps = published_names(operations, target)
    for each in operations[: published.number]:
        if each.call.succeeded and (each.kind == "sync-all" or (each.kind == "sync" and each.name in temps)):
            return each
    return published


def _settled(place: Place, thread: int) -> State:
    """The target once it is another one, or once the thread has ended or sleeps."""
    deadline, asleep = time.monotonic() + _SECONDS, 0
    while (state := place.state()) == "old" and asleep < _ASLEEP and time.monotonic() < deadline:
        asleep = asleep + 1 if _sleeps(thread) else 0
        time.sleep(_PAUSE)
    return state


def _sleeps(thread: int) -> bool:
    """Whether a thread waits for something other than a disk, or has ended (proc_pid_stat(5))."""
    try:
        text = Path(f"/proc/{thread}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return text.rpartition(")")[2].split()[0] in "SZX"
