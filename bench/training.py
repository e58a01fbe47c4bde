"""What ``pulse.training`` costs a training loop with steps of 1 ms, with the noise of the machine beside it.

``python -m bench.training --dir FOLDER`` measures in one folder. Short blocks of the loop with the status stand between
blocks without it, and so do blocks of the same loop without it (the noise floor) and with updates that are not written.
"""

from __future__ import annotations

import hashlib
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import click

from bench.measure import Row, Section, per_operation
from conformance.system.platform import file_system_of
from pulse import training

if sys.platform == "linux":
    import resource

__all__ = ["KINDS", "LIMIT_PERCENT", "STEPS", "Block", "Trial", "cost_of", "median_interval", "section", "slower"]

LIMIT_PERCENT = 0.1
"""How much slower the loop may be, in per cent."""

KINDS = {
    "with": "with the status",
    "update": "with updates that are not written",
    "control": "the same loop",
}
"""Kinds of blocks that are compared with the plain ones around them, and how the output calls them."""

_STEP_SECONDS = 0.001
_STEPS_PER_BLOCK = 240  # just below the 0.25 s between two writes: one write for each block
_NEVER = 1e6  # seconds between two writes
_RESAMPLES = 1000


@dataclass(frozen=True)
class Block:
    """What one block of steps took.

    Attributes:
        wall: seconds of a step.
        thread: seconds of CPU time of a step, by the loop's own thread.
        process: seconds of CPU time of a step, by all threads of the process.
        waits: how often the loop's thread waited in the whole block, for the interpreter's lock or anything else.
    """

    wall: float
    thread: float
    process: float
    waits: float


@dataclass(frozen=True)
class Trial:
    """One block and the plain blocks before and after it, whose mean it is compared with: drift cancels out."""

    before: Block
    block: Block
    after: Block


def slower(trials: Sequence[Trial], member: str) -> list[float]:
    """How much more of ``member`` the blocks took than the plain ones around them, in per cent."""
    return [
        (2.0 * getattr(one.block, member) / (getattr(one.before, member) + getattr(one.after, member)) - 1.0) * 100.0
        for one in trials
    ]


