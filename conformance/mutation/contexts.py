"""Context managers that mutants and variants share."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

__all__ = ["closing", "handled_by"]


@contextlib.contextmanager
def closing(descriptor: int) -> Iterator[int]:
    """Close a descriptor at the end, without hiding why the block failed. Raises OSError when only the close fails."""
    try:
        yield descriptor
    except BaseException:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        raise
    os.close(descriptor)


@contextlib.contextmanager
def handled_by(number: signal.Signals, handler: Callable[[int, object], None] | signal.Handlers) -> Iterator[None]:
    """Handle a signal with a handler of the writer's own; only a program's main thread may install one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)
