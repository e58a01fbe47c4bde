"""How a point is found again in a write whose operations are not those of the recorded one."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from conformance.syscalls.operations import Operation
from conformance.syscalls.points import Point, role
from conformance.syscalls.tracer.messages import Anchor

__all__ = ["Aim", "anchor_of"]


def anchor_of(number: int, operations: Sequence[Operation]) -> Anchor:
    """Operation ``number`` of a recorded write, by its call and how many of these came before it."""
    name = operations[number].call.name
    return Anchor(name, sum(each.call.name == name for each in operations[:number]), number)


@dataclasses.dataclass(frozen=True)
class Aim:
    """The tries to hit a point, and what the tries that missed it have seen.

    ``recorded`` are the operations of the recorded write, none for one that is the same each time.
    """

    point: Point
    target: str
    recorded: Sequence[Operation]
    tries: int

    def anchors(self, missed: Sequence[Sequence[Operation]]) -> Iterator[Anchor | None]:
        """Where to aim in each try; ``missed`` grows with each one that missed.

        The second half of the tries settles for the nearest operation of its kind that every one of these had, the last
        try for the first one.
        """
        anchor = anchor_of(self.point.number, self.recorded) if self.recorded else None
        for number in range(self.tries):
            if anchor is not None and number >= self.tries // 2:
                of_one = min if number == self.tries - 1 else max
                found = [list(self._alike(operations, anchor.call)) for operations in missed]
                anchor = anchor._replace(nth=min((of_one(each) for each in found if each), default=anchor.nth))
            yield anchor

    def _alike(self, operations: Iterable[Operation], call: str) -> Iterator[int]:
        """Which of its calls are of the point's kind, on the same file."""
        counts: Counter[str] = Counter()
        for each in operations:
            if each.call.name == call and self.hits(each):
                yield counts[call]
            counts[each.call.name] += 1

    def hits(self, operation: Operation) -> bool:
        """Whether an operation is of the point's kind, and on the same file."""
        return (operation.kind, role(operation.name, self.target)) == (self.point.kind, self.point.role)
