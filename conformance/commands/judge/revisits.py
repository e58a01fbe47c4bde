"""The command run again, once for each point: killed there, or made to fail there."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from conformance.commands.judge.answers import Visited, shown
from conformance.commands.judge.content import Wholeness
from conformance.commands.judge.execution import Command, run_traced
from conformance.commands.judge.folder import Stage, listing
from conformance.commands.judge.points import Planned, evenly, hit
from conformance.commands.judge.resuming import Again, resumed, writes
from conformance.oracle.snapshot import snapshot
from conformance.syscalls.operations import Operation

__all__ = ["Way", "left_behind", "reach", "revisit", "visit"]

_TRIES = 3  # threads that take turns change the order of operations


@dataclass(frozen=True)
class Way:
    """What is run and disturbed. ``ready`` makes the folder as it is before that, and says whether it could.

    ``names`` are those of the undisturbed run's operations, ``usual`` those of the files that it leaves.
    """

    command: Command
    names: frozenset[str]
    usual: frozenset[str]
    ready: Callable[[], bool]


def revisit(
    stage: Stage,
    way: Way,
    points: Sequence[Planned],
    wholes: Mapping[str, Wholeness],
    again: Again | None,
    *,
    seed: int,
    seconds: float,
    goes_on: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> Iterator[Visited]:
    """Visit as many points as fit into a number of seconds, evenly spread. ``goes_on`` is as in `visit`."""
    until = time.monotonic() + seconds
    for done, planned in enumerate(evenly(points, seed)):
        if time.monotonic() >= until:
            return
        progress(done)
        yield visit(stage, way, planned, wholes[planned.target], again, goes_on=goes_on)


def visit(
    stage: Stage, way: Way, planned: Planned, whole: Wholeness, again: Again | None = None, *, goes_on: bool = False
) -> Visited:
    """One point. A run in which the operation with its number is another one is repeated.

    After a kill comes the run of ``again``; with ``goes_on`` it comes after an error, too.
    """
    for _ in range(_TRIES):
        if not way.ready():
            continue
        existing = listing(stage.root)
        ended = run_traced(stage, way.command, existing, planned.point.rules())
        fired = any(each.number == planned.point.number and each.action != "hold" for each in ended.report.fired)
        state = whole.state(snapshot(stage.root / planned.target))
        meant = hit(planned, ended.operations, way.names)
        # A kill that breaks the file does so at whatever operation it came.
        if not fired or not (meant or (planned.kills and whole.is_broken(state))):
            continue
        new = listing(stage.root).keys() - existing.keys() - way.usual
        left = left_behind(ended.operations, planned, new)
        operation = shown(ended.operations[planned.point.number])
        broken = whole.is_broken(state)
        visited = Visited(planned, True, ended.status, state, broken, left, operation)
        if again is None or not (planned.kills or goes_on):
            return visited
        return dataclasses.replace(
            visited,
            done=writes(ended.operations, again.names),
            leftovers={name: whole.state(snapshot(stage.root / name)) for name in new},
            resumed=resumed(stage, again, planned.target, whole, state),
        )
    return Visited(planned, False)


def reach(stage: Stage, way: Way, planned: Planned) -> bool:
    """Run and disturb the command at a point, and leave the folder as that leaves it. False when it was not hit."""
    for _ in range(_TRIES):
        if not way.ready():
            continue
        ended = run_traced(stage, way.command, listing(stage.root), planned.point.rules())
        fired = any(each.number == planned.point.number and each.action != "hold" for each in ended.report.fired)
        if fired and hit(planned, ended.operations, way.names):
            return True
    return False


def left_behind(operations: Sequence[Operation], planned: Planned, new: Collection[str]) -> tuple[str, ...]:
    """Of the new names, those of files that were made before the error, beside the target or in TMPDIR.

    What is made after it may be a log of the error.
    """
    folders = (str(PurePosixPath(planned.target).parent), "tmp")
    made: set[str] = set()
    for each in operations[: planned.point.number + 1]:
        if each.call.succeeded and each.kind in ("create", "rename", "link"):
            made.add(each.name if each.kind == "create" else each.other_name)
    beside = (name for name in made.intersection(new) if str(PurePosixPath(name).parent) in folders)
    return tuple(sorted(name.removeprefix("work/") for name in beside))
