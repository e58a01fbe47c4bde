"""Starts an implementation under chaos: after a kill that hits the start it is started again."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.contract.errors import ImplementationError
from conformance.contract.manifest import Manifest
from conformance.subject.client import OneshotImplementation, ServeImplementation, start
from conformance.subject.launch import LaunchOptions
from stress.record.shared_counters import Counters

__all__ = ["MOST_STARTS", "Started", "start_despite_kills"]

MOST_STARTS = 20  # consecutive ones that kills may spoil


@dataclass(frozen=True)
class Started:
    """A running implementation, the number of kills accounted for by now, and the number of starts that they spoilt."""

    implementation: ServeImplementation | OneshotImplementation
    kills: int
    spoilt: int


def start_despite_kills(manifest: Manifest, launch_options: LaunchOptions, counters: Counters, kills: int) -> Started:
    """Start it, and start it again after each kill. ``kills`` are those known already; ``counters`` has new ones.

    Raises ImplementationError when it cannot be started although it was not killed, or was killed too often in a row.
    """
    for spoilt in range(MOST_STARTS):
        try:
            return Started(start(manifest, launch_options), kills, spoilt)
        except ImplementationError:
            if kills >= counters.get("kills"):
                raise
            kills = counters.get("kills")
    raise ImplementationError(f"was killed {MOST_STARTS} times in a row before it could start", "")
