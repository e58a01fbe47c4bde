"""What the tracer notes of one request: its operations, as they begin and end, and the rules that were carried out."""

from __future__ import annotations

from conformance.syscalls.operations import Concern
from conformance.syscalls.tracer.calls import Argument, Begun, Call
from conformance.syscalls.tracer.messages import Fired, Plan, Report

__all__ = ["Recording"]


class Recording:
    """One armed period. ``caught``: the signals that the command had a handler for when the period started;
    ``blocked``: those that its first thread blocked.
    """

    def __init__(self, plan: Plan, *, caught: frozenset[int], blocked: frozenset[int] = frozenset()) -> None:
        self.plan = plan
        self.concern = Concern(plan.folder, plan.elsewhere)
        self.caught = caught
        self.blocked = blocked
        self.calls: list[Call] = []
        self.fired: list[Fired] = []
        self.begun: dict[int, Begun] = {}  # by thread
        self.moments = 0
        self.operations = 0
        self.counts: dict[str, int] = {}  # of the operations, by the name of their call
        self.shift: int | None = None if plan.anchor else 0  # of the rules' numbers; None before the anchor
        self.outlived = False

    def moment(self) -> int:
        self.moments += 1
        return self.moments

    def begin(self, thread: int, name: str, arguments: dict[str, Argument]) -> Begun:
        """Number an operation that starts."""
        begun = self.begun[thread] = Begun(self.operations, self.moment(), name, arguments)
        nth = self.counts.get(name, 0)
        self.operations, self.counts[name] = self.operations + 1, nth + 1
        if self.plan.anchor is not None and (name, nth) == self.plan.anchor[:2]:
            self.shift = begun.number - self.plan.anchor.number
        return begun

    def report(self, threads: dict[int, int], ended: int | None) -> Report:
        """Everything recorded, with the calls that never returned."""
        unfinished = [
            Call(each.begun, None, threads.get(thread, thread), thread, each.name, each.arguments, None)
            for thread, each in self.begun.items()
        ]
        return Report((*self.calls, *unfinished), tuple(self.fired), ended, self.concern.outside, self.outlived)
