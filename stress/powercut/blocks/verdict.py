"""What one state holds, and what that means: torn, missing, lost, kept, or not to be mounted. No I/O here.

It knows what was requested and acknowledged, and nothing of the model that PWR-01 uses: that is compared with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from conformance.contract.errors import Violation
from conformance.oracle.payload import identify
from stress.powercut.blocks.history import History
from stress.powercut.prediction import State as Predicted
from stress.powercut.verdict import require_document

__all__ = ["Documents", "Leftover", "Outcome", "Seen", "Unseen", "judge"]

Documents = Mapping[tuple[int, int], Mapping[str, Any]]  # (writer, sequence) → the status


@dataclass(frozen=True)
class Leftover:
    """A file beside the target: its name, its length in bytes, and whether it is nothing but zeros."""

    name: str
    length: int
    zeros: bool


@dataclass(frozen=True)
class Seen:
    """What a recovered disk holds. ``unmountable`` is the error of its mount, ``unreadable`` that of a read after it;
    each is empty if there was none. ``data`` are the target's bytes, None without a file there.
    """

    data: bytes | None = None
    beside: tuple[Leftover, ...] = ()
    unreadable: str = ""
    unmountable: str = ""


@dataclass(frozen=True)
class Unseen:
    """The answer where nothing can be looked at: why, and nothing about the disk."""

    reason: str


@dataclass(frozen=True)
class Outcome:
    """What a state means. ``state`` is what the target holds, in the words of the power-loss model; ``undone`` counts
    the acknowledged writes that are gone.
    """

    kind: Literal["kept", "lost", "torn", "missing", "unmountable"]
    text: str
    state: Predicted = "torn"
    undone: int = 0


def judge(seen: Seen, cut: int, history: History, documents: Documents, profile: str) -> Outcome:
    """Judge what was seen after a cut, when so many events of the log had happened."""
    acknowledged = len(history.acknowledged(cut))
    if seen.unmountable:
        return Outcome("unmountable", f"the file system cannot be mounted: {seen.unmountable}")
    if seen.unreadable:
        return Outcome("torn", f"the target cannot be read: {seen.unreadable}", "torn", acknowledged)
    if seen.data is None:
        if history.exists:
            text = "there is no target, although one was on the disk before the first write"
            return Outcome("missing", text, "missing", acknowledged)
        return _aged(None, "missing", "no target", cut, history)
    if not seen.data.strip(b"\0"):
        text = f"the target consists of {len(seen.data):,} zeros" if seen.data else "the target is empty"
        return Outcome("torn", text, "torn", acknowledged)
    try:
        found = identify(seen.data)
        require_document(seen.data, documents.get(found), profile)
    except Violation as violation:
        return Outcome("torn", str(violation), "torn", acknowledged)
    return _aged(found, found[1], f"document {found[1]} of writer {found[0]}", cut, history)


def _aged(found: tuple[int, int] | None, state: Predicted, what: str, cut: int, history: History) -> Outcome:
    undone = history.undone(found, cut)
    if undone is None:
        return Outcome("torn", f"the target holds {what}, whose write was never requested", "torn")
    if undone:
        last = undone[-1]
        text = f"{what}, although document {last.sequence} of writer {last.writer} had been acknowledged"
        return Outcome("lost", text, state, len(undone))
    return Outcome("kept", what, state)
