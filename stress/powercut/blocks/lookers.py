"""The processes that look at states, side by side: one state costs little work and much waiting for the kernel."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

import psutil

from conformance.contract.errors import Inconclusive, Unmeasured
from conformance.system.orphans import own
from stress.disk import detach
from stress.powercut.blocks.fuse import start_module
from stress.powercut.blocks.image import Choice
from stress.powercut.blocks.looking import Look
from stress.powercut.blocks.recording import Recording
from stress.powercut.blocks.states import State
from stress.powercut.blocks.verdict import Seen, Unseen
from stress.powercut.blocks.watch import Watch, watched

__all__ = ["Lookers", "looking"]

_ANSWER_SECONDS = 120.0  # a state takes milliseconds
_END_SECONDS = 20.0  # more than a server gets
_KILL_SECONDS = 10.0
_MOST = 8


@dataclass
class _Looker:
    process: subprocess.Popen[bytes]
    requests: Connection
    answers: Connection
    folder: Path

    def end(self) -> None:
        """End it at once, after its server: while it waits for a disk of that, it hears of nothing."""
        if self.process.poll() is None:
            with contextlib.suppress(psutil.Error):
                for server in psutil.Process(self.process.pid).children(recursive=True):
                    with contextlib.suppress(psutil.Error):
                        server.kill()
            self.process.kill()

    def ended(self) -> str:
        """How it ended; empty while it runs."""
        code = self.process.poll()
        return "" if code is None else f"ended with {code}"


@dataclass
class Lookers:
    """Running processes of `stress.powercut.blocks.looking`. Made by `looking`."""

    _lookers: list[_Looker]
    seconds: float = _ANSWER_SECONDS
    _number: int = 0
    _seen: bool = False

    def look(self, recording: Recording, states: Iterable[State]) -> Iterator[tuple[State, Seen]]:
        """Look at all these states of a recording, in any order.

        Raises Unmeasured where this machine lacks what is needed for a single one, Inconclusive when that is so later,
        or a process hangs, and RuntimeError when one has ended.
        """
        waiting = iter(states)
        busy: dict[Connection, tuple[_Looker, State]] = {}
        for looker, state in zip(self._lookers, waiting, strict=False):
            self._ask(busy, looker, recording, state)
        while busy:
            answered = wait(list(busy), self.seconds)
            if not answered:
                raise self._silent()
            for ready in answered:
                assert isinstance(ready, Connection)
                looker, state = busy.pop(ready)
                seen = self._received(looker)
                if (following := next(waiting, None)) is not None:
                    self._ask(busy, looker, recording, following)
                yield state, seen

    @contextlib.contextmanager
    def held(self, recording: Recording, state: State) -> Iterator[Watch]:
        """A state, mounted during the block. Raises OSError where it cannot be mounted, what `look` raises, and
        ImplementationError where the file system was left frozen.
        """
        looker = self._lookers[0]
        self._send(looker, recording, state, hold=True)
        seen = self._received(looker)
        if seen.unmountable:
            raise OSError(seen.unmountable)
        with watched(looker.folder / "mounted", looker) as watch:
            try:
                yield watch
                watch.require_thawed()
            finally:
                watch.thaw()  # it stays mounted for ever otherwise
                with contextlib.suppress(BrokenPipeError):
                    looker.requests.send(None)
                self._received(looker)

    def _ask(
        self, busy: dict[Connection, tuple[_Looker, State]], looker: _Looker, recording: Recording, state: State
    ) -> None:
        self._send(looker, recording, state)
        busy[looker.answers] = looker, state

    def _silent(self) -> Inconclusive:
        return Inconclusive(f"a process of the kit that mounts states has not answered for {self.seconds:g} s")

    def _received(self, looker: _Looker) -> Seen:
        if not looker.answers.poll(self.seconds):
            raise self._silent()
        try:
            seen = looker.answers.recv()
        except EOFError:
            _wait(looker.process, _END_SECONDS)
            code = looker.process.returncode
            raise RuntimeError(f"a process of the kit that mounts states ended with {code}") from None
        if isinstance(seen, Unseen):
            raise Inconclusive(seen.reason) if self._seen else Unmeasured(seen.reason)
        assert isinstance(seen, Seen)
        self._seen = True
        return seen

    def _send(self, looker: _Looker, recording: Recording, state: State, *, hold: bool = False) -> None:
        self._number += 1
        choice = Choice(recording.image, recording.log, state)
        with contextlib.suppress(BrokenPipeError):  # the answer will be missing
            looker.requests.send(Look(self._number, choice, recording.file_system.copies, hold))


@contextlib.contextmanager
def looking(parent: Path, at_once: int = 0) -> Iterator[Lookers]:
    """Start these processes, ``at_once`` of them (0: two for each processor), and end them with the block."""
    count = at_once or min(_MOST, 2 * (os.cpu_count() or 1))
    lookers: list[_Looker] = []
    try:
        for number in range(count):
            lookers.append(_start(parent / f"looker-{number}"))
        yield Lookers(lookers)
    finally:
        _end(lookers, _END_SECONDS)


def _start(folder: Path) -> _Looker:
    folder.mkdir()
    process = start_module("stress.powercut.blocks.looking", folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    requests = Connection(os.dup(process.stdin.fileno()), readable=False)
    answers = Connection(os.dup(process.stdout.fileno()), writable=False)
    process.stdin.close()
    process.stdout.close()
    return _Looker(process, requests, answers, folder)


def _end(lookers: Sequence[_Looker], seconds: float) -> None:
    """End them all at the same time: by themselves, and after these seconds by force."""
    for looker in lookers:
        looker.requests.close()
    deadline = time.monotonic() + seconds
    for looker in lookers:
        _wait(looker.process, max(0.0, deadline - time.monotonic()))
    for looker in lookers:
        looker.end()
    for looker in lookers:
        _wait(looker.process, _KILL_SECONDS)
        own.discard(looker.process.pid)
        looker.answers.close()
        for place in (looker.folder / "mounted", *looker.folder.glob("tmp*")):  # where it did not end by itself
            detach(place)
        shutil.rmtree(looker.folder, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
