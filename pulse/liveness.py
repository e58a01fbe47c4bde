"""Whether a run is alive, how fast it is, and how long it will take: derived from what one reader has seen of one file.

This is the only place that defines fresh, stalled, ended and unreadable. Everything here is pure: the samples, and the
clocks in them, come from :class:`pulse.reader.StatusReader`.
"""

import math
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from pulse.status import Status, progress

if TYPE_CHECKING:
    from pulse.reader import Polled

__all__ = [
    "STALLED_AFTER",
    "Assessment",
    "Evidence",
    "History",
    "Liveness",
    "Sample",
    "age",
    "as_json",
    "assess",
    "escaped",
    "is_stalled",
    "later",
    "names",
    "observe",
    "severity",
    "state",
]

STALLED_AFTER: Final = 60.0
"""The silence of a running job, in seconds, after which it counts as stalled unless told otherwise."""

STATES: Final = ("done", "idle", "running", "stalled", "error", "unreadable")
"""What a display calls a run, the worst last."""

WINDOW_SECONDS: Final = 300.0
"""Rate and ETA rest on the progress of the last five minutes …"""
WINDOW_POINTS: Final = 5
"""… but on five changes at least, where there were as many: a run may write once an hour …"""
WINDOW_LIMIT: Final = 512
"""… and on this many at most, however often the file is polled."""
FEWEST_POINTS: Final = 3
"""With fewer changes than this, rate and ETA would be guesses …"""
SHORTEST_SECONDS: Final = 10.0
"""… and so they would be before the changes are this far apart."""

AMBIGUOUS: Final = re.compile(r"\\+(?=ud[89a-f][0-9a-f]{2}|[\ud800-\udfff])")
"""Backslashes that would make a name look like one with a surrogate that is written out."""

USUAL_NAMES: Final = {"pulse", "status", "training_status"}
"""Names of status files that do not say which run it is."""


class Liveness(Enum):
    """What a reader may say of a run."""

    FRESH = "fresh"
    """Idle; or running, and the document has changed within the last ``stalled_after`` seconds."""
    STALLED = "stalled"
    """Running by its own account, but the document has not changed for more than ``stalled_after`` seconds."""
    ENDED = "ended"
    """The last word is ``done`` or ``error``."""
    UNREADABLE = "unreadable"
    """The file holds no valid status now, whatever it held before."""


class Evidence(Enum):
    """What the silence of a run is measured from."""

    OBSERVED = "observed"
    """A change of the document that this reader saw, by its own monotonic clock."""
    TIMESTAMP = "timestamp"
    """Nothing changed since the first read: the document's timestamp then, against the wall clock."""
    MODIFIED = "modified"
    """Nothing changed since the first read: the file's modification time then, against the wall clock."""


@dataclass(frozen=True)
class Sample:
    """One read of one file."""

    seen: float
    """When, in seconds of the reader's monotonic clock."""
    status: Status | None
    """What the file held; ``None`` where that was no valid status."""
    wall: float
    """When, in seconds since 1970 by the wall clock of the reader's machine."""
    modified: float | None
    """When the file was last modified, in seconds since 1970; ``None`` when unknown."""


@dataclass(frozen=True)
class Point:
    """The epoch in a document, and when the reader saw it change to this."""

    seen: float
    epoch: float


@dataclass(frozen=True)
class History:
    """What one reader remembers of one file; :func:`observe` adds to it."""

    status: Status | None = None
    """The last valid status."""
    changed: float = 0.0
    """When that was new, in seconds of the reader's monotonic clock: seen to change, or reckoned at first sight."""
    evidence: Evidence = Evidence.OBSERVED
    """What ``changed`` comes from."""
    unreadable_since: float | None = None
    """The first of the latest reads without a valid status, by the monotonic clock; ``None`` after a valid one."""
    points: tuple[Point, ...] = ()
    """The progress that was seen, oldest first."""


@dataclass(frozen=True)
class Assessment:
    """What follows from a history at one moment. The members are those of :class:`pulse.reader.Polled`."""

    liveness: Liveness
    unchanged_seconds: float | None
    evidence: Evidence | None
    unreadable_seconds: float | None
    progress: float
    rate: float | None
    eta_seconds: float | None


def observe(history: History, sample: Sample) -> History:
    """The history after one more read.

    A change is a document with other values. A file that was only touched, or copied again by a tool that mirrors
    folders, has not changed: the job behind it may be dead.
    """
    status, seen = sample.status, sample.seen
    if status is None:
        since = seen if history.unreadable_since is None else history.unreadable_since
        return replace(history, unreadable_since=since)
    if history.status is None:
        seconds, evidence = _age_at_first_sight(sample, status)
        return History(status, seen - seconds, evidence)
    if status == history.status:
        return replace(history, unreadable_since=None)
    return History(status, seen, Evidence.OBSERVED, None, _points(history, status, seen))


