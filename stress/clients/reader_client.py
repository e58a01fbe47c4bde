"""Drives a reader implementation under load: asks it what it reads, several requests at a time."""

from __future__ import annotations

from collections import deque

from conformance.contract.errors import ImplementationError, Violation
from conformance.oracle.payload import Identity, identify_values
from conformance.subject.client import OneshotImplementation, ServeImplementation
from conformance.subject.protocol import Answer
from conformance.subject.standard_error import ends_of
from stress.clients.plans import ReaderPlan
from stress.clients.restart import start_despite_kills
from stress.record import clock
from stress.record.reports import ReadSpan, Seen
from stress.record.shared_counters import Counters
from stress.record.violations import ObservedViolation, evidence_of

__all__ = ["AskingReader"]


class AskingReader:
    """As `stress.clients.file_reader.FileReader`, by asking an implementation, which may be killed.

    Its ``counters`` say how often it was killed from outside. Raises ValueError for a plan without an implementation.
    """

    def __init__(self, plan: ReaderPlan, counters: Counters) -> None:
        if plan.manifest is None:
            raise ValueError("the plan names no reader implementation")
        self.seen = Seen()
        self._manifest, self._plan, self._counters = plan.manifest, plan, counters
        self._paths = [str(plan.folder / name) for name in plan.names]
        self._spans = [ReadSpan(number) for number in range(len(plan.names))]
        self._deaths = 0
        self._waiting: deque[tuple[int, int, int]] = deque()  # request, target, begin
        self._implementation = self._start()

    def read(self, count: int) -> None:
        """Have each target read ``count`` times."""
        for _ in range(count):
            for target in range(len(self._paths)):
                self._ask(target)

    def take(self) -> Seen:
        """Wait for all answers, and hand over what was seen."""
        while self._waiting:
            self._receive()
        for span in self._spans:
            span.finish(self.seen.rows)
        taken, self.seen = self.seen, Seen()
        return taken

    def stop(self) -> None:
        """End the implementation. Raises ImplementationError when it does not end properly."""
        while self._waiting:
            self._receive()
        self._implementation.stop()

    def kill(self) -> None:
        """Kill the implementation."""
        self._implementation.kill()

    def _ask(self, target: int) -> None:
        begin = clock.nanoseconds()
        path = self._paths[target]
        running = self._implementation
        try:
            if isinstance(running, ServeImplementation):
                self._waiting.append((running.send("read", path=path), target, begin))
                if len(self._waiting) >= self._plan.pipeline:
                    self._receive()
            else:
                self._judge(running.request("read", path=path), target, begin)
        except ImplementationError as error:
            self._died(error)

    def _receive(self) -> None:
        number, target, begin = self._waiting.popleft()
        assert isinstance(self._implementation, ServeImplementation)
        try:
            self._judge(self._implementation.receive(number), target, begin)
        except ImplementationError as error:
            self._died(error)

    def _judge(self, answer: Answer, target: int, begin: int) -> None:
        end = clock.nanoseconds()
        seen, span = self.seen, self._spans[target]
        seen.reads += 1
        if seen.reads % 64 == 1:
            seen.latencies.append(end - begin)
        status = answer.fields.get("status")
        if not answer.ok or status is None:
            answered = "null" if answer.ok else f"{answer.error}: {answer.message}"
            seen.note(
                ObservedViolation(
                    "misread", end, f"the target always held a document, and the reader answered {answered}"
                )
            )
            return
        try:
            identity: Identity = identify_values(status)
        except Violation as violation:
            seen.note(ObservedViolation("misread", end, str(violation), evidence_of(violation)))
            return
        if identity != span.identity:
            seen.changes += 1
            span.finish(seen.rows)
        span.extend(identity, begin, end)

    def _died(self, error: ImplementationError) -> None:
        now = clock.nanoseconds()
        self._waiting.clear()
        self._implementation.kill()
        if self._deaths < self._counters.get("kills"):
            self._deaths = self._counters.get("kills")
        else:
            self.seen.note(ObservedViolation("misread", now, f"the reader {error}", {"stderr": ends_of(error.stderr)}))
        self._implementation = self._start()

    def _start(self) -> ServeImplementation | OneshotImplementation:
        started = start_despite_kills(self._manifest, self._plan.launch_options, self._counters, self._deaths)
        self._deaths = started.kills
        return started.implementation
