"""Several writers that start together, and how much each of them writes: a slow one less."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence

from conformance.oracle.payload import make_status
from conformance.runner.case import Case
from conformance.system.guarded_path import GuardedPath

__all__ = ["fewer", "run_together", "takes_long", "writes_each"]

SLOW_SECONDS = 0.2
_TRIES = 3  # a busy machine makes one write slow, and seldom all of them
_SHORTENED = "slow writer's shortened cases"


def writes_each(case: Case) -> int:
    """How many writes each writer makes: fewer when each write starts a process or takes long."""
    return fewer(case, 80, 12)


def fewer(case: Case, usual: int, of_a_slow_one: int) -> int:
    """The second number when each write starts a process or takes long, else the first, which is counted."""
    if case.run.manifest.mode == "oneshot":
        return of_a_slow_one
    if not takes_long(case):
        return usual
    case.counts[_SHORTENED] = 1
    return of_a_slow_one


def takes_long(case: Case) -> bool:
    """Whether each write takes more than `SLOW_SECONDS`, as measured once in a run."""
    return bool(case.run.notes.once("seconds-of-a-write", lambda: _seconds_of_a_write(case)) > SLOW_SECONDS)


def _seconds_of_a_write(case: Case) -> float:
    """The shortest time of a few writes to a target of their own; of the first, if that is short enough."""
    folder = GuardedPath(case.run.folder) / "cases" / f"{os.getpid()}-timed"
    case.run.folders.make(folder)
    shortest = float("inf")
    try:
        for sequence in range(_TRIES):
            begin = time.monotonic()
            answer = case.publish(folder / case.target.name, make_status(0, sequence))
            shortest = min(shortest, time.monotonic() - begin)
            if not answer.ok or shortest <= SLOW_SECONDS:
                break
    finally:
        case.run.folders.remove(folder)
    return shortest


def run_together(actions: Sequence[Callable[[], None]]) -> None:
    """Run actions in threads that start together; raise the first error."""
    errors: list[BaseException] = []
    together = threading.Barrier(len(actions))

    def run(action: Callable[[], None]) -> None:
        try:
            together.wait()
            action()
        except BaseException as error:  # raised again below, in the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
