"""A state in words: which writes were on the disk, and which were not. No I/O here."""

from __future__ import annotations

from collections.abc import Sequence

from stress.powercut.blocks.log import Event
from stress.powercut.blocks.states import State

__all__ = ["in_short"]


def in_short(state: State, events: Sequence[Event]) -> str:
    """A state in a few words."""
    changes = [number for number in range(state.stable, state.cut) if events[number].changes]
    since = "since the last flush that counted" if state.kind == "flushes ignored" else "since the last flush"
    text = f"{len(state.written)} of {len(changes)} writes {since} were on the disk"
    if state.piece is None:
        return text
    piece = f"bytes {state.piece.begin:,} to {state.piece.end:,} of {events[state.piece.event].length:,}"
    return f"{text}, and {piece} of one more"
