"""One training and all who follow its file: started, looked at again and again, and judged."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulse
from tests.e2e import disk, observers
from tests.e2e.observers import Said

__all__ = ["ENDINGS", "INTERVAL", "STALLED_AFTER", "Ending", "Outcome", "Scenario"]

INTERVAL = 0.5
STALLED_AFTER = 5.0
"""Of ``pulse watch`` and the panel, in seconds. That of the reader in Rust is fixed, at 60."""

RUST_STALLED_AFTER = 60.0
BEGINS_WITHIN = 900.0
ENDS_WITHIN = 300.0
"""How long a training may take to say running, and everything else from then on, in seconds. Frameworks are slow to
import on a busy machine; what is missing by then has failed."""


@dataclass(frozen=True)
class Ending:
    """How a training ends, and what has to be said of it.

    Attributes:
        argument: how the training itself is asked to end.
        states: what the panel and ``pulse watch`` say, in this order; more may come between.
        file: what the file says at last.
        rust: what the reader in Rust says at last.
        once: the exit code of ``pulse watch --once``.
        code: the exit code of the training.
        message: a part of the last message.
        pause: how long each batch takes, in seconds.
    """

    argument: str
    states: tuple[str, ...]
    file: str
    rust: str
    once: int
    code: int
    message: str
    pause: float = 0.4


ENDINGS = {
    "to the end": Ending("end", ("idle", "running", "done"), "done", "done", 0, 0, "Training completed"),
    "exception": Ending("error", ("idle", "running", "error"), "error", "error", 4, 1, "ValueError: no such label"),
    "killed": Ending("end", ("idle", "running", "stalled"), "running", "stalled", 3, -9, ""),
    "NaN": Ending("nan", ("idle", "running", "done"), "done", "done", 0, 0, "(loss is nan)"),
    # Full for so long that the readers call it stalled; then there is room again.
    "disk full": Ending("end", ("idle", "running", "stalled", "running", "done"), "done", "done", 0, 0, "", 1.6),
}


@dataclass(frozen=True)
class Outcome:
    """What everyone said of one training."""

    framework: str
    ending: str
    file: Said
    panel: Said
    watch: Said
    rust: Said
    once: int
    speed: Mapping[str, Any]
    complaints: tuple[str, ...]


@dataclass
class Scenario:
    """A training with a framework and an ending. Use it as a context, and call :meth:`look` until it says so."""

    framework: str
    ending: str
    root: Path
    rust_program: Path
    speed: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.plan = ENDINGS[self.ending]
        self.name = f"{self.framework}-{self.ending.replace(' ', '-').lower()}"
        self.folder = self.root / self.name
        self.path = self.folder / "status.json"
        self._stack = contextlib.ExitStack()
        self._running_since: float | None = None
        self._full_since: float | None = None
        self._freed = False

    def __enter__(self) -> Scenario:
        self.folder.mkdir(parents=True)
        with contextlib.ExitStack() as stack:  # whatever fails below, all of it is undone
            if self.ending == "disk full":
                stack.enter_context(disk.small_disk(self.folder))
            pulse.write_idle_status(self.path)
            self._started = time.monotonic()
            self.file, self.panel, self.watch, self.rust = (Said(self._started) for _ in range(4))
            stack.enter_context(observers.watch(self.path, self.watch, INTERVAL, STALLED_AFTER))
            stack.enter_context(observers.rust(self.rust_program, self.path, self.rust, INTERVAL))
            self._reading = stack.enter_context(contextlib.ExitStack())
            self._training = self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *details: object) -> None:
        self._stack.close()

    def _start(self, stack: contextlib.ExitStack) -> subprocess.Popen[bytes]:
        work = self.root.parent / "work" / self.name
        work.mkdir(parents=True)
        self._log = work / "training.log"
        log = stack.enter_context(self._log.open("wb"))
        arguments = [self.framework, self.plan.argument, str(self.path), str(work), str(self.plan.pause)]
        command = [sys.executable, "-m", "tests.e2e.train", *arguments]
        training = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        stack.callback(training.wait)
        stack.callback(training.kill)
        return training

    @property
    def trains(self) -> bool:
        """Whether its training has not ended yet."""
        return self._training.poll() is None

    def look(self, row: tuple[str, str] | None) -> bool:
        """Note what the file and the panel say now, and do to the training what is planned.

        Args:
            row: the state and the message of the panel's row.

        Returns:
            Whether everything has been said, or never will be.
        """
        status = pulse.read_status(self.path).status
        if status is not None:
            self.file.add(status["status"], status["message"])
            if status["status"] == "running" and self._running_since is None:
                self._running_since = time.monotonic()
                self._reading.enter_context(observers.full_speed(self.path, self.speed))
            self._interfere(status)
        if row is not None:
            self.panel.add(*row)
        if not self.trains:
            self._reading.close()  # nothing is written any more, and it takes a core
        end = self._started + BEGINS_WITHIN if self._running_since is None else self._running_since + ENDS_WITHIN
        return time.monotonic() > end or (not self.trains and not self._missing())

    def _interfere(self, status: pulse.Status) -> None:
        if self.ending == "killed" and status["epoch"] >= 1.0:
            self._training.kill()
        if self.ending == "disk full" and not self._freed:
            if self._full_since is None and status["epoch"] >= 0.5:
                disk.fill(self.folder)
                self._full_since = time.monotonic()
            elif self._full_since is not None and self.panel.states[-1][0] == self.watch.states[-1][0] == "stalled":
                disk.free(self.folder)
                self._freed = True

    def _missing(self) -> list[str]:
        """The observers that have not said yet what has to be said."""
        spoken = {"panel": self.panel, "pulse watch": self.watch}
        missing = [name for name, said in spoken.items() if not said.passed(self.plan.states)]
        if not self.rust.passed(("idle", "running", self.plan.rust)):
            missing.append("the reader in Rust")
        return missing

    def outcome(self) -> Outcome:
        """What was said, and what is wrong with it. To be called inside the context, after :meth:`look`."""
        plan, code = self.plan, self._training.poll()
        self._training.kill()  # if it is still there
        status = pulse.read_status(self.path).status
        once = observers.once(self.path, STALLED_AFTER)
        complaints = [f"{name} did not say {' → '.join(plan.states)}" for name in self._missing()]
        if status is None or status["status"] != plan.file or plan.message not in status["message"]:
            complaints.append(f"the file says {status}")
        elif plan.file == "done" and status["epoch"] != status["total_epochs"]:
            complaints.append(f"done, and the epoch is {status['epoch']} of {status['total_epochs']}")
        if code != plan.code:
            complaints.append(f"the training's exit code is {code}, see its log")
        if self.ending == "disk full" and "No space left" not in self._log.read_text("utf-8", "replace"):
            complaints.append("the training has not met a full disk")
        if once != plan.once:
            complaints.append(f"the exit code of pulse watch --once is {once}")
        self._reading.close()
        speed = self.speed or {"reads": 0, "documents": 0, "torn": {}, "failed": {}}
        if speed["torn"] or speed["failed"] or speed["documents"] < 3:
            complaints.append(f"reads at full speed: {speed}")
        said = (self.file, self.panel, self.watch, self.rust)
        return Outcome(self.framework, self.ending, *said, once, dict(speed), tuple(complaints))
