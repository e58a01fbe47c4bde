"""How a call is found again in a write whose calls are not those of the recorded one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from conformance.in_process.filecalls import Call
from conformance.oracle.faults import Injection, Kill

__all__ = ["Aim", "alike", "until_fired"]

Attempt = TypeVar("Attempt", Injection, Kill)

# The seconds to wait before each try, and by what the number of the call is divided in it.
_TRIES = ((0.0, 1), (0.3, 1), (0.0, 1), (0.0, 2), (0.0, 4), (0.0, 1 << 30))


def alike(call: Call) -> tuple[str, bool]:
    """What calls have in common that are counted together."""
    return call.kind, call.writable


class Aim:
    """The ``nth`` call of a kind, from 0, wherever it comes in a write; like ``wanted`` for writing or not."""

    def __init__(self, wanted: Call, nth: int) -> None:
        self._alike = alike(wanted)
        self._to_come = nth

    def hit_by(self, call: Call) -> bool:
        """Whether this, the next call of the write, is the one."""
        if alike(call) != self._alike:
            return False
        self._to_come -= 1
        return self._to_come == -1


def until_fired(attempt: Callable[[float, int], Attempt], nth: int) -> Attempt:
    """The first attempt in which the fault or the kill happened, or the last one.

    ``attempt`` gets the seconds to wait before the write, and which call of the kind to aim at. A thread that still
    works for an earlier write makes calls that are counted, too: the second attempt lets it end first. A writer may
    make fewer calls than it made when it was recorded: later attempts settle for an earlier one of the kind.
    """
    for seconds, part in _TRIES if nth else _TRIES[:3]:
        made = attempt(seconds, nth // part)
        if made.fired:
            break
    return made
