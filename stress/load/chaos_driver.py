"""Carries out the chaos of a run: hits processes when it is due, and ends pauses and faults in time."""

from __future__ import annotations

import heapq
import itertools

import psutil

from stress.judge.tally import Tally
from stress.load import chaos
from stress.load.pause_guard import PauseGuard
from stress.load.plan import LoadPlan
from stress.load.process_group import ProcessGroup
from stress.record import clock

__all__ = ["ChaosDriver"]


class ChaosDriver:
    """The chaos of one run, from its scenario and seed. Times are seconds since the load started."""

    def __init__(self, plan: LoadPlan, group: ProcessGroup, tally: Tally, guard: PauseGuard) -> None:
        scenario = plan.scenario
        self._plan, self._group, self._tally, self._guard = plan, group, tally, guard
        self._actions = chaos.schedule(
            scenario.seed, scenario.chaos, scenario.chaos_rate, scenario.writers, scenario.readers
        )
        self._next = next(self._actions, None)
        # When it ends, a number that makes entries comparable, the action, what it hit, and when (nanoseconds).
        self._pending: list[tuple[float, int, chaos.Action, list[chaos.Hit], int]] = []
        self._order = itertools.count()

    def act_until(self, now: float) -> None:
        """Carry out every action that is due, and end what is over."""
        while self._next is not None and self._next.at <= now:
            self._act(self._next)
            self._next = next(self._actions, None)
        self._release_until(now)

    def release_all(self) -> None:
        """End every pause and fault."""
        self._release_until(float("inf"))

    def _act(self, action: chaos.Action) -> None:
        members = self._group.writers if action.of_writers else self._group.readers
        member = members[action.number]
        if action.kind in ("fault", "kill") and member.counters.get("starting"):
            return  # it would hit a start, which no clause is about
        if action.kind == "fault" and member.counters.get("fresh"):
            return  # so would this: Go's runtime opens what it needs at the first write, and ends without it
        own_process = not action.of_writers and not self._plan.is_under_test(action.number)
        targets = chaos.alive([psutil.Process(member.process.pid)] if own_process else member.implementations())
        if targets and action.kind in ("kill", "kill-reader") and not own_process:
            # Before the kill, and never taken back: the process that drives it may be looking at any moment.
            member.counters.add("kills", 1)
        begin = clock.nanoseconds()  # before the hit: its effect may be there before this process goes on
        if action.kind == "pause":
            self._guard.before_stopping(targets)
        hits = chaos.hit(action, targets)
        if not hits:
            return
        counts = {"pause": "pauses", "kill-reader": "reader_kills"}
        self._tally.acted(action.described(), **({counts[action.kind]: 1} if action.kind in counts else {}))
        if action.kind == "kill-reader" and own_process:
            member.restart("watch")  # what it had seen since its last report is lost
        elif action.kind in ("pause", "fault"):
            end = self._tally.seconds + action.hold
            heapq.heappush(self._pending, (end, next(self._order), action, hits, begin))

    def _release_until(self, now: float) -> None:
        while self._pending and self._pending[0][0] <= now:
            _, _, action, hits, begin = heapq.heappop(self._pending)
            chaos.release(action, hits)
            if action.kind == "pause":
                self._guard.after_resuming(one.process for one in hits)
            if action.kind == "fault":
                number = self._group.number_of(self._group.writers[action.number])
                self._tally.faulted(number, begin, clock.nanoseconds())
