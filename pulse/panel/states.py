"""The states of all files: what is served of them, and what changes between two of them."""

from dataclasses import dataclass, replace
from typing import Any, Final

from pulse.liveness import STALLED_AFTER, as_json, later
from pulse.panel.samples import Point
from pulse.reader import Polled

__all__ = ["Row", "State", "aged", "changes", "document"]

TICKING: Final = ("unchanged_seconds", "unreadable_seconds", "rate", "eta_seconds", "last_look_age_seconds")
"""Members that change without news: a viewer's clock goes on by itself."""

JUDGED: Final = ("state", "severity", "liveness", "unchanged_seconds", "unreadable_seconds", "rate", "eta_seconds")
"""Members that follow from the time that has passed."""


@dataclass(frozen=True)
class Row:
    """One file."""

    order: int
    """When it came to the panel: files never change their order."""
    file: dict[str, Any]
    """:func:`pulse.liveness.as_json`, with a long message cut, and for how long nothing was seen of the file."""
    samples: tuple[Point, ...]
    polled: Polled
    """What ``file`` was made of."""


@dataclass(frozen=True)
class State:
    """Everything, after one poll."""

    clock: float
    """Seconds since the panel started, by a monotonic clock, at the end of the poll."""
    polls: int
    """How many polls there were."""
    seconds: float
    """How long this one took."""
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    stalled_after: float = STALLED_AFTER
    """The silence of a running job, in seconds, above which it counts as stalled."""


def aged(state: State, seconds: float) -> State:
    """A state as it has to be judged some time after it, when there was no other poll.

    Args:
        state: the state.
        seconds: the time since its end.
    """
    rows = tuple(_aged(row, seconds, state.stalled_after) for row in state.rows)
    return replace(state, clock=state.clock + seconds, rows=rows)


def _aged(row: Row, seconds: float, stalled_after: float) -> Row:
    polled = later(row.polled, seconds, stalled_after)
    judged = as_json("", polled, "")
    file = row.file | {name: judged[name] for name in JUDGED}
    file["last_look_age_seconds"] += seconds
    return replace(row, file=file, polled=polled)


def document(state: State, **more: Any) -> dict[str, Any]:
    """A state as /api/status serves it; ``more`` are members that are the same at each poll."""
    files = [{**row.file, "order": row.order, "samples": row.samples} for row in state.rows]
    return {"clock": round(state.clock, 3), **more, "files": files, "notes": state.notes}


def changes(before: State, after: State) -> dict[str, Any]:
    """What a viewer that has ``before`` needs to have ``after``: the files that changed, with their newest sample."""
    known = {row.order: row for row in before.rows}
    files = []
    for row in after.rows:
        old = known.get(row.order)
        if old is None:
            files.append({**row.file, "order": row.order, "samples": row.samples})
        elif _lasting(old) != _lasting(row):
            goes_on = row.samples[:1] == old.samples[:1]  # else it is the next run in the same file
            curve = {"sample": row.samples[-1] if row.samples else None} if goes_on else {"samples": row.samples}
            files.append({**row.file, "order": row.order, **curve})
    present = {row.order for row in after.rows}
    gone = [row.file["path"] for row in before.rows if row.order not in present]
    return {"clock": round(after.clock, 3), "files": files, "gone": gone, "notes": after.notes}


def _lasting(row: Row) -> dict[str, Any]:
    """What is news when it changes."""
    kept = {name: value for name, value in row.file.items() if name not in TICKING}
    # Whether they are shown at all is news.
    return kept | {name: row.file[name] is None for name in TICKING}