def assess(history: History, now: float, stalled_after: float = STALLED_AFTER) -> Assessment:
    """What the history means at ``now``, in seconds of the same monotonic clock.

    Args:
        history: what was seen.
        now: not before the last sample.
        stalled_after: the silence of a running job, in seconds, above which it counts as stalled.
    """
    status = history.status
    unchanged = None if status is None else now - history.changed
    unreadable = None if history.unreadable_since is None else now - history.unreadable_since
    if status is None or unchanged is None or unreadable is not None:
        liveness = Liveness.UNREADABLE
    elif status["status"] in ("done", "error"):
        liveness = Liveness.ENDED
    else:
        liveness = Liveness.STALLED if _silent(status, unchanged, stalled_after) else Liveness.FRESH
    rate, eta = _speed(history, now) if liveness is Liveness.FRESH else (None, None)
    return Assessment(
        liveness=liveness,
        unchanged_seconds=unchanged,
        evidence=None if status is None else history.evidence,
        unreadable_seconds=unreadable,
        progress=0.0 if status is None else progress(status),
        rate=rate,
        eta_seconds=eta,
    )


def age(status: Mapping[str, Any], now: float) -> float:
    """Seconds from the status's timestamp to ``now`` (seconds since 1970); negative when the clocks disagree."""
    return now - float(status["timestamp"])


def is_stalled(status: Mapping[str, Any], now: float, after: float = STALLED_AFTER) -> bool:
    """Whether a run whose status is ``running`` has shown no sign of life in the last ``after`` seconds.

    This is for a single status without a history, so that it rests on the timestamp alone, and on clocks that agree.
    A :class:`pulse.reader.StatusReader` knows more: see its ``liveness``. A timestamp more than ``after`` seconds
    ahead of ``now`` is no sign of life: the clocks disagree, or it is not in seconds, so that the age is unknown, and
    a job that has died must not look alive until that time has come.
    """
    return _silent(status, abs(age(status, now)), after)


def later(polled: "Polled", seconds: float, stalled_after: float = STALLED_AFTER) -> "Polled":
    """What the result of a poll means some time after it, when nothing was seen of the file since.

    Args:
        polled: the result.
        seconds: the time since then.
        stalled_after: the silence of a running job, in seconds, above which it counts as stalled.
    """
    if seconds <= 0.0:
        return polled
    unchanged = None if polled.unchanged_seconds is None else polled.unchanged_seconds + seconds
    unreadable = None if polled.unreadable_seconds is None else polled.unreadable_seconds + seconds
    eta = None if polled.eta_seconds is None else max(polled.eta_seconds - seconds, 0.0)
    known = replace(polled, unchanged_seconds=unchanged, unreadable_seconds=unreadable, eta_seconds=eta)
    if polled.status is None or unchanged is None or polled.liveness is not Liveness.FRESH:
        return known
    if _silent(polled.status, unchanged, stalled_after):
        return replace(known, liveness=Liveness.STALLED, rate=None, eta_seconds=None)
    return known


def state(polled: "Polled") -> str:
    """The one word of :data:`STATES` for a run: its ``status``, unless it is stalled or unreadable."""
    if polled.status is None or polled.liveness in (Liveness.STALLED, Liveness.UNREADABLE):
        return polled.liveness.value
    return polled.status["status"]


def severity(polled: "Polled") -> int:
    """How bad it is, from 0 (done) to 5 (unreadable): the place of its state in :data:`STATES`."""
    return STATES.index(state(polled))


def as_json(path: str, polled: "Polled", name: str | None = None) -> dict[str, Any]:
    """What a reader knows of a file, as a JSON object: a line of ``pulse watch --json``.

    Args:
        path: the file, as the user named it.
        polled: the result of a poll.
        name: what to call the run; ``None`` for the name that :func:`names` gives to this path alone.
    """
    return {
        "path": escaped(path),
        "name": escaped(names([path])[0] if name is None else name),
        "status": polled.status,
        "state": state(polled),
        "severity": severity(polled),
        "liveness": polled.liveness.value,
        "outcome": polled.outcome.value,
        "detail": escaped(polled.detail),
        "unchanged_seconds": polled.unchanged_seconds,
        "evidence": None if polled.evidence is None else polled.evidence.value,
        "unreadable_seconds": polled.unreadable_seconds,
        "progress": polled.progress,
        "rate": polled.rate,
        "eta_seconds": polled.eta_seconds,
    }


