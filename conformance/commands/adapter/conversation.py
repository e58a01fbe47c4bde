"""A conversation with an adapter that may do everything wrong: what it prints, and how it ends. Nothing raises."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from conformance.commands.adapter.findings import read_leniently
from conformance.contract.manifest import Manifest
from conformance.subject.launch import LaunchOptions, command_of, spawned
from conformance.subject.lines import Lines, pump_lines, pump_requests

__all__ = ["Conversation", "Reply"]

LATE_SECONDS = 10.0
"""How long an answer may take once the input has ended: it shows that nothing was flushed."""


@dataclass(frozen=True)
class Reply:
    """What came after a request: the line with the answer (None: there was none), and the ``stray`` lines before it.

    ``late`` says that it came only when the adapter's input had ended, ``ended`` how the process ended if it did, and
    ``seconds`` how long it took.
    """

    line: bytes | None
    seconds: float
    stray: tuple[bytes, ...] = ()
    late: bool = False
    ended: int | None = None

    @property
    def answer(self) -> dict[str, Any]:
        """The members of the answer; none without one."""
        return (read_leniently(self.line) or {}) if self.line is not None else {}


@dataclass
class Conversation:
    """A running adapter. Raises ImplementationError where it cannot be started."""

    manifest: Manifest
    options: LaunchOptions
    _number: int = 0
    _lines: Lines = field(default_factory=Lines)
    _requests: queue.SimpleQueue[bytes | None] = field(default_factory=queue.SimpleQueue)
    _over: bool = False

    def __post_init__(self) -> None:
        self._child = spawned(self.manifest, self.options, command_of(self.manifest))
        threading.Thread(target=pump_lines, args=(self._child, self._lines), daemon=True).start()
        threading.Thread(target=pump_requests, args=(self._child, self._requests), daemon=True).start()

    def send(self, *messages: dict[str, Any]) -> int:
        """Send requests, each with the next id, all at once. Returns the id of the first."""
        first = self._number
        self._number += len(messages)
        lines = [json.dumps({"id": first + place, **message}) for place, message in enumerate(messages)]
        self._requests.put("".join(f"{line}\n" for line in lines).encode("ascii"))
        return first

    def reply(self, seconds: float) -> Reply:
        """Wait for the next answer; if none comes, end the adapter's input, and see whether one comes then."""
        found = self._next(seconds)
        if found.line is not None or found.ended is not None:
            return found
        self.end_input()
        late = self._next(LATE_SECONDS)
        return Reply(late.line, late.seconds, (*found.stray, *late.stray), late=True, ended=late.ended)

    def _next(self, seconds: float) -> Reply:
        started = time.monotonic()
        stray: list[bytes] = []
        while not self._over:
            try:
                line = self._lines.get(max(started + seconds - time.monotonic(), 0.001))
            except queue.Empty:
                return Reply(None, time.monotonic() - started, tuple(stray))
            self._over = not line.endswith(b"\n")
            answer = read_leniently(line)
            if answer is not None and ("id" in answer or "ok" in answer):
                return Reply(line, time.monotonic() - started, tuple(stray))
            if line.strip():
                stray.append(line)
        return Reply(None, time.monotonic() - started, tuple(stray), ended=self.end(seconds))

    def end_input(self) -> None:
        """End its standard input."""
        self._requests.put(None)

    def end(self, seconds: float) -> int | None:
        """Its exit code, once it ends; None when it does not end in time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return int(self._child.process.wait(seconds))
        return None

    def stderr(self) -> str:
        """The last part of what it printed on standard error."""
        return self._child.stderr()

    def kill(self) -> None:
        """End it at once."""
        self.end_input()
        self._child.kill()
