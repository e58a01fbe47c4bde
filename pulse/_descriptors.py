"""Open, use and close one file descriptor so that no interrupt can leak it.

A ``KeyboardInterrupt`` may arrive between any two bytecodes. ``descriptor = os.open(...)`` leaks when it
arrives after the call has returned and before the name is bound. Here the descriptor goes from the system
call into a list, and from the list into ``os.close``, in one C call each: no bytecode sees it unowned.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import starmap
from typing import Any, TypeVar, TypeVarTuple

__all__ = ["use_descriptor"]

Result = TypeVar("Result")
More = TypeVarTuple("More")


def use_descriptor(
    opener: Callable[..., int], arguments: tuple[Any, ...], use: Callable[[int, *More], Result], *more: *More
) -> Result:
    """Open a descriptor, hand it to ``use``, and close it whatever happens.

    Args:
        opener: returns a descriptor; a function written in C (``os.open``), or the opening itself can leak.
        arguments: the positional arguments of ``opener``.
        use: called once with the descriptor and with ``more``.

    Returns:
        What ``use`` returned.

    Raises:
        OSError: from ``opener``, ``use`` or the close; the first of them when several fail.
    """
    held: list[int] = []
    closing = map(os.close, held)  # each step closes one descriptor, and never the same one again
    # Two levels: the outer one finishes the clean-up when an interrupt arrives inside the inner one.
    try:
        try:
            held.extend(starmap(opener, (arguments,)))
            result = use(held[0], *more)
            next(closing)
        except BaseException:
            _close_quietly(closing)
            raise
    except BaseException:
        _close_quietly(closing)
        raise
    return result


def _close_quietly(closing: Iterator[None]) -> None:
    """Close what is still open while another error propagates, which a failing close must not hide."""
    with suppress(OSError):
        next(closing, None)