def escaped(text: str) -> str:
    """Text whose lone surrogates, which stand for what is not UTF-8 in a path, are written out as ``\\udce9``.

    No JSON reader takes those, and two paths must stay two: a display keys its rows by path. So backslashes before one,
    or before what looks like one already, are doubled.
    """
    if "\\" in text:
        text = AMBIGUOUS.sub(r"\g<0>\g<0>", text)
    return text.encode(errors="backslashreplace").decode()


def names(paths: Sequence[str]) -> list[str]:
    """A short name for each of several files: the shortest end of its path that no other has.

    ``.json`` is left out, and so is a last part that says nothing: one that is the same everywhere, as in
    ``runs/a/status.json`` and ``runs/b/status.json``, or is usual for such a file. The two are called ``a`` and ``b``.
    A path that occurs twice has no short name.
    """
    parts = [_parts(path) for path in paths]
    lasts = {part[-1] for part in parts}
    if len(lasts) == 1 and (len(parts) > 1 or lasts <= USUAL_NAMES) and all(len(part) > 1 for part in parts):
        parts = [part[:-1] for part in parts]
    return _shortest(parts)


def _age_at_first_sight(sample: Sample, status: Status) -> tuple[float, Evidence]:
    """The age of a document that was not seen to change: whichever of its two times is nearer to the wall clock.

    So a dead run, where both are old, is stalled at once, and a live one whose own clock is wrong is not. A time
    ahead of the wall clock counts as just as far behind it, for the reason given at :func:`is_stalled`.
    """
    by_timestamp = abs(age(status, sample.wall))
    by_file = math.inf if sample.modified is None else abs(sample.wall - sample.modified)
    return (by_file, Evidence.MODIFIED) if by_file < by_timestamp else (by_timestamp, Evidence.TIMESTAMP)


def _silent(status: Mapping[str, Any], seconds: float, after: float) -> bool:
    """The definition of stalled. Only a running job owes a sign of life: an idle one waits, and others have ended."""
    return bool(status["status"] == "running") and seconds > after


def _points(history: History, status: Status, seen: float) -> tuple[Point, ...]:
    """The points after a change to ``status``: only running jobs make progress, and a job that resumes starts anew."""
    before = history.status
    if status["status"] != "running":
        return ()
    point = Point(seen, status["epoch"])
    if before is None or before["status"] != "running" or before["total_epochs"] != status["total_epochs"]:
        return (point,)
    if status["epoch"] < before["epoch"]:
        return (point,)
    if status["epoch"] == before["epoch"]:
        return history.points  # a heartbeat, or another message
    points = (*history.points, point)[-WINDOW_LIMIT:]
    old = sum(point.seen < seen - WINDOW_SECONDS for point in points)
    return points[min(old, max(len(points) - WINDOW_POINTS, 0)) :]


def _speed(history: History, now: float) -> tuple[float | None, float | None]:
    """Epochs per second, and seconds to the end; each is ``None`` while it is unknown.

    It is measured from change to change, because many runs write only at the end of an epoch: up to ``now``, they
    would seem to slow down within each epoch. Only when the next change is overdue must the rate have dropped.
    """
    points, status = history.points, history.status
    if status is None or len(points) < FEWEST_POINTS or points[-1].seen - points[0].seen < SHORTEST_SECONDS:
        return None, None
    first, last = points[0], points[-1]
    intervals = len(points) - 1
    gap = (last.seen - first.seen) / intervals
    step = (last.epoch - first.epoch) / intervals
    waited, remaining = now - last.seen, status["total_epochs"] - last.epoch
    if waited <= gap:
        rate, ahead = step / gap, remaining
    else:
        rate, ahead, waited = (last.epoch + step - first.epoch) / (now - first.seen), remaining - step, 0.0
    if not 0.0 < rate < math.inf:  # numbers that no training has, and yet a document may
        return None, None
    eta = ahead / rate - waited
    known = remaining > 0.0 and math.isfinite(eta)
    return rate, max(eta, 0.0) if known else None


def _parts(path: str) -> list[str]:
    """The parts of a path from its root, the last one without ``.json``."""
    parts = [part for part in re.split(r"[/\\]" if os.name == "nt" else "/", os.path.abspath(path)) if part]
    return [*parts[:-1], parts[-1].removesuffix(".json") or parts[-1]] if parts else [path]


def _shortest(paths: list[list[str]]) -> list[str]:
    """The shortest end of each path that no other has; it takes time in proportion to their number."""
    found = ["/".join(path) for path in paths]
    left, count = list(range(len(paths))), 1
    while left:
        ends = {index: tuple(paths[index][-count:]) for index in left}
        times = Counter(ends.values())
        for index, end in ends.items():
            if times[end] == 1:
                found[index] = "/".join(end)
        count += 1
        left = [index for index, end in ends.items() if times[end] > 1 and len(paths[index]) >= count]
    return found
