"""Looks without pause whether the target is there, while others write it; without opening it, so in nobody's way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from conformance.errors import Inconclusive, Violation
from conformance.runner.case import Case
from conformance.system.windows import is_there

__all__ = ["Polls", "polled_for_existence"]


@dataclass
class Polls:
    """How often was looked, how often nothing was there, and how many writes there were meanwhile."""

    polls: int = 0
    missing: int = 0
    writes: int = 0

    def require_never_missing(self) -> None:
        """Raise Violation when the target was missing, Inconclusive when it was looked at less than once a write."""
        if self.missing:
            raise Violation(
                f"missing: no file at the target in {self.missing} of {self.polls} polls ({self.writes} writes)"
            )
        if self.polls < self.writes or not self.writes:
            raise Inconclusive(
                f"only {self.polls} polls during {self.writes} writes: run it on a machine that does less"
            )


@contextmanager
def polled_for_existence(case: Case) -> Iterator[Polls]:
    """Inside it a thread looks. The target exists already; ``writes`` is for the caller to count."""
    polls, finished, path = Polls(), threading.Event(), str(case.target)

    def look() -> None:
        while not finished.is_set():
            polls.missing += not is_there(path)
            polls.polls += 1

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield polls
    finally:
        finished.set()
        thread.join()
        case.counts = {"polls": polls.polls, "writes": polls.writes}
