"""The loss of one run over time, as the panel itself has seen it: bounded, however long the run."""

from dataclasses import dataclass
from typing import Final

from pulse.status import Status

__all__ = ["MOST_POINTS", "Point", "Samples", "add"]

MOST_POINTS: Final = 240
"""More points than a sparkline has pixels would only cost memory and bandwidth."""

Point = tuple[float, float]
"""Seconds of the panel's clock, and the loss."""


@dataclass(frozen=True)
class Samples:
    """Points over the whole time that the panel has followed a run."""

    points: tuple[Point, ...] = ()
    """Oldest first; the last is always the latest."""
    stride: int = 1
    """Every so many changes a point is kept for good; it doubles whenever there are too many."""
    since: int = 0
    """Changes since the last point that is kept for good."""


def add(samples: Samples, seconds: float, before: Status | None, status: Status) -> Samples:
    """The samples after a document that differs from the one before.

    Args:
        samples: those until now.
        seconds: when the change was seen.
        before: the status until now, ``None`` for the first.
        status: the new one.
    """
    if before is not None and before["status"] != "running" and status["status"] == "running":
        samples = Samples()  # the next run in the same file
    if status["status"] == "idle" or (status["loss"] == 0.0 and not samples.points):
        return samples  # until there was another, a loss of 0 stands for none: the format has no other way to say so
    point = (round(seconds, 1), status["loss"])
    if not samples.points or samples.since >= samples.stride:
        points, since = (*samples.points, point), 1
    else:
        points, since = (*samples.points[:-1], point), samples.since + 1
    if len(points) <= MOST_POINTS:
        return Samples(points, samples.stride, since)
    # The oldest and the latest stay.
    return Samples(points[:-1:2] + points[-1:], samples.stride * 2, 1)
