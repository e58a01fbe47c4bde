"""Which content of a file is whole, and what one that is not is called. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from conformance.oracle.snapshot import Snapshot

__all__ = ["BROKEN", "Wholeness", "in_words", "without_empty"]

BROKEN = ("missing", "empty", "cut off", "other")


@dataclass(frozen=True)
class Wholeness:
    """What counts as whole for one file: its old bytes, those of the undisturbed runs, and what ``valid`` takes.

    ``old`` is None for a file that did not exist. ``kind`` names what ``valid`` checks, for people.
    """

    old: bytes | None
    known: frozenset[bytes]
    kind: str = ""
    valid: Callable[[bytes], bool] | None = field(default=None, compare=False)

    def state(self, found: Snapshot) -> str:
        """``old``, ``new`` (of an undisturbed run), ``valid``, one of `BROKEN`, or what is in place of the file."""
        if not found.exists:
            return "old" if self.old is None else "missing"
        if found.data is None:
            return found.what
        return self._state_of(found.data)

    def _state_of(self, data: bytes) -> str:
        if data in self.known:
            return "new"
        if data == self.old:
            return "old"
        if not data:
            return "empty"
        if self.valid is not None and self.valid(data):
            return "valid"
        whole = (*self.known, *(() if self.old is None else (self.old,)))
        if any(each.startswith(data) for each in whole):
            return "cut off"
        return "other"

    def is_broken(self, state: str) -> bool:
        """Whether a state is none of a whole file."""
        return state not in ("old", "new", "valid")


def in_words(state: str) -> str:
    """A state as the end of a sentence that begins with "the file is"."""
    words = {
        "old": "the old one",
        "new": "the new one",
        "valid": "whole",
        "missing": "gone",
        "empty": "empty",
        "cut off": "cut off: only its start is there",
        "other": "neither the old one nor that of an undisturbed run",
    }
    return words.get(state, f"{state}, and no file")


def without_empty(contents: Iterable[bytes], *, always: Iterable[bytes | None]) -> frozenset[bytes]:
    """Contents without the empty one, unless it is one of those that count in any case."""
    allowed = b"" in [each for each in always if each is not None]
    return frozenset(each for each in contents if each or allowed)
