"""Those who follow one status file, each a process of its own: what they said, and when."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Said", "full_speed", "once", "rust", "watch"]


@dataclass
class Said:
    """States in the order in which they were said, each with the seconds since ``start``; without repetitions."""

    start: float
    states: list[tuple[str, float]] = field(default_factory=list)
    message: str = ""

    def add(self, state: str, message: str = "") -> None:
        """The state is now this one."""
        if not self.states or self.states[-1][0] != state:
            self.states.append((state, time.monotonic() - self.start))
        self.message = message or self.message

    def passed(self, wanted: Sequence[str]) -> bool:
        """Whether it said these, in this order, the last of them last."""
        names = iter([state for state, _ in self.states])
        return all(state in names for state in wanted) and self.states[-1][0] == wanted[-1]

    def __str__(self) -> str:
        return " → ".join(f"{state} {seconds:.1f}" for state, seconds in self.states) or "nothing"


@contextlib.contextmanager
def _follower(command: Sequence[str], line: Callable[[str], None], log: Path) -> Iterator[subprocess.Popen[str]]:
    """A process whose lines are handed on; it is ended at last."""
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8") as process,
    ):
        assert process.stdout is not None
        output = process.stdout

        def read() -> None:
            for text in output:
                line(text)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            yield process
        finally:
            process.terminate()
            process.wait()
            reader.join()


@contextlib.contextmanager
def watch(path: Path, said: Said, interval: float, stalled_after: float) -> Iterator[None]:
    """``pulse watch --json``."""

    def line(text: str) -> None:
        polled = json.loads(text)
        said.add(polled["state"], (polled["status"] or {}).get("message", ""))

    options = ["--json", "--interval", str(interval), "--stalled-after", str(stalled_after)]
    command = [sys.executable, "-m", "pulse", "watch", str(path), *options]
    with _follower(command, line, path.parent.with_suffix(".watch.log")):
        yield


@contextlib.contextmanager
def rust(program: Path, path: Path, said: Said, interval: float) -> Iterator[None]:
    """The reader in Rust; it ends by itself when the run has ended, and says stalled after 60 s."""

    def line(text: str) -> None:
        said.add(text.split()[0].rstrip(":"), text.strip())

    with _follower([str(program), str(path), str(interval)], line, path.parent.with_suffix(".rust.log")):
        yield


@contextlib.contextmanager
def full_speed(path: Path, found: dict[str, Any]) -> Iterator[None]:
    """Reads as fast as one process can; ``found`` is filled when it ends."""
    command = [sys.executable, "-m", "tests.e2e.full_speed", str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield
    finally:
        output, _ = process.communicate(timeout=60)
        found.update(json.loads(output))


def once(path: Path, stalled_after: float) -> int:
    """The exit code of ``pulse watch --once``."""
    command = [sys.executable, "-m", "pulse", "watch", "--once", str(path), "--stalled-after", str(stalled_after)]
    return subprocess.run(command, stdout=subprocess.DEVNULL).returncode
