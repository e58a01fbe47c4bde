"""The processes that look at states, side by side: one state costs little work and much waiting for the kernel."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

from conformance.contract.errors import Unmeasured
from stress.disk import detach
from stress.powercut.blocks.fuse import module_command, module_environment
from stress.powercut.blocks.image import Choice
from stress.powercut.blocks.looking import Look
from stress.powercut.blocks.recording import Recording
from stress.powercut.blocks.states import State
from stress.powercut.blocks.verdict import Seen

__all__ = ["Lookers", "looking"]

_END_SECONDS = 60.0
_MOST = 8


@dataclass
class _Looker:
    process: subprocess.Popen[bytes]
    requests: Connection
    answers: Connection
    folder: Path


@dataclass
class Lookers:
    """Running processes of `stress.powercut.blocks.looking`. Made by `looking`."""

    _lookers: list[_Looker]
    _number: int = 0

    def look(self, recording: Recording, states: Iterable[State]) -> Iterator[tuple[State, Seen]]:
        """Look at all these states of a recording, in any order. Raises RuntimeError when a process has ended."""
        waiting = iter(states)
        busy: dict[Connection, tuple[_Looker, State]] = {}
        for looker, state in zip(self._lookers, waiting, strict=False):
            self._ask(busy, looker, recording, state)
        while busy:
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                looker, state = busy.pop(ready)
                seen = _received(looker)
                if (following := next(waiting, None)) is not None:
                    self._ask(busy, looker, recording, following)
                yield state, seen

    @contextlib.contextmanager
    def held(self, recording: Recording, state: State) -> Iterator[Path]:
        """The folder in which a state is mounted during the block. Raises OSError where it cannot be mounted."""
        looker = self._lookers[0]
        self._send(looker, recording, state, hold=True)
        seen = _received(looker)
        if seen.unmountable:
            raise OSError(seen.unmountable)
        try:
            yield looker.folder / "mounted"
        finally:
            looker.requests.send(None)
            _received(looker)

    def _ask(
        self, busy: dict[Connection, tuple[_Looker, State]], looker: _Looker, recording: Recording, state: State
    ) -> None:
        self._send(looker, recording, state)
        busy[looker.answers] = looker, state

    def _send(self, looker: _Looker, recording: Recording, state: State, *, hold: bool = False) -> None:
        self._number += 1
        choice = Choice(recording.image, recording.log, state)
        with contextlib.suppress(BrokenPipeError):  # the answer will be missing
            looker.requests.send(Look(self._number, choice, recording.file_system.copies, hold))


def _received(looker: _Looker) -> Seen:
    """The answer. Raises Unmeasured where nothing can be looked at, RuntimeError when the process has ended."""
    try:
        seen = looker.answers.recv()
    except EOFError:
        raise RuntimeError(f"a process of the kit that mounts states ended with {looker.process.wait()}") from None
    if isinstance(seen, Unmeasured):
        raise seen
    assert isinstance(seen, Seen)
    return seen


@contextlib.contextmanager
def looking(parent: Path, at_once: int = 0) -> Iterator[Lookers]:
    """Start these processes, ``at_once`` of them (0: two for each processor), and end them with the block."""
    count = at_once or min(_MOST, 2 * (os.cpu_count() or 1))
    with contextlib.ExitStack() as stack:
        lookers = [stack.enter_context(_looker(parent / f"looker-{number}")) for number in range(count)]
        yield Lookers(lookers)


@contextlib.contextmanager
def _looker(folder: Path) -> Iterator[_Looker]:
    folder.mkdir()
    process = subprocess.Popen(
        [*module_command("stress.powercut.blocks.looking"), str(os.getpid()), str(folder)],
        env=module_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for this process alone, which ends that one
    )
    assert process.stdin
    assert process.stdout
    requests = Connection(os.dup(process.stdin.fileno()), readable=False)
    answers = Connection(os.dup(process.stdout.fileno()), writable=False)
    process.stdin.close()
    process.stdout.close()
    try:
        yield _Looker(process, requests, answers, folder)
    finally:
        requests.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
        process.kill()
        process.wait()
        answers.close()
        for place in (folder / "mounted", *folder.glob("tmp*")):  # where it did not end by itself
            detach(place)
        shutil.rmtree(folder, ignore_errors=True)
