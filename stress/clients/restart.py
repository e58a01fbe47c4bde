"""Starts an implementation under chaos: a kill that hits the start is a kill as any other, and it is started again."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.errors import ImplementationError
from conformance.subject.client import LaunchOptions, OneshotImplementation, ServeImplementation, start
from conformance.subject.manifest import Manifest
from stress.record.shared_counters import Counters

__all__ = ["MOST_STARTS", "Started", "start_despite_kills"]

MOST_STARTS = 20  # in a row that kills may spoil


@dataclass(frozen=True)
class Started:
    """A running implementation, how many kills are accounted for by now, and how many starts they had spoilt."""

    implementation: ServeImplementation | OneshotImplementation
    kills: int
    spoilt: int


def start_despite_kills(manifest: Manifest, launch_options: LaunchOptions, counters: Counters, kills: int) -> Started:
    """Start it, again after each kill. ``kills`` are those that are known already, ``counters`` tell of new ones.

    Raises ImplementationError when it cannot be started and nobody killed it, or was killed too often in a row.
    """
    for spoilt in range(MOST_STARTS):
        try:
            return Started(start(manifest, launch_options), kills, spoilt)
        except ImplementationError:
            if kills >= counters.get("kills"):
                raise
            kills = counters.get("kills")
    raise ImplementationError(f"was killed {MOST_STARTS} times in a row before it could start", "")
