"""One run of the command under the tracer, from its start to its end, with a plan for its operations."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from conformance.commands.judge.folder import Stage
from conformance.commands.judge.writes import Written, files_written, written
from conformance.subject.children import Child, spawn
from conformance.subject.exchange import exchange, kept
from conformance.subject.fork_messages import TRACER
from conformance.subject.forking import server_of
from conformance.subject.standard_error import STDERR_LIMIT
from conformance.syscalls.operations import Operation, operations_of
from conformance.syscalls.tracer.calls import TraceError
from conformance.syscalls.tracer.messages import Plan, Report, Rule
from conformance.syscalls.tracer.session import Boundary, Talk

__all__ = ["Command", "Ended", "Traced", "environment_of", "run_traced"]

_SECONDS_TO_END = 10.0


@dataclass(frozen=True)
class Command:
    """What is run: its words, what it reads from standard input, and how long a run may take, in seconds."""

    words: tuple[str, ...]
    given: bytes = b""
    seconds: float = 60.0


@dataclass(frozen=True)
class Ended:
    """How a run ended. ``status`` is its exit code, of a signal the negative number, None when it had to be stopped.

    ``operations`` are those on what lies in the stage, with names relative to it; ``why_not`` says why they cannot be
    known. ``printed`` is the end of what it printed, errors included.
    """

    status: int | None
    operations: tuple[Operation, ...]
    report: Report
    seconds: float
    printed: str
    why_not: str = ""


@dataclass(frozen=True)
class Traced:
    """A run: ``existing`` is the listing of the stage before it, ``after`` the one after it."""

    ended: Ended
    existing: Mapping[str, int]
    after: Mapping[str, int]

    def files(self) -> list[Written]:
        """The files that it wrote, in the order of their first change."""
        operations = self.ended.operations
        return [written(operations, name, self.existing) for name in files_written(operations, self.after)]


def run_traced(
    stage: Stage,
    command: Command,
    existing: Mapping[str, int],
    rules: tuple[Rule, ...] = (),
    at_boundary: Callable[[Boundary], None] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Run the command in the stage as it is now; ``existing`` is its listing, ``environment`` what is added to its own.

    No process of it is left when this returns. Raises Unmeasured where tracing is not allowed, TraceError when the
    tracer fails, and what ``at_boundary`` raised.
    """
    ours, theirs = socket.socketpair()
    with ours, ours.makefile("rb") as messages:
        with theirs:
            child = _started(
                stage, (TRACER, str(theirs.fileno()), "at-start", *command.words), theirs.fileno(), environment
            )
        talk = Talk(ours, messages, at_boundary)
        plan = Plan(str(stage.root), rules)
        listener = threading.Thread(target=lambda: talk.arm_and_listen(plan), daemon=True)
        last, take = kept(STDERR_LIMIT, last=True)
        started = time.monotonic()
        status: int | None = None
        try:
            listener.start()
            with contextlib.suppress(subprocess.TimeoutExpired):
                exchange(child.process, command.given, command.seconds, take)
                status = child.process.returncode
            seconds = time.monotonic() - started
            if status is None:
                talk.say("disarm")
                listener.join(_SECONDS_TO_END)
                with contextlib.suppress(OSError):
                    ours.shutdown(socket.SHUT_RDWR)  # the tracer kills what is left when the kit has hung up
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.process.wait(_SECONDS_TO_END)
        finally:
            child.kill()
            with contextlib.suppress(OSError):
                ours.shutdown(socket.SHUT_RDWR)
            listener.join(_SECONDS_TO_END)
            printed = bytes(last).decode("utf-8", "backslashreplace") + child.stderr()
            child.stdin.close()
            child.stdout.close()
    if talk.failure is not None:
        raise talk.failure
    if talk.report is None:
        raise TraceError(f"the tracer ended without a report; {printed[-300:].strip()}")
    operations, why_not = _operations(talk.report, stage.root, existing)
    return Ended(status, operations, talk.report, seconds, printed[-STDERR_LIMIT:], why_not)


def _started(stage: Stage, words: tuple[str, ...], descriptor: int, more: Mapping[str, str] | None) -> Child:
    """The tracer with its arguments, as a fork of the fork server where one serves: that takes a tenth of the time."""
    environment = {**environment_of(stage), **(more or {})}
    if server := server_of(stage.children):
        return server.fork(words, folder=stage.work, environment=environment, descriptors=(descriptor,))
    # -P: no file in the folder may shadow a module of the tracer.
    program = (sys.executable, "-P", "-m", *words)
    return spawn(
        program, folder=stage.work, children=stage.children, environment=environment, descriptors=(descriptor,)
    )


def environment_of(stage: Stage) -> dict[str, str]:
    """The environment of a command in the stage."""
    return {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(stage.root / "tmp")), "PWD": str(stage.work)}


def _operations(report: Report, root: Path, existing: Mapping[str, int]) -> tuple[tuple[Operation, ...], str]:
    try:
        return operations_of(report.calls, str(root), existing), ""
    except TraceError as error:
        return (), str(error)
