"""A state in words: which writes were on the disk, and which were not. No I/O here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stress.powercut.blocks.history import ACKNOWLEDGED, BEGUN
from stress.powercut.blocks.log import Event
from stress.powercut.blocks.states import State

__all__ = ["in_full", "in_short"]

_UNKNOWN = "unknown"
_EXPLAINED = {  # words that may say what a write is
    _UNKNOWN: "unknown: no tool of the file system says what these blocks are",
    "free": "free: at the cut no file has these blocks any more; they held what was removed or replaced by then",
}


def in_short(state: State, events: Sequence[Event]) -> str:
    """A state in a few words."""
    changes = [number for number in range(state.stable, state.cut) if events[number].changes]
    text = f"{len(state.written)} of {len(changes)} block writes {_since(state)} were on the disk"
    if state.piece is None:
        return text
    piece = f"bytes {state.piece.begin:,} to {state.piece.end:,} of {events[state.piece.event].length:,}"
    return f"{text}, and {piece} of one more"


def in_full(state: State, events: Sequence[Event], contents: Mapping[int, str]) -> list[str]:
    """A state as a list of lines: each write, and whether it was on the disk, with what the program asked for between
    them. ``contents`` says what a write is, by its number, or is empty.
    """
    lines = [
        f"The block writes {_since(state)}, in the order in which they were sent to the disk, and what they are for"
    ]
    lines.append("a file system that got all of them:")
    lines.append("")
    used: set[str] = set()
    for number in range(state.stable, state.cut):
        event = events[number]
        if event.changes:
            what = contents.get(number) or _UNKNOWN
            used.update(what.split(", "))
            lines.append(f"  {_fate(state, number):9} {event.kind} at {event.offset:,}, {event.length:,} bytes: {what}")
        elif event.kind == "flush":
            lines.append("  flush, which this disk ignored" if state.kind == "flushes ignored" else "  flush")
        elif (text := _said(event.text)) is not None:
            lines.append(f"  {text}")
    explained = [text for word, text in _EXPLAINED.items() if word in used]
    return [*lines, "  the power is cut", *[""] * bool(explained), *explained]


def _since(state: State) -> str:
    return "since the last flush that counted" if state.kind == "flushes ignored" else "since the last flush"


def _fate(state: State, number: int) -> str:
    if number in state.written:
        return "on disk"
    return "in part" if state.piece is not None and state.piece.event == number else "missing"


def _said(mark: str) -> str | None:
    word, *numbers = mark.split()
    if word not in (BEGUN, ACKNOWLEDGED):
        return None
    what = "is requested" if word == BEGUN else "has been acknowledged"
    return f"document {numbers[1]} of writer {numbers[0]} {what}"
