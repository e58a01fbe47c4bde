"""CON: concurrent writers, siblings, threads, ordering, and readers and writers that do not block each other."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from conformance.contract.errors import NotApplicable, Unmeasured, Violation
from conformance.oracle.document import examine
from conformance.oracle.history import Write
from conformance.oracle.observer import Observation, observing
from conformance.oracle.payload import identify, make_status
from conformance.runner.case import Case
from conformance.runner.requests import publish_request
from conformance.subject.client import Implementation, ServeImplementation
from conformance.subject.protocol import Answer
from conformance.subject.python_host import PAUSES
from conformance.suite.support.together import run_together, writes_each
from conformance.system.share_modes import PAUSE_SECONDS

PROCESSES = 3
ENOUGH_REFUSED = 20  # writes of one case that had to succeed
BUDGET_SECONDS = 2.0
MEASUREMENTS = 3
PATIENCE_SECONDS = 60.0  # how long writes continue on a busy machine, where the kit observes little


@contextmanager
def observed(case: Case) -> Iterator[Observation]:
    """Have the first document written (number 0 of writer 0), and observe the target from then on."""
    case.require_ok(case.publish(case.target, make_status(0, 0)))
    with observing(case.target, initial=(0, 0)) as observation:
        yield observation


def write_many(
    case: Case,
    observation: Observation,
    by: Implementation,
    writer: int,
    first: int,
    sizes: Sequence[int],
    must_succeed: bool,
) -> None:
    """One writer's part: statuses numbered from ``first``, each timed, and acknowledged where that is required.

    A refusal is noted and no exception, so that what the readers see meanwhile is reported as well.
    """

    def write(status: dict[str, Any]) -> bool:
        answer = case.publish(case.target, status, by=by)
        if not answer.ok and (must_succeed or answer.error not in ("io", "refused")):
            case.require_room(answer)
            observation.refused.append(f"{answer.error}: {answer.message}")
        return answer.ok

    for sequence, size in enumerate(sizes, start=first):
        if len(observation.refused) > ENOUGH_REFUSED:
            return
        observation.timed_write((writer, sequence), partial(write, make_status(writer, sequence, size)))


def several_writers(
    case: Case,
    processes: int,
    sizes: Sequence[int],
    environment: Mapping[str, str] | None = None,
    must_succeed: bool = True,
) -> tuple[Observation, int]:
    """Have several processes write one target at once while the kit reads it, until it has seen enough.

    Returns the observation, and the number of documents that each process wrote.
    """
    implementations = [case.start(environment=environment or {}) for _ in range(processes)]
    written = 0
    with observed(case) as observation:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            run_together(
                [
                    partial(write_many, case, observation, by, number, written + 1, sizes, must_succeed)
                    for number, by in enumerate(implementations, start=1)
                ]
            )
            written += len(sizes)
            if observation.enough() or observation.violations or observation.refused or time.monotonic() > deadline:
                break
    return observation, written


@pytest.mark.clause("CON-01")
@pytest.mark.parametrize("size", [0, 4096, 1 << 18])
def test_processes_on_one_target(case: Case, size: int) -> None:
    count = writes_each(case) if size < 1 << 18 else writes_each(case) // 2
    require_one_whole_document(case, *several_writers(case, PROCESSES, [size] * count))


@pytest.mark.clause("CON-01")
def test_processes_that_meet(case: Case) -> None:
    """Documents of two sizes, because two documents of the same size can mix in one file and still look whole.

    In mode python each process pauses before its file calls, so that the writes really overlap.
    """
    sizes = [256, 1 << 16] * (writes_each(case) // 2)
    require_one_whole_document(case, *several_writers(case, PROCESSES, sizes, {PAUSES: "1"}))


def require_one_whole_document(case: Case, observation: Observation, written: int) -> None:
    """Raise Violation unless all reads, the last document and the folder are as they must be."""
    observation.require_whole()
    last = identify(case.bytes_at(case.target))
    if last[1] != written:
        raise Violation(f"the last document is number {last[1]} of writer {last[0]}, but each writer wrote {written}")
    case.require_listing(case.folder, {case.target.name}, f"after {PROCESSES * written} writes")
    observation.require_enough()


@pytest.mark.clause("CON-03")
@pytest.mark.parametrize("processes", [1, 2])
def test_history_is_linearizable(case: Case, processes: int) -> None:
    """A refused write (on Windows, because a reader has the target open) may or may not be in the history."""
    count = writes_each(case) * 2
    observation, _ = several_writers(case, processes, [256, 8192] * (count // 2), must_succeed=False)
    observation.require_whole()
    observation.require_linearizable()
    observation.require_enough()


@pytest.mark.clause("CON-03")
def test_read_after_the_answer_sees_the_write(case: Case) -> None:
    """Once a write is acknowledged, every later read sees it."""
    for sequence in range(writes_each(case)):
        status = make_status(0, sequence, 16_384)
        case.require_ok(case.publish(case.target, status))
        case.require_holds(case.target, status)


@pytest.mark.clause("CON-04")
@pytest.mark.parametrize("size", [0, 1 << 16])
def test_threads_of_one_process(case: Case, size: int) -> None:
    """In mode python the kit's host runs the writes in threads; any other process answers one request at a time."""
    manifest = case.run.manifest
    if manifest.mode != "python":
        raise NotApplicable("its process answers one request at a time")
    count = writes_each(case) // 2
    writes = [
        [
            publish_request(manifest.profile, case.target, make_status(writer, sequence, size)).message()
            for sequence in range(1, count + 1)
        ]
        for writer in range(1, PROCESSES + 1)
    ]
    with observed(case) as observation:
        running = case.implementation
        assert isinstance(running, ServeImplementation)
        # One request carries all the writes of all the threads, and may take as long as all of them together.
        limit = case.run.answer_seconds * PROCESSES * count
        answer = running.receive(running.send("threads", writes=writes), limit)
    refused = [said for of_thread in answer.fields["answers"] for said in of_thread if not said["ok"]]
    if refused:
        case.require_room(Answer(False, refused[0].get("error"), "", {}))
        observation.refused += [f"{said.get('error')}: {said.get('message', '')}" for said in refused]
        observation.writes += [Write((0, 0), 0, math.inf)] * (PROCESSES * count)
    observation.require_whole()
    last = identify(case.bytes_at(case.target))
    if last[1] != count:
        raise Violation(f"the last document is number {last[1]} of thread {last[0]}, but each wrote {count}")
    case.require_listing(case.folder, {case.target.name}, f"after {PROCESSES * count} writes")


