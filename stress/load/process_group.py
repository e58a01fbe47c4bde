"""The processes of one folder's run: started, given commands, asked for reports, killed by chaos, and ended."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait as wait_for_any
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any

import psutil

from conformance.contract.errors import ImplementationError
from stress.clients.plans import ReaderPlan, WriterPlan
from stress.load.loops import Failed, reader_process, writer_process
from stress.record.shared_counters import Counters, new_counters

__all__ = ["Member", "ProcessGroup", "ProcessLost", "new_pipe_process"]

_ANSWER_SECONDS = 60.0  # to wait for a process of the kit, beyond the time that implementations may take
_END_SECONDS = 10.0
_CONTEXT = multiprocessing.get_context("spawn")


class ProcessLost(RuntimeError):
    """A process of the kit ended without giving a reason: it was killed from outside."""


class Member:
    """One process, its pipe and its row of counters."""

    def __init__(self, name: str, counters: Counters, target: Callable[..., None], *arguments: Any) -> None:
        self.name = name
        self.counters = counters
        self._start = (target, arguments)
        self.start()

    def start(self) -> None:
        """Start the process, or start it again after it was killed; it has no commands yet then."""
        self.counters.set("commands", 0)
        self._expected = 0
        self.connection, theirs = _CONTEXT.Pipe()
        target, arguments = self._start
        self.process: SpawnProcess = _CONTEXT.Process(
            target=target, args=(theirs, *arguments), name=f"pulse stress {self.name}", daemon=True
        )
        self.process.start()
        theirs.close()  # so that its death ends the pipe

    def send(self, command: str) -> None:
        """Send it a command. A process that was killed gets nothing; the next `answer` reports that."""
        self.counters.add("commands", 1)  # first, or it might take an older command for the last one
        with contextlib.suppress(OSError):
            self.connection.send(command)

    def restart(self, command: str) -> None:
        """Start again after a kill, with this command; its two acknowledgements are taken when they come."""
        self.process.join()
        self.connection.close()
        self.start()
        self.send(command)
        self._expected = 2

    def answer(self, seconds: float) -> Any:
        """Wait for its next message. Raises ImplementationError or RuntimeError with the failure that it reports."""
        while self._expected:
            self._expected -= 1
            self._receive(seconds)
        return self._receive(seconds)

    def _receive(self, seconds: float) -> Any:
        if not self.connection.poll(seconds):
            raise RuntimeError(f"{self.name} gave no answer within {seconds:g} s")
        try:
            message = self.connection.recv()
        except (EOFError, OSError) as error:
            raise ProcessLost(f"{self.name} ended without an answer") from error
        if isinstance(message, Failed):
            if message.blame == "implementation":
                raise ImplementationError(f"{self.name}: {message.text}", message.stderr)
            raise RuntimeError(f"{self.name} failed:\n{message.text}")
        return message

    def failed(self) -> bool:
        """Whether it has sent an unrequested message, which can only be a failure, or has ended."""
        while self._expected and self.connection.poll():
            self._expected -= 1
            self._receive(0)
        return bool(wait_for_any([self.connection, self.process.sentinel], 0))

    def implementations(self) -> list[psutil.Process]:
        """The processes of its implementation at this moment."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def end(self) -> None:
        """Kill the process and everything that it has started."""
        running = self.implementations()
        self.process.kill()
        self.process.join(_END_SECONDS)
        for process in running:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.connection.close()


class ProcessGroup:
    """All processes of a run; a context manager, after which none of them is left.

    ``patience`` is for how long an implementation may take to answer, in seconds.
    """

    def __init__(self, writers: tuple[WriterPlan, ...], readers: tuple[ReaderPlan, ...], patience: float) -> None:
        self.counters = new_counters(_CONTEXT, len(writers) + len(readers))
        self.writers: list[Member] = []
        self.readers: list[Member] = []
        self._plans = writers, readers
        self._patience = patience + _ANSWER_SECONDS

    def __enter__(self) -> ProcessGroup:
        writers, readers = self._plans
        try:
            for number, writer in enumerate(writers):
                row = self.counters.of(number)
                self.writers.append(Member(f"writer {writer.number}", row, writer_process, row, writer))
            for number, reader in enumerate(readers):
                row = self.counters.of(len(writers) + number)
                self.readers.append(Member(f"reader {number + 1}", row, reader_process, row, reader))
            for member in self.members:
                self.answer(member)
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.end()

    @property
    def members(self) -> list[Member]:
        """Writers and readers."""
        return [*self.writers, *self.readers]

    def number_of(self, writer: Member) -> int:
        """The number that a writer has in the whole run."""
        return self._plans[0][self.writers.index(writer)].number

    def send(self, members: Sequence[Member], command: str) -> None:
        """Send all of them a command."""
        for member in members:
            member.send(command)

    def ask(self, members: Sequence[Member], command: str) -> list[Any]:
        """Send all of them a command, and wait for their answers."""
        self.send(members, command)
        return [self.answer(member) for member in members]

    def answer(self, member: Member) -> Any:
        """As `Member.answer`, with the patience of the run."""
        return member.answer(self._patience)

    def end(self) -> None:
        """End every process."""
        for member in self.members:
            member.end()


def new_pipe_process(target: Callable[..., None], *arguments: Any) -> tuple[SpawnProcess, Any]:
    """Start a process that is no member of a group: the positive control.

    Returns it and our end of its pipe, whose class is different on Windows.
    """
    ours, theirs = _CONTEXT.Pipe()
    process: SpawnProcess = _CONTEXT.Process(target=target, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    return process, ours
