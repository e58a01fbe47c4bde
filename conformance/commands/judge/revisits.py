"""The command run again, once for each point: killed there, or made to fail there."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from conformance.commands.judge.answers import Visited, shown
from conformance.commands.judge.content import Wholeness
from conformance.commands.judge.execution import Command, run_traced
from conformance.commands.judge.folder import Stage, listing
from conformance.commands.judge.points import Planned, evenly, hit
from conformance.commands.judge.resuming import Again, resumed, writes
from conformance.commands.judge.undisturbed import Traced
from conformance.oracle.snapshot import snapshot
from conformance.syscalls.operations import Operation

__all__ = ["left_behind", "revisit", "visit"]

_TRIES = 3  # threads that take turns change the order of operations


def revisit(
    stage: Stage,
    command: Command,
    points: Sequence[Planned],
    wholes: Mapping[str, Wholeness],
    traced: Traced,
    usual: frozenset[str],
    again: Again | None,
    *,
    seed: int,
    seconds: float,
    progress: Callable[[int], None] = lambda done: None,
) -> Iterator[Visited]:
    """Visit as many points as fit into a number of seconds, evenly spread. ``usual`` are names that a run leaves."""
    names = frozenset(each.name for each in traced.ended.operations)
    until = time.monotonic() + seconds
    for done, planned in enumerate(evenly(points, seed)):
        if time.monotonic() >= until:
            return
        progress(done)
        yield visit(stage, command, planned, wholes[planned.target], names, usual, again)


def visit(
    stage: Stage,
    command: Command,
    planned: Planned,
    whole: Wholeness,
    names: frozenset[str],
    usual: frozenset[str],
    again: Again | None = None,
) -> Visited:
    """One point. A run in which the operation with its number is another one is repeated.

    ``names`` are those of the undisturbed run's operations, ``usual`` those of the files that it left. After a kill
    comes the run of ``again``.
    """
    for _ in range(_TRIES):
        stage.reset()
        existing = listing(stage.root)
        ended = run_traced(stage, command, existing, planned.point.rules())
        fired = any(each.number == planned.point.number and each.action != "hold" for each in ended.report.fired)
        state = whole.state(snapshot(stage.root / planned.target))
        meant = hit(planned, ended.operations, names)
        # A kill that breaks the file does so at whatever operation it came.
        if not fired or not (meant or (planned.kills and whole.is_broken(state))):
            continue
        left = left_behind(ended.operations, planned, listing(stage.root).keys() - existing.keys() - usual)
        operation = shown(ended.operations[planned.point.number])
        broken = whole.is_broken(state)
        visited = Visited(planned, True, ended.status, state, broken, left, operation)
        if again is None or not planned.kills:
            return visited
        done = writes(ended.operations, again.names)
        return dataclasses.replace(visited, done=done, resumed=resumed(stage, again, planned.target, whole, state))
    return Visited(planned, False)


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
