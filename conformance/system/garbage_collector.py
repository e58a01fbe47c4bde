"""How often Python looks for garbage in cycles."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

__all__ = ["few_collections"]

_THRESHOLDS = (200_000, 30, 30)


@contextlib.contextmanager
def few_collections() -> Iterator[None]:
    """Inside the block, this process looks for garbage in cycles a few hundred times more rarely.

    A run makes many objects that live as long as it does, and looking at all of them again and again took a seventh of
    its time. Type checkers do the same, for the same reason.
    """
    before = gc.get_threshold()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
