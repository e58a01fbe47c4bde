"""How fast histories are checked: operations per second, and compared with Porcupine, a general checker (Go).

``python -m bench.history`` prints the tables. ``python -m bench.history OPERATIONS SHARE`` is the check as a contender:
each line ``COUNT`` on standard input is answered with the seconds that COUNT checks took.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bench.contenders import ROOT, race
from bench.measure import Section, compare, unmeasured
from bench.tables import terminal_table
from conformance.oracle.linearizability import BEFORE, Reads, Times, Writes, check
from conformance.reporting.terminal import new_console

__all__ = ["against_porcupine", "save", "synthetic_history", "throughput"]

SIZES = (10**4, 10**5, 10**6, 10**7)  # operations
WRITE_SHARES = (0.5, 0.01)
PORCUPINE_SIZES = {10**4: None, 10**5: 500.0}  # operations → the required ratio
REQUIRED = 20e6  # operations per second
PROCESSES = 4  # writers, and the same number of readers

_BUILD_SECONDS = 120.0
_MEAN_STEP = 500  # nanoseconds between two timestamps of one of eight processes on a busy machine


def synthetic_history(operations: int, write_share: float, seed: int = 0) -> tuple[Writes, Reads]:
    """A legal history of a register, as its processes would record it and in the order in which it is collected.

    Args:
        operations: writes and reads together, rounded to whole operations of each process.
        write_share: the share of writes among them.
        seed: of the random times.

    Returns:
        The operations of four writers and four readers, one process after another; within a process they follow one
        another in time. Each takes effect at a random moment between its start and its end.
    """
    source = np.random.default_rng(seed)
    span = operations * _MEAN_STEP

    def process(count: int) -> Times:
        """Starts, ends and moments of effect of operations that fill the span."""
        times = np.cumsum(source.integers(1, span // count, size=2 * count))
        begin, end = times[0::2], times[1::2]
        return np.stack([begin, end, source.integers(begin, end, endpoint=True)])

    writes = round(operations * write_share / PROCESSES)
    reads = round(operations / PROCESSES) - writes
    before = np.full((3, 1), BEFORE)
    begin, end, effect = np.hstack([before, *(process(writes) for _ in range(PROCESSES))])
    read_begin, read_end, read_effect = np.hstack([process(reads) for _ in range(PROCESSES)])
    order = np.argsort(effect)
    value = order[np.searchsorted(effect[order], read_effect, side="right") - 1]
    return Writes(begin, end), Reads(value, read_begin, read_end)


def save(path: Path, writes: Writes, reads: Reads) -> None:
    """Write a history as ``porcupine/main.go`` reads it."""
    counts = np.array([len(writes.begin), len(reads.begin)])
    arrays = (counts, writes.begin, writes.end, reads.value, reads.begin, reads.end)
    path.write_bytes(np.concatenate(arrays).astype("<i8").tobytes())


def throughput(
    rounds: int, progress: Callable[[str], None] = lambda text: None, sizes: Sequence[int] = SIZES
) -> Section:
    """Operations per second of the check.

    Args:
        rounds: how often each history is checked; at least 2.
        progress: called with what is being measured.
        sizes: operations of the histories.
    """
    rows = []
    for share in WRITE_SHARES:
        for size in sizes:
            what = f"{size:,} operations, {share:.0%} writes"
            progress(what)
            ours = [seconds / size for seconds in race({"ours": _contender(size, share)}, rounds)["ours"]]
            speed = f"{1e-6 / statistics.median(ours):.0f} M operations/s"
            rows.append(compare(what, ours, [1 / REQUIRED] * rounds, target=1.0, note=speed))
    return Section(
        "History check",
        f"Time for one operation; {PROCESSES} writers and {PROCESSES} readers, one core, no reduction beforehand.",
        tuple(rows),
        ours="check",
        other="required",
    )


def against_porcupine(
    scratch: Path,
    rounds: int,
    progress: Callable[[str], None] = lambda text: None,
    sizes: Sequence[int] = tuple(PORCUPINE_SIZES),
) -> Section:
    """The check against Porcupine, on the same histories.

    Args:
        scratch: a folder for the program and the histories.
        rounds: how often the two take turns; at least 2.
        progress: called with what is being measured.
        sizes: operations of the histories.
    """
    progress("building Porcupine")
    program, reason = _build(scratch)
    rows = []
    for size in sizes:
        what, target = f"{size:,} operations, 50% writes", PORCUPINE_SIZES.get(size)
        if reason:
            rows.append(unmeasured(what, reason, target))
            continue
        progress(what)
        file = scratch / f"history-{size}"
        save(file, *synthetic_history(size, 0.5))
        seconds = race({"ours": _contender(size, 0.5), "Porcupine": [str(program), str(file)]}, rounds)
        ours, other = ([check_seconds / size for check_seconds in seconds[name]] for name in ("ours", "Porcupine"))
        rows.append(compare(what, ours, other, target=target))
    return Section(
        "History check against Porcupine",
        "Time for one operation. Porcupine handles any model by searching for an order; the check knows one model, a "
        "register whose values are unique. Both were given the same history in memory, and found it legal.",
        tuple(rows),
        ours="check",
        other="Porcupine",
    )


def _contender(operations: int, share: float) -> list[str]:
    return [sys.executable, "-m", "bench.history", str(operations), str(share)]


def _build(folder: Path) -> tuple[Path, str]:
    """Compile ``porcupine/main.go``. Returns the program, and the reason if it could not be built, or ""."""
    program = folder / "porcupine-loop"
    compiler = shutil.which("go")
    if compiler is None:
        return program, "needs go"
    command = [compiler, "build", "-o", str(program), "."]
    try:
        subprocess.run(
            command,
            cwd=ROOT / "bench" / "porcupine",
            check=True,
            capture_output=True,
            text=True,
            timeout=_BUILD_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or ["no message"]
        return program, f"go could not build it: {lines[-1][:100]}"
    except subprocess.TimeoutExpired:
        return program, f"go did not finish within {_BUILD_SECONDS:.0f} s"
    return program, ""


def _serve(operations: int, share: float) -> None:
    writes, reads = synthetic_history(operations, share)
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            if check(writes, reads) is not None:
                raise RuntimeError("the check reported a legal history as illegal")
        print(f"{time.perf_counter() - start:.9f}", flush=True)


def _print_tables() -> None:
    console = new_console()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch, console.status("starting") as status:
        for section in (throughput(15, status.update), against_porcupine(Path(scratch), 5, status.update)):
            console.print(terminal_table(section))
            console.print(section.text + "\n")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        _serve(int(sys.argv[1]), float(sys.argv[2]))
    else:
        _print_tables()
