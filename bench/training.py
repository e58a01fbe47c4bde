"""What ``pulse.training`` costs a training loop with steps of 1 ms, with the noise of the machine beside it.

``python -m bench.training --dir FOLDER`` measures in one folder. Every step of one loop is timed, and in half of its
stretches of 20 steps, drawn at random, ``update`` is called after each. So calls are measured by neighbouring stretches
with and without them, and a write by the steps that meet it and the steps around them: a machine whose speed drifts by
some per cent does not hide what takes a thousandth.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import statistics
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import click

from bench.measure import Row, Section, per_operation
from conformance.system.platform import file_system_of
from pulse import Pulse

__all__ = ["CALLS", "LIMIT_PERCENT", "STEPS", "Cost", "Estimate", "Recording", "cost", "record", "section"]

LIMIT_PERCENT = 0.1
"""How much slower the loop may be, in per cent."""

CALLS = ("nothing", "update", "an empty method")
"""What a stretch of the loop calls after each of its steps."""

_STEP_SECONDS = 0.001
_WRITES_PER_SECOND = 4.0
_STRETCH = 20  # steps; calls drawn for each step alone would take several times as long, for no branch is foreseen
_SETTLING = 3  # steps at the start of a stretch that do not count, and the fewest that do
_BEFORE, _AFTER = 1, 3  # steps that belong to a write
_AROUND = 40  # steps on each side whose mean a write is compared with
_BATCHES = 25
_TRIMMED = 0.1  # of the differences on each side: other programs take the processor now and then
_T = {24: 2.064}  # Student's t for 95 %, by degrees of freedom; 1.96 beyond
_ATTEMPTS, _TOLERANCE = 40, 0.05


@dataclass(frozen=True)
class Recording:
    """One run of a loop. Times are seconds of ``time.perf_counter``.

    Attributes:
        starts: when each step began, and when the last one ended: n + 1 of them.
        called: what was called at the end of each step, an index into :data:`CALLS`: n of them.
        writes: when each write of an update began and ended, and the CPU seconds that it took of its thread.
    """

    starts: Sequence[float]
    called: Sequence[int]
    writes: Sequence[tuple[float, float, float]]


@dataclass(frozen=True)
class Estimate:
    """A mean, with half the width of its 95 % confidence interval."""

    mean: float
    half: float

    def shown(self) -> str:
        """In per cent."""
        return f"{self.mean:+.3f} % (95 %: {self.mean - self.half:+.3f} to {self.mean + self.half:+.3f} %)"


@dataclass(frozen=True)
class Cost:
    """How much slower the loop was, in per cent of its steps, at a call for each step and 4 writes a second.

    Attributes:
        calls: by calling ``update``, when it does not ask for a write.
        empty: by calling a method of the same arguments that does nothing, instead.
        writes: by asking for a write, and by the write in the other thread.
        control: by nothing: neighbouring stretches without calls, and moments between two writes.
        step: seconds of a step.
        write: CPU seconds of a write, of the other thread: the median.
        pairs: how many pairs of neighbouring stretches were compared.
        count: how many writes there were.
    """

    calls: Estimate
    empty: Estimate
    writes: Estimate
    control: Estimate
    step: float
    write: float
    pairs: int
    count: int

    @property
    def total(self) -> Estimate:
        """Calls and writes."""
        return _sum(self.calls, self.writes)


def cost(recording: Recording) -> Cost:
    """What the calls and the writes of a recording took.

    Raises:
        ValueError: it is too short.
    """
    starts = recording.starts
    durations = [end - start for start, end in pairwise(starts)]
    met = [_window(starts, start, end) for start, end, _ in recording.writes]
    near = {number for window in met for number in window}
    more: list[list[float]] = [[] for _ in CALLS]
    for (one, called), (other, called_after) in pairwise(_stretches(durations, recording.called, near)):
        if not called or not called_after:
            more[called or called_after].append(one - other if called else other - one)
    step = statistics.median(durations)
    excess = [value for window in met if (value := _excess(durations, window, near)) is not None]
    between = [range(window.start - len(window) - _AROUND, window.start - _AROUND) for window in met]
    placebo = [value for window in between if (value := _excess(durations, window, near)) is not None]
    if min(map(len, (*more, excess, placebo))) < _BATCHES:
        raise ValueError("the recording is too short: record for some more seconds")
    per_step, per_second = 100.0 / step, 100.0 * _WRITES_PER_SECOND
    return Cost(
        _trimmed(more[1], per_step),
        _trimmed(more[2], per_step),
        _mean(excess, per_second),
        _sum(_trimmed(more[0], per_step), _mean(placebo, per_second)),
        step,
        statistics.median(cpu for _, _, cpu in recording.writes),
        len(more[1]),
        len(excess),
    )


def _stretches(durations: Sequence[float], called: Sequence[int], near: set[int]) -> Iterator[tuple[float, int]]:
    """The median step of each stretch, away from writes, and what was called there."""
    for first in range(0, len(durations) - _STRETCH + 1, _STRETCH):
        counted = [durations[n] for n in range(first + _SETTLING, first + _STRETCH) if n not in near]
        if len(counted) >= _SETTLING:
            yield statistics.median(counted), called[first]


def _window(starts: Sequence[float], start: float, end: float) -> range:
    """The steps that a write may have met."""
    first, last = bisect_right(starts, start) - 1, bisect_left(starts, end)
    return range(max(0, first - _BEFORE), min(len(starts) - 1, last + _AFTER))


def _excess(durations: Sequence[float], window: range, near: set[int]) -> float | None:
    """How many seconds longer these steps took than those around them; ``None`` when some of these are missing."""
    before = range(window.start - _AROUND, window.start)
    after = range(window.stop, window.stop + _AROUND)
    if before.start < 0 or after.stop > len(durations):
        return None
    around = [durations[number] for number in (*before, *after) if number not in near]
    if len(around) < _AROUND:
        return None
    return sum(durations[number] for number in window) - len(window) * statistics.fmean(around)


def _trimmed(values: Sequence[float], scale: float) -> Estimate:
    """The mean of the values without the outermost, over batches to which they are dealt out in turn."""
    batches = [sorted(values[number::_BATCHES]) for number in range(_BATCHES)]
    cut = [batch[round(len(batch) * _TRIMMED) : len(batch) - round(len(batch) * _TRIMMED)] for batch in batches]
    return _mean([statistics.fmean(batch) for batch in cut], scale)


def _mean(values: Sequence[float], scale: float) -> Estimate:
    t = _T.get(len(values) - 1, 1.96)
    half = t * statistics.stdev(values) / math.sqrt(len(values))
    return Estimate(statistics.fmean(values) * scale, half * scale)


def _sum(one: Estimate, other: Estimate) -> Estimate:
    """The sum of two independent estimates."""
    return Estimate(one.mean + other.mean, math.hypot(one.half, other.half))


def _python_step(size: int) -> None:
    """A step in Python code, which never lets another thread run of its own accord."""
    total = 0
    for number in range(size):
        total += number


def _native_step(size: int) -> None:
    """A step in native code that lets other threads run meanwhile, as a call into PyTorch does, and needs few data."""
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", size)


def _filling_step(size: int, data: bytes = b"x" * 8_000_000) -> None:
    """As :func:`_native_step`, with data that drive all else out of the processor's caches."""
    hashlib.sha256(memoryview(data)[:size])


