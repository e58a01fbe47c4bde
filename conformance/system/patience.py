"""Waiting for what a program still does after it has answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Patience"]

_PAUSE = 0.005  # seconds


@dataclass
class Patience:
    """Looks again while something is left, for ``seconds`` at first.

    A program that leaves something leaves it again and again: each wait in vain makes the later ones shorter.
    """

    seconds: float = 0.5

    def until_gone(self, look: Callable[[], list[str]], seconds: float | None = None) -> list[str]:
        """What ``look`` finds left: nothing as soon as there is nothing, or else what is left at the end.

        ``seconds`` is another limit for this once, which shortens no later wait: 0 where waiting can be of no use.
        """
        ending = time.monotonic() + (self.seconds if seconds is None else seconds)
        while left := look():
            if time.monotonic() >= ending:
                self.seconds /= 2 if seconds is None else 1
                return left
            time.sleep(_PAUSE)
        return left

    def surplus(self, count: Callable[[], int], before: int) -> int:
        """By how much ``count`` exceeds ``before``: 0 as soon as it does not, or else the difference at the end.

        A thread that works on after the answer may have a descriptor open for a moment, also when they were counted
        ``before``: fewer than that are no surplus.
        """
        return len(self.until_gone(lambda: ["one more"] * (count() - before)))
