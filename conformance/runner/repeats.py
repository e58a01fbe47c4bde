"""Flaky known failures that say how often: a case that passes is run again, until it fails or has passed often enough.

One failure shows that the entry still holds, so only passes are repeated. Each run of a case has a folder and a
process of its own, as if it were another case.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from _pytest.runner import runtestprotocol  # pytest has no public way to run a test without reporting it

from conformance.contract.manifest import KnownFailure
from conformance.runner.carried_results import carried_by

__all__ = ["allow_time_for", "number_of_run", "repeats_of", "run_repeatedly"]

_RUN = pytest.StashKey[int]()


def repeats_of(known: Iterable[KnownFailure], clause: str, case: str, os: str) -> int:
    """How often a case runs at most, by the known failures of the manifest: 1 unless a flaky one says more."""
    return max((entry.repeats or 1 for entry in known if entry.matches(clause, case, os)), default=1)


def number_of_run(item: pytest.Item) -> int:
    """The number of this run of a case, from 1."""
    return item.stash.get(_RUN, 1)


def allow_time_for(item: pytest.Item, most: int) -> None:
    """Let the time-out of a case, which holds for all of its runs together, be as long as ``most`` of them may take."""
    mark = item.get_closest_marker("timeout")
    seconds = mark.args[0] if mark else getattr(item.config.option, "timeout", None)
    if seconds:
        item.add_marker(pytest.mark.timeout(float(seconds) * most), append=False)


def run_repeatedly(item: pytest.Item, nextitem: pytest.Item | None, most: int) -> None:
    """Run a case until it does anything but pass, at most ``most`` times, and report the last run alone."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for run in range(1, most + 1):
        item.stash[_RUN] = run
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        if any(result.outcome != "pass" for report in reports for result in carried_by(report)):
            break
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
