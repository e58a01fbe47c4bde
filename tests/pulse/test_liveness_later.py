"""What the result of a poll means later, when nothing was seen of the file since."""

from dataclasses import replace
from typing import Any

import pytest

from pulse.liveness import Evidence, Liveness, later
from pulse.reader import Polled, ReadOutcome
from pulse.status import TrainingStatus


def polled(status: str = "running", liveness: Liveness = Liveness.FRESH, **members: Any) -> Polled:
    """A poll that has just seen a change."""
    known = Polled(
        status=TrainingStatus.create(status, 1.0, 4.0, timestamp=0),
        fresh=True,
        outcome=ReadOutcome.OK,
        detail="",
        liveness=liveness,
        unchanged_seconds=0.0,
        evidence=Evidence.OBSERVED,
        unreadable_seconds=None,
        progress=25.0,
        rate=0.1,
        eta_seconds=30.0,
    )
    return replace(known, **members)


def test_at_the_same_moment_it_means_the_same() -> None:
    assert later(polled(), 0.0) == polled()


def test_a_running_job_stalls_and_its_speed_is_not_known_any_more() -> None:
    assert later(polled(), 60.0, 60.0).liveness is Liveness.FRESH
    stalled = later(polled(), 60.5, 60.0)
    assert (stalled.liveness, stalled.unchanged_seconds) == (Liveness.STALLED, 60.5)
    assert (stalled.rate, stalled.eta_seconds) == (None, None)


def test_the_time_to_the_end_counts_down_to_0() -> None:
    assert later(polled(), 10.0).eta_seconds == 20.0
    assert later(polled(), 50.0).eta_seconds == 0.0


@pytest.mark.parametrize(("status", "liveness"), [("idle", Liveness.FRESH), ("done", Liveness.ENDED)])
def test_a_job_that_owes_no_sign_of_life_stays_what_it_is(status: str, liveness: Liveness) -> None:
    assert later(polled(status, liveness), 1e6).liveness is liveness


def test_a_file_that_was_unreadable_is_so_for_longer() -> None:
    never = polled(liveness=Liveness.UNREADABLE, rate=None, eta_seconds=None, unreadable_seconds=5.0)
    assert later(never, 3.0) == replace(never, unchanged_seconds=3.0, unreadable_seconds=8.0)


def test_of_a_file_that_never_held_a_status_nothing_is_known() -> None:
    never = replace(polled(liveness=Liveness.UNREADABLE), status=None, unchanged_seconds=None)
    assert later(never, 3.0).unchanged_seconds is None
