"""The points at which the command is run again, and the order in which they are tried. Pure functions."""

from __future__ import annotations

import dataclasses
import errno
import fnmatch
import itertools
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

from conformance.commands.judge.writes import Written, storing
from conformance.syscalls.operations import Operation
from conformance.syscalls.points import Point, Scenario, boundary_points, fault_points, filling_points

__all__ = ["Planned", "evenly", "hit", "led_to", "name_of", "planned", "selected"]


@dataclass(frozen=True)
class Planned:
    """One run: what is done at one operation on one file, which has the number ``point.number`` in the whole run.

    ``name`` is the file that the operation was on in the undisturbed run. ``after`` is the point of the run before, for
    a run that comes after a disturbed one.
    """

    target: str
    point: Point
    name: str = ""
    after: Planned | None = None

    @property
    def called(self) -> str:
        """What ``--point`` matches, such as ``12:write:ENOSPC``, or ``14:rename:kill-before/3:unlink:kill-after``."""
        return f"{self.after.called}/{name_of(self.point)}" if self.after else name_of(self.point)

    @property
    def kills(self) -> bool:
        """Whether the command is killed there, and does not see an error."""
        return self.point.what == "kill"

    @property
    def kills_at_all(self) -> bool:
        """Whether this run or the one before it is killed."""
        return self.kills or (self.after is not None and self.after.kills_at_all)


def planned(operations: Sequence[Operation], written: Written, after: Planned | None = None) -> list[Planned]:
    """Every point of one file: a kill at each boundary, each errno, a disk that stays full from an operation on, and
    one that fills up in the middle of a write.

    ``after`` is the point of the run before, of which these operations are the next.
    """
    chosen = storing(operations, written)
    # The functions that make points expect a trace of these operations alone.
    own = [each._replace(number=index) for index, each in enumerate(chosen)]
    numbers = [each.number for each in chosen]
    scenario: Scenario = "replace" if written.existed else "first"
    points = [
        *boundary_points(own, scenario, written.name),
        *(each for each in fault_points(own, "replace", written.name) if _is_wanted(each)),
        *filling_points(own, "replace", written.name),
    ]
    return [
        Planned(
            written.name,
            dataclasses.replace(each, scenario=scenario, number=numbers[each.number]),
            chosen[each.number].name,
            after,
        )
        for each in points
    ]


def _is_wanted(point: Point) -> bool:
    return point.what == "error" or (point.what == "lasting" and point.error == errno.ENOSPC)


def name_of(point: Point) -> str:
    """A point of one run, such as ``12:write:ENOSPC`` or ``14:rename:kill-after``."""
    return point.name.partition(":")[2]


def selected(points: Sequence[Planned], glob: str) -> list[Planned]:
    """The points whose names match."""
    return [each for each in points if fnmatch.fnmatchcase(each.called, glob)]


def led_to(points: Sequence[Planned], glob: str) -> list[Planned]:
    """The points after which the next run has points whose names match: those that ``glob`` names before its slash."""
    return selected(points, glob.partition("/")[0])


def evenly(points: Sequence[Planned], seed: int) -> Iterator[Planned]:
    """All points, such that those that have come so far are always spread over the whole run.

    Kills and errors take turns, file by file and run by run. The seed decides where each series starts.
    """
    series: dict[tuple[str, bool, Planned | None], list[Planned]] = {}
    for each in points:
        series.setdefault((each.target, each.kills, each.after), []).append(each)
    orders = [[of_one[index] for index in _spread(len(of_one), seed)] for of_one in series.values()]
    for several in itertools.zip_longest(*orders):
        yield from (each for each in several if each is not None)


def _spread(count: int, seed: int) -> list[int]:
    """The numbers below ``count``, each as far from those before as bit reversal gets it."""
    bits = max(count - 1, 0).bit_length()
    reverse = (int(f"{index:0{bits}b}"[::-1], 2) if bits else 0 for index in range(1 << bits))
    return [(index + seed) % count for index in reverse if index < count]


def hit(planned: Planned, operations: Sequence[Operation], usual: Container[str]) -> bool:
    """Whether the operation with the number of a point is, in this run, the one that was meant.

    It has to be of the same kind, and on a file of the same name; or both names are drawn in each run, as those of
    temps may be: neither is in the other run. ``usual`` are the names of the undisturbed run.
    """
    number = planned.point.number
    if number >= len(operations) or operations[number].kind != planned.point.kind:
        return False
    name = operations[number].name
    if name == planned.name:
        return True
    return name not in usual and all(each.name != planned.name for each in operations)
