"""The command run again, once for each point: killed there, or made to fail there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from conformance.judge.answers import Visited, shown
from conformance.judge.content import Wholeness
from conformance.judge.execution import Command, run_traced
from conformance.judge.folder import Stage, listing
from conformance.judge.points import Planned, evenly, hit
from conformance.oracle.snapshot import snapshot

__all__ = ["revisit", "visit"]

_TRIES = 3  # threads that take turns change the order of operations


def revisit(
    stage: Stage,
    command: Command,
    points: Sequence[Planned],
    wholes: Mapping[str, Wholeness],
    usual: frozenset[str],
    *,
    seed: int,
    seconds: float,
    progress: Callable[[int], None] = lambda done: None,
) -> Iterator[Visited]:
    """Visit as many points as fit into a number of seconds, evenly spread. ``usual`` are names that a run leaves."""
    until = time.monotonic() + seconds
    for done, planned in enumerate(evenly(points, seed)):
        if time.monotonic() >= until:
            return
        progress(done)
        yield visit(stage, command, planned, wholes[planned.target], usual)


def visit(stage: Stage, command: Command, planned: Planned, whole: Wholeness, usual: frozenset[str]) -> Visited:
    """One point. A run in which the operation with its number is another one is repeated."""
    for _ in range(_TRIES):
        stage.reset()
        existing = listing(stage.root)
        ended = run_traced(stage, command, existing, planned.point.rules())
        fired = any(each.number == planned.point.number and each.action != "hold" for each in ended.report.fired)
        if not fired or not hit(planned, ended.operations):
            continue
        state = whole.state(snapshot(stage.root / planned.target))
        folders = {str(PurePosixPath(planned.target).parent), "tmp"}
        left = sorted(
            name.removeprefix("work/")
            for name in listing(stage.root).keys() - existing.keys() - usual
            if str(PurePosixPath(name).parent) in folders
        )
        operation = shown(ended.operations[planned.point.number])
        broken = whole.is_broken(state)
        return Visited(planned, True, ended.status, state, broken, tuple(left), operation)
    return Visited(planned, False)
