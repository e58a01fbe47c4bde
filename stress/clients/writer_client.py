"""Drives one implementation as a writer: requests pipelined, every write timed, restarted after it has died."""

from __future__ import annotations

import contextlib
import math
import os
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.contract.errors import ImplementationError
from conformance.oracle.payload import make_status
from conformance.runner.keeps import is_kept
from conformance.runner.requests import publish_request
from conformance.subject.client import OneshotImplementation, ServeImplementation
from conformance.subject.protocol import Answer
from conformance.subject.standard_error import ends_of
from conformance.system.error_names import error_of, names_a_holder
from stress.clients.plans import WriterPlan
from stress.clients.restart import start_despite_kills
from stress.record import clock
from stress.record.reports import HELD, INDETERMINATE, Temp, Written
from stress.record.scenario import LARGEST, SIZES
from stress.record.shared_counters import Counters
from stress.record.violations import ObservedViolation

__all__ = ["Writer", "is_held", "named_error"]

_LIFE_OF_A_TEMP = 0.1  # seconds
_SHARE_BETWEEN = 0.5  # of the writes
_MOST_SIZES = 200  # of one writer: each is counted


def _between(draw: random.Random, sizes: Sequence[int]) -> tuple[int, ...]:
    """Sizes between the usual ones, as many in each octave: a writer may do otherwise there, where two buffers meet."""
    least, most = math.log2(min(sizes)), math.log2(max(sizes))
    return tuple(round(2 ** draw.uniform(least, most)) for _ in range(_MOST_SIZES))


@dataclass(frozen=True)
class _Request:
    number: int
    target: int
    sequence: int
    size: int
    begin: int


def named_error(answer: Answer) -> str:
    """The kind of answer, with the system's name of the error if the message has one, such as ``io: Errno 28``."""
    name = error_of(answer.message)
    return f"{answer.error}: {name}" if name else str(answer.error)


def is_held(answer: Answer) -> bool:
    """Whether the answer is a failure with an error that Windows gives when another process has the file open."""
    return answer.error in ("io", "refused") and names_a_holder(answer.message)


