"""Contenders: processes that repeat one operation a stated number of times and report how long it took."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bench.measure import interleave

__all__ = ["ROOT", "Commands", "c_loop", "compile_loops", "python_loop", "race"]

ROOT = Path(__file__).resolve().parent.parent
"""The checkout: the processes import ``bench`` and ``pulse`` from here."""

SLICE = 0.02
"""Seconds that a contender works before the next one takes its turn."""

Commands = Mapping[str, Sequence[str]]
"""Name of a contender → the command that starts it."""


def compile_loops(folder: Path) -> Path:
    """Compile ``loops.c`` into ``folder`` and return the program.

    Raises:
        FileNotFoundError: there is no C compiler.
        subprocess.CalledProcessError: it failed; its messages went to standard error.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise FileNotFoundError("needs cc, a C compiler: install gcc or clang")
    program = folder / "loops"
    subprocess.run([compiler, "-O2", "-o", str(program), str(ROOT / "bench" / "loops.c")], check=True)
    return program


def c_loop(program: Path, kind: str, target: Path, *options: str) -> list[str]:
    """The command of a C loop that writes or reads the existing ``target``; for kinds and options see ``loops.c``."""
    return [str(program), kind, str(target), str(target.stat().st_size), *options]


def python_loop(kind: str, target: Path, *options: str) -> list[str]:
    """The command of a Python loop that writes or reads ``target``; for kinds and options see ``bench/loop.py``."""
    return [sys.executable, "-m", "bench.loop", kind, str(target), *options]


def race(
    commands: Commands, rounds: int, progress: Callable[[int], None] = lambda done: None, *, generations: int = 1
) -> dict[str, list[float]]:
    """Let contenders take turns; see :func:`bench.measure.interleave`.

    Args:
        commands: the contenders.
        rounds: how many, in each generation.
        progress: called with the number of rounds done.
        generations: how often all processes are started. The placement of a process (its core, its neighbouring kernel
            threads) makes it faster or slower for its whole life, above all when it waits for a disk.

    Returns:
        name → the seconds of one operation in each round.

    Raises:
        RuntimeError: a contender died; its standard error was shown as it came.
    """
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for generation in range(generations):

        def report(done: int, before: int = generation * rounds) -> None:
            progress(before + done)

        with contextlib.ExitStack() as stack:
            asking = {name: stack.enter_context(_started(name, command)) for name, command in commands.items()}
            runs = {name: _calibrated(ask) for name, ask in asking.items()}
            series = interleave(runs, rounds, report)
        for name in commands:
            seconds[name] += series[name]
    return seconds


@contextlib.contextmanager
def _started(name: str, command: Sequence[str]) -> Iterator[Callable[[int], float]]:
    """Start a contender. The function makes it work so many times, and returns the seconds it took."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        answers, questions = process.stdout, process.stdin

        def ask(count: int) -> float:
            try:
                questions.write(f"{count}\n")
                questions.flush()
                return float(answers.readline())
            except (OSError, ValueError) as error:
                raise RuntimeError(f"{name} exited with {process.wait()}; its command was {list(command)}") from error

        try:
            yield ask
        finally:
            with contextlib.suppress(OSError):  # it may have died before it read the question
                questions.close()


def _calibrated(ask: Callable[[int], float]) -> Callable[[], float]:
    """A turn of about :data:`SLICE` seconds. Finding its length also warms the contender up."""
    count = 1
    while (seconds := ask(count)) < SLICE / 4:
        count *= 2
    count = max(1, round(count * SLICE / seconds))
    return lambda: ask(count) / count
