"""Names of states, by what they are and not by their place in a list: a round that is recorded again writes nearly the
same, and the state of that name is looked for there. No I/O here.

``0-2-1-0-p0of2``: in round 0, after 2 requests, 1 answer and 0 flushes since then: the prefix with 0 of the 2 block
writes of the epoch. Instead of ``p0``: ``w1.0to512``, the first write and these bytes of the next one; ``s2``, the
writes whose bits are set in this hexadecimal number; ``i3.2``, the same beneath 3 flushes that were ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from stress.powercut.blocks.history import ACKNOWLEDGED, BEGUN
from stress.powercut.blocks.log import Event
from stress.powercut.blocks.states import START, Piece, State, epochs_of

__all__ = ["is_name", "name_of", "named_state", "round_of"]

_NAME = re.compile(
    r"(?P<round>\d+)-(?P<begun>\d+)-(?P<acknowledged>\d+)-(?P<flushes>\d+)-"
    r"(?:p(?P<length>\d+)|w(?P<index>\d+)\.(?P<begin>\d+)to(?P<end>\d+)|s(?P<subset>[0-9a-f]+)"
    r"|i(?P<ignored>\d+)\.(?P<kept>[0-9a-f]+))of(?P<of>\d+)"
)


def is_name(text: str) -> bool:
    """Whether this is the name of a state."""
    return _NAME.fullmatch(text) is not None


def round_of(name: str) -> int:
    """The number of the round that a name is about."""
    return int(name.partition("-")[0])


def name_of(state: State, events: Sequence[Event], round_number: int) -> str:
    """The name of a state of this log."""
    changes = _changes(events, state.stable, state.cut)
    written = frozenset(state.written)
    mask = int("".join("01"[number in written] for number in reversed(changes)) or "0", 2)
    match state.kind:
        case "prefix":
            what = f"p{len(state.written)}"
        case "partial write":
            assert state.piece
            what = f"w{len(state.written)}.{state.piece.begin}to{state.piece.end}"
        case "subset":
            what = f"s{mask:x}"
        case "flushes ignored":
            what = f"i{_flushes(events, state.stable, state.cut)}.{mask:x}"
    place = "-".join(map(str, _place(events, state.stable)))
    return f"{round_number}-{place}-{what}of{len(changes)}"


def named_state(name: str, events: Sequence[Event]) -> State | None:
    """The state of this name in a log, None if it has no such state. Raises ValueError for what is no name."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r} is not the name of a state")
    at = (int(found["begun"]), int(found["acknowledged"]), int(found["flushes"]))
    epochs = epochs_of(events)
    first = next((index for index, epoch in enumerate(epochs) if _place(events, epoch.begin) == at), None)
    last = None if first is None else first + int(found["ignored"] or 0)
    if first is None or last is None or last >= len(epochs):
        return None
    stable, cut = epochs[first].begin, epochs[last].end
    changes = _changes(events, stable, cut)
    return _state(found, events, stable, cut, changes) if len(changes) == int(found["of"]) else None


def _state(
    found: re.Match[str], events: Sequence[Event], stable: int, cut: int, changes: Sequence[int]
) -> State | None:
    if found["length"] is not None:
        length = int(found["length"])
        return State("prefix", stable, tuple(changes[:length]), cut) if length <= len(changes) else None
    if found["index"] is not None:
        index, begin, end = (int(found[part]) for part in ("index", "begin", "end"))
        if index >= len(changes) or not begin < end <= events[changes[index]].length:
            return None
        return State("partial write", stable, tuple(changes[:index]), cut, Piece(changes[index], begin, end))
    mask = int(found["subset"] or found["kept"], 16)
    if mask >> len(changes):
        return None
    written = tuple(number for place, number in enumerate(changes) if mask >> place & 1)
    return State("subset" if found["subset"] is not None else "flushes ignored", stable, written, cut)


def _changes(events: Sequence[Event], begin: int, end: int) -> list[int]:
    return [number for number in range(begin, end) if events[number].changes]


def _flushes(events: Sequence[Event], begin: int, end: int) -> int:
    return sum(event.kind == "flush" for event in events[begin:end])


def _place(events: Sequence[Event], number: int) -> tuple[int, int, int]:
    """How many requests and answers there were before an event, and how many flushes since the last of them."""
    marks = [at for at, event in enumerate(events[:number]) if event.kind == "mark"]
    texts = [events[at].text for at in marks]
    if START not in texts:  # what was flushed before the first request is another number in each recording
        return 0, 0, 0
    return _count(texts, BEGUN), _count(texts, ACKNOWLEDGED), _flushes(events, marks[-1], number)


def _count(texts: Iterable[str], word: str) -> int:
    return sum(text.split()[0] == word for text in texts)
