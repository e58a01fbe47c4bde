"""What disturbs a run: kills, pauses and faults, drawn from the seed and applied to processes of the run.

It hits the processes of implementations and the kit's readers; the processes that drive implementations live on and
report what happened. A kill between two writes counts like any other. A process that is just being started is left
alone, because no clause is about starting; of a fault also until it has answered a write.
"""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from stress.record.scenario import Chaos

__all__ = ["Action", "Hit", "alive", "hit", "release", "schedule", "supported"]

_LONGEST_PAUSE = 0.1  # seconds
_LONGEST_FAULT = 0.03  # seconds
_FEW_BYTES = 100


@dataclass(frozen=True)
class Action:
    """A disturbance ``at`` this many seconds after the load started, of process ``number`` (0, 1, …) of its kind.

    A pause or a fault ends after ``hold`` seconds. ``limit`` is the resource that a fault takes away.
    """

    at: float
    kind: Chaos
    of_writers: bool
    number: int
    hold: float = 0.0
    limit: str = ""

    def described(self) -> str:
        """The action in words."""
        process = f"{'writer' if self.of_writers else 'reader'} {self.number + 1}"
        words = {
            "kill": f"kill {process}",
            "kill-reader": f"kill {process}",
            "pause": f"stop {process} for {self.hold * 1000:.0f} ms",
            "fault": f"no {self.limit} for {process} for {self.hold * 1000:.0f} ms",
        }
        return f"{self.at:.3f} s: {words[self.kind]}"


def supported(kind: Chaos) -> bool:
    """Whether this system supports it: faults lower a limit of another process, which only Linux can do."""
    return kind != "fault" or sys.platform == "linux"


def schedule(seed: int, kinds: tuple[Chaos, ...], rate: float, writers: int, readers: int) -> Iterator[Action]:
    """The actions of a run, without end: ``rate`` a second on average. The same seed gives the same series."""
    draw = random.Random(f"{seed} chaos")
    at = 0.0
    while kinds:
        at += draw.expovariate(rate)
        kind = draw.choice(kinds)
        of_writers = kind != "kill-reader" and (kind != "pause" or draw.random() < 0.7 or not readers)
        yield Action(
            at,
            kind,
            of_writers,
            draw.randrange(writers if of_writers else max(1, readers)),
            draw.uniform(0.005, _LONGEST_PAUSE if kind == "pause" else _LONGEST_FAULT),
            draw.choice(("descriptors", "file size")) if kind == "fault" else "",
        )


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those of them that still run: neither ended nor zombies."""
    running = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                running.append(process)
    return running


@dataclass(frozen=True)
class Hit:
    """A process that an action hit, and its soft limit before a fault lowered it."""

    process: psutil.Process
    limit: int = 0


def hit(action: Action, processes: list[psutil.Process]) -> list[Hit]:
    """Apply an action to these processes. Returns those that it hit, for `release`."""
    done = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            before = 0
            if action.kind in ("kill", "kill-reader"):
                process.kill()
            elif action.kind == "pause":
                process.suspend()
            else:
                taken_away = 0 if action.limit == "descriptors" else _FEW_BYTES
                before = _set_limit(process, action.limit, taken_away)
                if before == taken_away:
                    continue  # an earlier fault still lasts, and will restore the limit
            done.append(Hit(process, before))
    return done


def release(action: Action, hits: list[Hit]) -> None:
    """End a pause or a fault."""
    for one in hits:
        with contextlib.suppress(psutil.NoSuchProcess):
            if action.kind == "pause":
                one.process.resume()
            elif action.kind == "fault":
                _set_limit(one.process, action.limit, one.limit)


def _set_limit(process: psutil.Process, limit: str, soft: int) -> int:
    """Set a soft limit (prlimit(2)). Returns what it was."""
    if sys.platform != "linux":
        raise RuntimeError("the limits of another process can be changed on Linux only (see `supported`)")
    resource = psutil.RLIMIT_NOFILE if limit == "descriptors" else psutil.RLIMIT_FSIZE
    before, hard = process.rlimit(resource)
    process.rlimit(resource, (soft, hard))
    return int(before)