class Writer:
    """Drives the implementation of a plan, request by request.

    Its ``counters`` say how often it has been killed from outside: a death beyond that is the implementation's own.
    """

    def __init__(self, plan: WriterPlan, counters: Counters) -> None:
        self.written = Written()
        self.sequence = 0
        self._plan = plan
        self._paths = [str(plan.folder / name) for name in plan.names]
        self._sizes = [min(size, LARGEST) for size in plan.sizes]
        self._draw = random.Random(f"{plan.seed} {plan.number}")
        self._sizes_between = _between(self._draw, self._sizes) if plan.sizes == SIZES else ()
        self._counters = counters
        self._deaths = 0
        self._waiting: deque[_Request] = deque()
        self._orphans: set[Temp] = set()
        self._after_death: set[int] = set()  # targets that the new process has not written yet
        self._implementation = self._start()

    def write(self) -> None:
        """Request one more write, and take the oldest answer once enough requests wait for one."""
        self.sequence += 1
        target = self.sequence % len(self._paths)
        size = self._size()
        status = make_status(self._plan.number, self.sequence, size)
        operation, fields = publish_request(self._plan.manifest.profile, self._paths[target], status)
        begin = clock.nanoseconds()
        if isinstance(self._implementation, ServeImplementation):
            request = _Request(self._implementation.send(operation, **fields), target, self.sequence, size, begin)
            self._waiting.append(request)
            if len(self._waiting) >= self._plan.pipeline:
                self._receive()
        else:
            request = _Request(0, target, self.sequence, size, begin)
            self._answered(request, lambda one: one.request(operation, **fields))

    def _size(self) -> int:
        if self._sizes_between and self._draw.random() < _SHARE_BETWEEN:
            return self._draw.choice(self._sizes_between)
        return self._draw.choice(self._sizes)

    def drain(self) -> None:
        """Wait until no request waits for an answer."""
        while self._waiting:
            self._receive()

    def take(self) -> Written:
        """Hand over what was done, and start a new report."""
        taken, self.written = self.written, Written()
        return taken

    def write_all(self) -> None:
        """Write each target once more, one after another: a clean end, after which no temp may be left."""
        for _ in self._paths:
            self.write()
            self.drain()

    def stop(self) -> None:
        """End the implementation. Raises ImplementationError when it does not end properly."""
        self.drain()
        self._implementation.stop()

    def kill(self) -> None:
        """Kill the implementation."""
        self._implementation.kill()

    def _receive(self) -> None:
        request = self._waiting.popleft()
        self._answered(request, lambda one: one.receive(request.number))

    def _answered(self, request: _Request, ask: Callable[[Any], Answer]) -> None:
        try:
            answer = ask(self._implementation)
        except ImplementationError as error:
            self._add_row(request, INDETERMINATE, -1)
            self._died(error)
            return
        end = clock.nanoseconds()
        self._counters.set("fresh", 0)
        if answer.ok:
            self._add_row(request, end, 1)
            retries = answer.fields.get("retries")
            self.written.retries += retries if isinstance(retries, int) else 0
            self._worked_again(request.target)
        else:
            self._add_row(request, end, HELD if is_held(answer) else 0)
            name = named_error(answer)
            self.written.errors[name] = self.written.errors.get(name, 0) + 1
            if len(self.written.violations) < 100:  # the judge decides whether a fault was the reason
                self.written.violations.append(
                    ObservedViolation("refused", end, f"a write was refused: {name}", {"answer": answer.message})
                )

    def _add_row(self, request: _Request, end: int, outcome: int) -> None:
        self.written.rows.extend((request.target, request.sequence, request.size, request.begin, end, outcome))

    def _died(self, error: ImplementationError) -> None:
        now = clock.nanoseconds()
        for request in self._waiting:
            self._add_row(request, INDETERMINATE, -1)
        self._waiting.clear()
        self._implementation.kill()
        if self._deaths < self._counters.get("kills"):
            self._deaths = self._counters.get("kills")
            self.written.deaths += 1
        else:
            self.written.violations.append(
                ObservedViolation("ended", now, f"the implementation {error}", {"stderr": ends_of(error.stderr)})
            )
        left = self._temps()
        self._implementation = self._start()
        if isinstance(self._implementation, OneshotImplementation):
            time.sleep(_LIFE_OF_A_TEMP)  # a process that serves takes that long to start anyway
        self._orphans = left & self._temps()  # temps of living writers are gone by now
        self.written.orphans_before |= self._orphans
        self._after_death = set(range(len(self._paths)))

    def _worked_again(self, target: int) -> None:
        if not self._after_death:
            return
        if len(self._after_death) == len(self._paths):
            self.written.restarts += 1
        self._after_death.discard(target)
        if not self._after_death:
            self.written.orphans_after |= self._orphans & self._temps()
            self._orphans = set()

    def _temps(self) -> set[Temp]:
        """Name and inode of everything in the folder that is neither a target nor kept beside one."""
        temps, names = set(), self._plan.names
        with os.scandir(self._plan.folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError, PermissionError):  # a living writer's, gone by now
                    if entry.name not in names and not is_kept(entry.name, self._plan.keeps, names):
                        temps.add((entry.name, entry.inode()))
        return temps

    def _start(self) -> ServeImplementation | OneshotImplementation:
        self._counters.set("starting", 1)  # a fault now would hit the start, not a write
        started = start_despite_kills(self._plan.manifest, self._plan.launch_options, self._counters, self._deaths)
        self._counters.set("fresh", isinstance(started.implementation, ServeImplementation))
        self._counters.set("starting", 0)
        self._deaths = started.kills
        self.written.deaths += started.spoilt
        return started.implementation
