"""Polls whether the target exists while it is being written, without opening it and so without interfering."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from conformance.contract.errors import Inconclusive, Violation
from conformance.runner.case import Case
from conformance.system.windows import is_there

__all__ = ["Polls", "polled_for_existence"]


@dataclass
class Polls:
    """How many times the target was polled, how often it was missing, and how many writes happened meanwhile."""

    polls: int = 0
    missing: int = 0
    writes: int = 0

    def require_never_missing(self) -> None:
        """Raise Violation when the target was missing, Inconclusive when there was less than one poll per write."""
        if self.missing:
            raise Violation(
                f"missing: no file at the target in {self.missing} of {self.polls} polls ({self.writes} writes)"
            )
        if self.polls < self.writes or not self.writes:
            raise Inconclusive(
                f"only {self.polls} polls during {self.writes} writes: run it again on a less busy machine"
            )


@contextmanager
def polled_for_existence(case: Case) -> Iterator[Polls]:
    """Poll from a thread inside the block. The target already exists; the caller counts ``writes``."""
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
