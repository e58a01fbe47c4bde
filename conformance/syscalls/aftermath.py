"""The write after a fault: whether it works, and what a power cut at any point of it would leave of the target."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from conformance.syscalls.operations import Operation
from conformance.syscalls.order import publishing, unseen_origin
from conformance.syscalls.powerloss.model import judge
from conformance.syscalls.recording import Place, Recording, annotated, before_of
from conformance.syscalls.tracer.calls import TraceError

__all__ = ["Aftermath", "Judgements"]


@dataclass(frozen=True)
class Aftermath:
    """The next write: its ``answer``, as in `Injection.next_write`, and what a power cut may leave of it.

    ``torn`` and ``lost`` say in words what breaks PWR-01 and PWR-02, empty for nothing. ``trace`` is the annotated
    trace, empty when the model could not follow the write.
    """

    answer: str
    torn: str = ""
    lost: str = ""
    trace: tuple[str, ...] = ()


class Judgements:
    """What the power model says of writes. Most are alike but for their names: each kind of write is judged once."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[str, str, int | None]] = {}

    def of(self, place: Place, operations: tuple[Operation, ...], answer: str) -> Aftermath:
        """The aftermath of a write that succeeded, at a place as it was before it."""
        if not publishing(operations, place.name) or unseen_origin(operations, place.name):
            return Aftermath(answer)
        recording = Recording(place, operations, frozenset())
        try:
            kind = _kind_of(recording)
            if kind not in self._known:
                judgement = judge(operations, before_of(recording))
                torn, lost = judgement.torn, judgement.lost
                found = torn or lost
                self._known[kind] = (
                    torn.story if torn else "",
                    lost.story if lost and not torn else "",  # of a torn document nothing survives, either
                    found.cut.operation if found else None,
                )
        except TraceError:
            return Aftermath(answer)
        torn_story, lost_story, at = self._known[kind]
        return Aftermath(answer, torn_story, lost_story, annotated(operations, at))


def _kind_of(recording: Recording) -> Hashable:
    """What the model looks at, with a number for each name, process and address in the order of their appearance."""
    numbers: dict[Hashable, int] = {}

    def number(value: Hashable) -> int:
        return numbers.setdefault(value, len(numbers))

    before = before_of(recording)
    number(before.target)
    others = tuple((number(name), length) for name, length in sorted(before.others.items()))
    return (
        before.old_length,
        before.new_length,
        others,
        tuple(
            (
                each.kind,
                each.call.name,
                *(number(name) for name in (each.name, each.other_name)),
                number(("process", each.call.process)),
                number(("address", each.call.arguments.get("address"))),
                each.call.arguments.get("length"),
                each.call.arguments.get("mode"),
                *(each.descriptor, each.flags, each.offset, each.length),
                *(each.call.begun, each.call.ended, each.call.error),
                number(("result", each.call.result)),
            )
            for each in recording.operations
        ),
    )
