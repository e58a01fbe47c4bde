"""Looks after programs that use a disk of the kit's own: what hangs there is let go, and it is said whose fault it was.

A process that waits for a disk hears of nothing, not even of SIGKILL. So a file system that was frozen is thawed, and
the server of a disk for which the kit itself has waited too long is ended: then every wait ends, with an error.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

from conformance.contract.errors import ImplementationError, Inconclusive, NoAnswer
from stress.disk import thaw

__all__ = ["OWN_SECONDS", "LeftUnusable", "Served", "Watch", "thawed", "waits_for_a_disk", "watched"]

OWN_SECONDS = 60.0  # for a step of the kit's own
_THAW_SECONDS = 20.0  # until a step is suspected to wait for a frozen file system
_SLOW_SECONDS = 1.0  # from then on it is looked at what a step waits for
_LOOK_SECONDS = 0.5
_FROZEN = "left the file system frozen (FIFREEZE): nothing can write to it any more"


class LeftUnusable(ImplementationError):
    """After the writes nothing else can use the file system: it is frozen, read-only or in use."""


class Served(Protocol):
    """What serves a disk."""

    def end(self) -> None:
        """End it at once, also while it is stopped."""

    def ended(self) -> str:
        """How it ended; empty while it runs."""


@dataclass
class _Step:
    what: str
    begun: float
    limit: float | None
    suspected: bool = False
    looks: int = 0
    waits: int = 0


@dataclass
class Watch:
    """The steps under way on the file system that is mounted at ``place``, on a disk that ``server`` serves. ``frozen``
    says that it was found frozen, ``given_up`` for which step the server was ended. Made by `watched`.
    """

    place: Path
    server: Served
    clock: Callable[[], float] = time.monotonic
    frozen: bool = False
    given_up: str = ""
    _steps: dict[int, _Step] = field(default_factory=dict)

    @contextlib.contextmanager
    def step(self, what: str, limit: float | None = None) -> Iterator[None]:
        """What this thread does in the block. With a ``limit`` in seconds the server is ended after it.

        Raises, in place of an ImplementationError or OSError, what was the cause of it, see `cause`.
        """
        step = self._steps[threading.get_ident()] = _Step(what, self.clock(), limit)
        try:
            yield
        except (ImplementationError, OSError) as error:
            cause = self._cause(error, step)
            if cause is error:
                raise
            raise cause from error
        finally:
            del self._steps[threading.get_ident()]
        if self.frozen:
            raise LeftUnusable(_FROZEN)

    def _cause(self, error: Exception, step: _Step) -> Exception:
        """Why a step has failed: what the implementation did, or what says nothing about it."""
        if self.frozen:
            return LeftUnusable(_FROZEN)
        if self.given_up:
            return Inconclusive(f"a disk of the kit's own has not answered for {OWN_SECONDS:g} s: {self.given_up}")
        if how := self.server.ended():
            return Inconclusive(f"the server of a disk of the kit's own {how}")
        if isinstance(error, NoAnswer) and 2 * step.waits > step.looks:
            return Inconclusive(f"{error}; it waited for a disk of this machine, which says nothing about it")
        return error

    def look(self) -> None:
        """Look at all steps under way once, and let go what hangs."""
        now, waits = self.clock(), None
        for step in list(self._steps.values()):
            age = now - step.begun
            if age > _SLOW_SECONDS:
                waits = waits_for_a_disk() if waits is None else waits
                step.looks += 1
                step.waits += waits
            if age > _THAW_SECONDS and not step.suspected:
                step.suspected = True
                self.thaw()
            if step.limit is not None and age > step.limit and not self.given_up:
                self.given_up = step.what
                self.server.end()

    def thaw(self) -> bool:
        """Thaw the file system. Returns whether it was frozen, now or earlier."""
        self.frozen = thawed(self.place) or self.frozen
        return self.frozen

    def require_thawed(self) -> None:
        """Raise LeftUnusable where the file system was frozen. It is thawed: a frozen one stays for ever."""
        if self.thaw():
            raise LeftUnusable(_FROZEN)

    def let_go(self) -> None:
        """Let every process go on that waits for this disk; nothing is needed from it any more."""
        self.thaw()
        self.server.end()


@contextlib.contextmanager
def watched(place: Path, server: Served) -> Iterator[Watch]:
    """Look after what uses a disk, in a thread, until the end of the block."""
    watch, ended = Watch(place, server), threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK_SECONDS):
            watch.look()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()


def thawed(place: Path, seconds: float = 5.0) -> bool:
    """Thaw a file system. Returns whether it was frozen; False after these seconds: the kernel may have to wait for a
    process that waits for the disk.
    """
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(thaw(place)), daemon=True)
    thread.start()
    thread.join(seconds)
    return any(found)


def waits_for_a_disk(proc: Path = Path("/proc")) -> bool:
    """Whether a thread of a process that this one has started cannot be interrupted, as while it waits for a disk."""
    return any(_uninterruptible(proc / str(child.pid)) for child in psutil.Process().children(recursive=True))


def _uninterruptible(process: Path) -> bool:
    with contextlib.suppress(OSError):
        for thread in (process / "task").iterdir():
            with contextlib.suppress(OSError):  # it has ended
                # The name before it, in parentheses, may be anything (proc_pid_stat(5)).
                if (thread / "stat").read_bytes().rpartition(b") ")[2].startswith(b"D"):
                    return True
    return False