def more_waits(trials: Sequence[Trial]) -> float:
    """How much more often the loop's thread waited in a block than in the plain ones around it, on average."""
    return statistics.fmean(one.block.waits - (one.before.waits + one.after.waits) / 2.0 for one in trials)


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """A 95 % confidence interval of the median: the percentile bootstrap, always with the same random numbers."""
    choices = random.Random(0).choices
    medians = sorted(statistics.median(choices(values, k=len(values))) for _ in range(_RESAMPLES))
    return medians[_RESAMPLES // 40], medians[-_RESAMPLES // 40 - 1]


def _python_step(size: int) -> None:
    """A step in Python code, which never lets another thread run of its own accord."""
    total = 0
    for number in range(size):
        total += number


def _native_step(size: int, data: bytes = b"x" * 4_000_000) -> None:
    """A step in native code that lets other threads run meanwhile, as a call into PyTorch does."""
    hashlib.sha256(memoryview(data)[:size])


STEPS: dict[str, Callable[[int], None]] = {"native": _native_step, "Python": _python_step}
"""Kinds of steps: name → a function that works for a time proportional to its argument."""


def _size_of_a_step(step: Callable[[int], None]) -> int:
    """The argument with which ``step`` takes 1 ms here."""
    size = 10_000
    while True:
        seconds = min(_seconds(step, size) for _ in range(20))
        if seconds > _STEP_SECONDS / 4:
            return round(size * _STEP_SECONDS / seconds)
        size *= 2


def _seconds(step: Callable[[int], None], size: int) -> float:
    start = time.perf_counter()
    step(size)
    return time.perf_counter() - start


def cost_of(step: Callable[[int], None], folder: Path, rounds: int) -> dict[str, list[Trial]]:
    """Run every kind of block once per round, in a random order; the statuses are written into ``folder``.

    Returns:
        Kind (see :data:`KINDS`) → its trials.

    Raises:
        RuntimeError: a write failed.
    """
    size = _size_of_a_step(step)
    trials: dict[str, list[Trial]] = {kind: [] for kind in KINDS}
    shuffle = random.Random(0).shuffle

    def plain() -> None:
        for _ in range(_STEPS_PER_BLOCK):
            step(size)

    with tempfile.TemporaryDirectory(dir=folder, prefix="bench-") as inner:
        written = training(Path(inner) / "status.json", total_epochs=1)
        silent = training(Path(inner) / "silent.json", total_epochs=1, interval=_NEVER)

        def with_updates() -> None:
            for number in range(_STEPS_PER_BLOCK):
                step(size)
                written.update(number / _STEPS_PER_BLOCK, loss=0.5)

        def updates_alone() -> None:
            for number in range(_STEPS_PER_BLOCK):
                step(size)
                silent.update(number / _STEPS_PER_BLOCK, loss=0.5)

        loops = {"with": with_updates, "update": updates_alone, "control": plain}
        written.start()
        silent.start()
        before = _measured(plain)
        for _ in range(rounds):
            order = list(loops)
            shuffle(order)
            for kind in order:
                block = _measured(loops[kind])
                if kind == "with":  # what is still to be written must not fall into the next block
                    written.close()
                    written.start()
                after = _measured(plain)
                trials[kind].append(Trial(before, block, after))
                before = after
        written.close()
        silent.close()
        if failed := written.problems + silent.problems:
            raise RuntimeError(f"{failed} writes into {folder} failed: nothing was measured")
    return trials


def _measured(loop: Callable[[], None]) -> Block:
    waits, process, thread, start = _waits(), time.process_time(), time.thread_time(), time.perf_counter()
    loop()
    wall, own, all_threads = time.perf_counter() - start, time.thread_time() - thread, time.process_time() - process
    wall, own, all_threads = (seconds / _STEPS_PER_BLOCK for seconds in (wall, own, all_threads))
    return Block(wall, own, all_threads, _waits() - waits)


def _waits() -> int:
    """How often this thread has waited so far; 0 where the system does not count it."""
    if sys.platform == "linux":
        return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
    return 0


def _row(what: str, kind: str, trials: dict[str, list[Trial]], member: str) -> Row:
    """The row of one kind of block and one member of :class:`Block`; the noise floor is in the note."""
    values = slower(trials[kind], member)
    first, median, third = statistics.quantiles(values, n=4, method="inclusive")
    ours = statistics.median(getattr(one.block, member) for one in trials[kind])
    other = statistics.median(getattr(one.before, member) for one in trials[kind])
    note = f"{_shown(values)} {KINDS[kind]}; {_shown(slower(trials['control'], member))} {KINDS['control']}"
    if member == "wall" and sys.platform == "linux":
        note += f"; waits per block: {more_waits(trials[kind]):+.1f}, {more_waits(trials['control']):+.1f}"
    ratio, worst, best, limit = (1.0 / (1.0 + value / 100.0) for value in (median, third, first, LIMIT_PERCENT))
    return Row(what, per_operation(ours), per_operation(other), ratio, (worst, best), len(values), note, limit)


def _shown(values: Sequence[float]) -> str:
    low, high = median_interval(values)
    return f"{statistics.median(values):+.3f} % (95 %: {low:+.3f} to {high:+.3f} %)"


def section(folders: dict[str, Path], rounds: int, say: Callable[[str], None]) -> Section:
    """The table: every kind of step on every file system (its name → a folder on it)."""
    rows = []
    for file_system, folder in folders.items():
        for name in STEPS:
            what = f"a {name} step of 1 ms, {file_system}"
            trials = _in_a_process(name, folder, rounds, what, say)
            rows += [
                _row(what, "with", trials, "wall"),
                _row(f"{what}: the loop's CPU time", "with", trials, "thread"),
                _row(f"{what}: CPU time of all threads", "with", trials, "process"),
                _row(f"{what}, nothing written", "update", trials, "wall"),
                _row(f"{what}, nothing written: the loop's CPU time", "update", trials, "thread"),
            ]
    return Section(
        "What a status costs a training",
        "A loop of steps of 1 ms that calls `update` after each, at the default of 4 writes a second, against the same "
        "loop without it: a block of 0.24 s between two plain ones. The noise floor is the plain loop, measured in the "
        "same way. The intervals are those of the median, by bootstrap. A native step lets other threads run, as a "
        "call into PyTorch does; a Python step does not. Waits are those of the loop's thread, for the interpreter's "
        "lock or anything else.",
        tuple(rows),
        ours="with",
        other="without",
    )


def _in_a_process(
    name: str, folder: Path, rounds: int, what: str, say: Callable[[str], None]
) -> dict[str, list[Trial]]:
    """:func:`cost_of` in a process of its own, which nothing else has warmed up or filled with threads."""
    say(f"{what}: {rounds} rounds")
    command = [sys.executable, "-m", "bench.training", "--dir", str(folder), "--rounds", str(rounds), "--json", name]
    done = subprocess.run(command, capture_output=True, check=True, text=True, cwd=Path(__file__).parents[1])
    return {
        kind: [Trial(*(Block(*block) for block in trial)) for trial in trials]
        for kind, trials in json.loads(done.stdout).items()
    }


@click.command()
@click.option(
    "--dir", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=tempfile.gettempdir
)
@click.option("--rounds", type=click.IntRange(2), default=100, show_default=True, help="Each takes some 1.5 s.")
@click.option("--json", "name", type=click.Choice(list(STEPS)), help="Only this kind of step; print the trials.")
def main(folder: Path, rounds: int, name: str | None) -> None:
    """Measure what a status costs a training loop."""
    if name is not None:
        trials = cost_of(STEPS[name], folder, rounds)
        print(json.dumps({kind: [astuple(trial) for trial in found] for kind, found in trials.items()}))
        return
    for row in section({file_system_of(folder): folder}, rounds, lambda text: None).rows:
        lines = [f"{row.what}: {row.ours} with, {row.other} without, {row.runs} rounds", *row.note.split("; ")]
        print("\n    ".join(lines))


if __name__ == "__main__":
    main()