STEPS: dict[str, Callable[[int], None]] = {
    "native": _native_step,
    "cache-filling native": _filling_step,
    "Python": _python_step,
}
"""Kinds of steps: name → a function that works for a time proportional to its argument."""


def _size_of_a_step(step: Callable[[int], None]) -> int:
    """The argument with which ``step`` takes 1 ms here, within 5 %.

    Raises:
        RuntimeError: none was found.
    """
    size = 64
    for _ in range(_ATTEMPTS):
        seconds = statistics.median(_seconds(step, size) for _ in range(50))
        if abs(seconds / _STEP_SECONDS - 1.0) < _TOLERANCE:
            return size
        size = max(1, round(size * min(_STEP_SECONDS / seconds, 100.0)))
    raise RuntimeError(f"no step takes {_STEP_SECONDS} s: with {size} it took {seconds} s. Is the machine busy?")


def _seconds(step: Callable[[int], None], size: int) -> float:
    start = time.perf_counter()
    step(size)
    return time.perf_counter() - start


class _Timed(Pulse):
    """A run that keeps when it wrote."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, total_epochs=1, interval=1.0 / _WRITES_PER_SECOND)
        self.writes: list[tuple[float, float, float]] = []

    def _publish(self) -> bool:
        start, cpu = time.perf_counter(), time.thread_time()
        succeeded = super()._publish()
        self.writes.append((start, time.perf_counter(), time.thread_time() - cpu))
        return succeeded

    def empty(
        self,
        epoch: float | None = None,
        loss: float | None = None,
        message: str | None = None,
        total_epochs: float | None = None,
    ) -> None:
        """What no method can do in less time."""


def record(step: Callable[[int], None], folder: Path, seconds: float) -> Recording:
    """Run a loop for about this long; the status is written into ``folder``.

    Raises:
        RuntimeError: a write failed, or no step of 1 ms was found.
    """
    size = _size_of_a_step(step)
    count = -(-round(seconds / _STEP_SECONDS) // _STRETCH) * _STRETCH
    drawn = random.Random(0).choices(range(len(CALLS)), k=count // _STRETCH)
    called = [call for call in drawn for _ in range(_STRETCH)]
    starts = [0.0] * (count + 1)
    with tempfile.TemporaryDirectory(dir=folder, prefix="bench-") as inner, _Timed(Path(inner) / "status.json") as run:
        for number in range(count):
            starts[number] = time.perf_counter()
            step(size)
            if called[number] == 1:
                run.update(number / count, loss=0.5)
            elif called[number] == 2:
                run.empty(number / count, loss=0.5)
        starts[count] = time.perf_counter()
        writes = run.writes[1:]  # the first one is the start
    if run.problems:
        raise RuntimeError(f"{run.problems} writes into {folder} failed: nothing was measured")
    return Recording(starts, called, writes)


def _row(what: str, found: Cost) -> Row:
    """The row of one kind of step."""
    total = found.total
    ratio, worst, best, limit = (
        1.0 / (1.0 + value / 100.0)
        for value in (total.mean, total.mean + total.half, total.mean - total.half, LIMIT_PERCENT)
    )
    note = "; ".join(
        (
            f"{total.shown()}: calls of update {found.calls.shown()}, writes {found.writes.shown()}",
            f"{CALLS[2]} {found.empty.shown()}, {CALLS[0]} {found.control.shown()}",
            f"{found.pairs} pairs of stretches, {found.count} writes of {per_operation(found.write)} of CPU time each",
        )
    )
    ours, other = per_operation(found.step * (1.0 + total.mean / 100.0)), per_operation(found.step)
    return Row(what, ours, other, ratio, (worst, best), found.pairs, note, limit)


def section(folders: dict[str, Path], seconds: float, say: Callable[[str], None]) -> Section:
    """The table: every kind of step on every file system (its name → a folder on it), so many seconds each."""
    rows = []
    for file_system, folder in folders.items():
        for name in STEPS:
            what = f"a {name} step of 1 ms, {file_system}"
            say(f"{what}: {seconds:g} s")
            rows.append(_row(what, cost(_in_a_process(name, folder, seconds))))
    return Section(
        "What a status costs a training",
        "A loop of steps of 1 ms, at the default of 4 writes a second. In stretches of 20 steps, drawn at random, it "
        "calls `update` after each step, or a method that does nothing, or nothing: neighbouring stretches are "
        "compared. Writes are measured by the steps that meet one and the 40 before and after them. The noise floor is "
        "the same for stretches without calls and moments without writes. A native step lets other threads run, as a "
        "call into PyTorch does; one that fills the processor's caches leaves nothing of Python in them; a Python step "
        "lets no other thread run.",
        tuple(rows),
        ours="with",
        other="without",
    )


def _in_a_process(name: str, folder: Path, seconds: float) -> Recording:
    """:func:`record` in a process of its own, which nothing else has warmed up or filled with threads."""
    command = [sys.executable, "-m", "bench.training", "--dir", str(folder), "--seconds", str(seconds), "--json", name]
    done = subprocess.run(command, capture_output=True, check=True, text=True, cwd=Path(__file__).parents[1])
    starts, called, writes = json.loads(done.stdout)
    return Recording(starts, called, [tuple(write) for write in writes])


@click.command()
@click.option(
    "--dir", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=tempfile.gettempdir
)
@click.option("--seconds", type=click.FloatRange(10.0), default=100.0, show_default=True, help="For each kind of step.")
@click.option("--json", "name", type=click.Choice(list(STEPS)), help="Only this kind of step; print the recording.")
def main(folder: Path, seconds: float, name: str | None) -> None:
    """Measure what a status costs a training loop."""
    if name is not None:
        found = record(STEPS[name], folder, seconds)
        print(json.dumps([list(found.starts), list(found.called), list(found.writes)]))
        return
    for row in section({file_system_of(folder): folder}, seconds, lambda text: None).rows:
        lines = row.note.replace(", writes", ";     writes").split("; ")
        print("\n    ".join([f"{row.what}: {row.ours} with, {row.other} without", *lines]))


if __name__ == "__main__":
    main()
