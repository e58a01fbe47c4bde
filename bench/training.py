"""What ``pulse.training`` costs a training loop with steps of 1 ms: with it and without it, in turns, in one process.

``python -m bench.training --dir FOLDER`` measures in one folder and prints the differences in per cent.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from bench.measure import Row, Section, interleave, per_operation
from conformance.system.platform import file_system_of
from pulse import training

__all__ = ["LIMIT_PERCENT", "STEPS", "Cost", "cost_of", "section"]

LIMIT_PERCENT = 0.1
"""How much slower the loop may be, in per cent."""

_STEP_SECONDS = 0.001
_STEPS_PER_BLOCK = 500  # half a second, with two writes


@dataclass(frozen=True)
class Cost:
    """What one kind of step costs, with updates and without.

    Attributes:
        wall: seconds of a step with updates and without, round by round.
        cpu: the same in CPU time of the whole process, the thread that writes included.
    """

    wall: tuple[list[float], list[float]]
    cpu: tuple[list[float], list[float]]


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


def cost_of(step: Callable[[int], None], folder: Path, rounds: int, progress: Callable[[int], None]) -> Cost:
    """Run blocks of steps with and without updates in turns; the status is written into ``folder``."""
    size = _size_of_a_step(step)
    cpu: dict[str, list[float]] = {"with": [], "without": []}

    def without() -> float:
        for _ in range(_STEPS_PER_BLOCK):
            step(size)
        return 0.0

    with tempfile.TemporaryDirectory(dir=folder, prefix="bench-") as inner:
        run = training(Path(inner) / "status.json", total_epochs=rounds)
        run.start()

        def with_updates() -> float:
            for number in range(_STEPS_PER_BLOCK):
                step(size)
                run.update(number / _STEPS_PER_BLOCK, loss=0.5)
            return 0.0

        def timed(name: str, block: Callable[[], float]) -> Callable[[], float]:
            def measure() -> float:
                busy, start = time.process_time(), time.perf_counter()
                block()
                seconds = (time.perf_counter() - start) / _STEPS_PER_BLOCK
                cpu[name].append((time.process_time() - busy) / _STEPS_PER_BLOCK)
                return seconds

            return measure

        wall = interleave({"with": timed("with", with_updates), "without": timed("without", without)}, rounds, progress)
        run.close()
        if run.problems:
            raise RuntimeError(f"{run.problems} writes into {folder} failed: nothing was measured")
    return Cost((wall["with"], wall["without"]), (cpu["with"], cpu["without"]))


def _row(what: str, series: tuple[list[float], list[float]]) -> Row:
    """The row of two series; the difference is in the note, in per cent."""
    ratios = [without / with_ for with_, without in zip(*series, strict=True)]
    first, _, third = statistics.quantiles(ratios, n=4, method="inclusive")
    median = statistics.median(ratios)
    with_, without = (statistics.median(seconds) for seconds in series)
    slower = [(1.0 / ratio - 1.0) * 100.0 for ratio in (median, third, first)]
    note = f"{slower[0]:+.3f} % with the status (quartiles {slower[1]:+.3f} to {slower[2]:+.3f} %)"
    limit = 1.0 / (1.0 + LIMIT_PERCENT / 100.0)
    return Row(what, per_operation(with_), per_operation(without), median, (first, third), len(ratios), note, limit)


def section(folders: dict[str, Path], rounds: int, say: Callable[[str], None]) -> Section:
    """The table: every kind of step on every file system (its name → a folder on it)."""
    rows = []
    for file_system, folder in folders.items():
        for name in STEPS:
            what = f"a {name} step of 1 ms, {file_system}"
            cost = _in_a_process(name, folder, rounds, what, say)
            rows += [_row(what, cost.wall), _row(f"{what}: CPU time", cost.cpu)]
    return Section(
        "What a status costs a training",
        "A loop of steps of 1 ms that calls `update` after each, at the default of 4 writes a second, against the same "
        "loop without it, in blocks of half a second in turns. A native step lets other threads run, as a call into "
        "PyTorch does; a Python step does not. CPU time is that of the process, with the thread that writes.",
        tuple(rows),
        ours="with",
        other="without",
    )


def _in_a_process(name: str, folder: Path, rounds: int, what: str, say: Callable[[str], None]) -> Cost:
    """:func:`cost_of` in a process of its own, which nothing else has warmed up or filled with threads."""
    say(f"{what}: {rounds} rounds")
    command = [sys.executable, "-m", "bench.training", "--dir", str(folder), "--rounds", str(rounds), "--json", name]
    done = subprocess.run(command, capture_output=True, check=True, text=True, cwd=Path(__file__).parents[1])
    wall, cpu = json.loads(done.stdout)
    return Cost((wall[0], wall[1]), (cpu[0], cpu[1]))


@click.command()
@click.option(
    "--dir", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=tempfile.gettempdir
)
@click.option("--rounds", type=click.IntRange(2), default=40, show_default=True)
@click.option("--json", "name", type=click.Choice(list(STEPS)), help="Only this kind of step; print the series.")
def main(folder: Path, rounds: int, name: str | None) -> None:
    """Measure what a status costs a training loop."""
    if name is not None:
        cost = cost_of(STEPS[name], folder, rounds, lambda done: None)
        print(json.dumps([cost.wall, cost.cpu]))
        return
    for row in section({file_system_of(folder): folder}, rounds, lambda text: None).rows:
        print(f"{row.what}: {row.ours} with, {row.other} without, {row.note}, {row.runs} rounds")


if __name__ == "__main__":
    main()