@pytest.mark.clause("CON-05")
@pytest.mark.parametrize("kind", ["open", "flock", "lockf"])
def test_writer_does_not_wait_for_a_reader(case: Case, kind: str) -> None:
    """The target is held open, or locked, for as long as the write takes."""
    if sys.platform == "win32":
        raise Unmeasured("held targets on Windows are covered by the WIN clauses")
    import fcntl

    def write(sequence: int) -> None:
        case.require_ok(case.publish(case.target, make_status(0, sequence)), "a write while the target is held")

    def too_slow() -> str:
        alone = seconds_of(partial(write, 2))
        with case.target.open("r+b") as holder:
            if kind != "open":
                (fcntl.flock if kind == "flock" else fcntl.lockf)(holder, fcntl.LOCK_EX)
            taken = seconds_of(partial(write, 3))
        if taken <= alone + BUDGET_SECONDS:
            return ""
        return f"the write took {taken:.2f} s while the target was held ({kind}), and {alone:.2f} s alone"

    write(1)
    require_once_in_time(too_slow)
    case.require_holds(case.target, make_status(0, 3))


@pytest.mark.clause("CON-05")
def test_reader_and_writer_at_once(case: Case) -> None:
    """One process writes large documents while another reads them; neither may slow the other by more than the budget.

    Each is measured alone first, so that the cost of a busy disk is not blamed on the other process.
    """
    if "reader" not in case.run.manifest.roles:
        raise NotApplicable("the implementation does not read")
    reader, writer = case.start(), case.start()
    case.require_ok(case.publish(case.target, make_status(0, 0), by=writer))
    if problems := examine(case.bytes_at(case.target)).problems:
        raise Unmeasured(f"its reader may refuse its writer's documents: {problems[0].text} (see {problems[0].clause})")
    finished = threading.Event()

    def write(count: int) -> float:
        try:
            return max(seconds_of(partial(one_write, sequence)) for sequence in range(count))
        finally:
            finished.set()

    def one_write(sequence: int) -> None:
        case.require_ok(case.publish(case.target, make_status(0, sequence, 1 << 19), by=writer))

    def one_read() -> None:
        answer = case.request("read", reader, path=str(case.target))
        if not answer.ok or answer.fields.get("status") is None:
            raise Violation(f"a read during the writes gave {answer.error or 'null'}: {answer.message}")

    slowest: dict[str, float] = {}

    def write_all() -> None:
        slowest["write"] = write(writes_each(case) // 4)

    def read_meanwhile() -> None:
        while not finished.is_set():
            slowest["read"] = max(slowest["read"], seconds_of(one_read))
            time.sleep(PAUSE_SECONDS)

    def too_slow() -> str:
        slowest.update(read=0.0, write=0.0)
        alone = {"write": write(3), "read": seconds_of(one_read)}
        finished.clear()
        run_together([write_all, read_meanwhile])
        for kind, seconds in slowest.items():
            if seconds > alone[kind] + BUDGET_SECONDS:
                return (
                    f"the slowest {kind} took {seconds:.2f} s, and {alone[kind]:.2f} s alone; "
                    f"the budget for waiting is {BUDGET_SECONDS:g} s"
                )
        return ""

    require_once_in_time(too_slow)


def require_once_in_time(too_slow: Callable[[], str]) -> None:
    """Measure up to three times: a program that waits for another is too slow every time, a busy machine is not.

    ``too_slow`` says what took too long, or returns an empty string.
    """
    for _ in range(MEASUREMENTS):
        found = too_slow()
        if not found:
            return
    raise Violation(f"{found} (the last of {MEASUREMENTS} measurements)")


def seconds_of(action: Callable[[], None]) -> float:
    """How long an action takes."""
    begin = time.monotonic()
    action()
    return time.monotonic() - begin
