"""What is too little to judge, and what is kept of a long run."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from stress.judge.tally import Minimum, share_of_goal
from stress.record.folder_record import Control, Overlap, Sample, Totals
from stress.record.scenario import Goal, Scenario
from tests.stress.judge.reports import (
    CAUGHT,
    ENOUGH,
    TOGETHER,
    after_a_round,
    look,
    record_of,
    seen,
    tally,
    write,
    written,
)

# What is too little


def test_with_enough_of_everything_there_is_no_doubt() -> None:
    assert Minimum().doubts(ENOUGH, TOGETHER, CAUGHT, Scenario()) == ()


@pytest.mark.parametrize(
    ("count", "says"),
    [
        ("reads", "999 reads; at least 1,000"),
        ("acknowledged", "29 acknowledged writes; at least 30"),
        ("distinct", "19 distinct documents seen; at least 20"),
        ("changes", "19 reads that saw a change; at least 20"),
    ],
)
def test_less_than_enough_of_anything_is_a_doubt(count: str, says: str) -> None:
    totals = replace(ENOUGH, **{count: getattr(ENOUGH, count) - 1})
    [doubt] = Minimum().doubts(totals, TOGETHER, CAUGHT, Scenario())
    assert doubt.startswith(says)
    assert "run it for longer" in doubt


def test_writers_that_never_met_are_a_doubt_and_one_alone_need_not() -> None:
    [doubt] = Minimum().doubts(ENOUGH, Overlap(writers=9), CAUGHT, Scenario(writers=2))
    assert doubt.startswith("9 writes at the same time as another writer's")
    assert Minimum().doubts(ENOUGH, Overlap(), CAUGHT, Scenario(writers=1)) == ()


def test_a_positive_control_that_was_not_caught_is_a_doubt() -> None:
    [doubt] = Minimum().doubts(ENOUGH, TOGETHER, Control(0, 4321, None), Scenario())
    assert doubt.startswith("the positive control was not caught")
    assert "4,321 reads" in doubt


def test_without_readers_only_writes_count() -> None:
    assert Minimum().doubts(Totals(acknowledged=30), TOGETHER, Control(0, 0, None), Scenario(readers=0)) == ()


def test_an_interrupted_run_is_a_doubt() -> None:
    one = tally()
    assert record_of(one, complete=False).doubts[0] == "the run was interrupted"
    assert "the run was interrupted" not in record_of(one).doubts


# What is kept


def test_samples_stay_few_and_evenly_spread_however_long_the_run_is() -> None:
    one = tally()
    for number in range(20_000):
        one.sampled(Sample(float(number), number, 0, 0, 0, 0, 0))
    samples = record_of(one).samples
    assert 400 < len(samples) <= 1000
    steps = {later.reads - earlier.reads for earlier, later in itertools.pairwise(samples)}
    assert len(steps) == 1
    assert samples[0].reads == 0


def test_of_a_round_that_was_judged_nothing_is_kept() -> None:
    one = after_a_round()
    one.written(1, written(write(2, 10, 20)))
    one.looked([look((1, 1), 50)], [])
    one.looked([look((1, 1), 60)], [])
    assert record_of(one).counts == {"stale": 1}


def test_the_schedule_of_chaos_is_kept_as_far_as_there_is_room() -> None:
    one = tally()
    for number in range(500):
        one.acted(f"{number}", pauses=1)
    record = record_of(one)
    assert record.actions == tuple(map(str, range(200)))
    assert record.totals.pauses == 500


@pytest.mark.parametrize(
    ("goal", "share"),
    [
        (None, None),
        (Goal(200, "reads"), 0.5),
        (Goal(100, "writes"), 0.1),
        (Goal(4, "kills"), 0.25),
        (Goal(50, "reads"), 1.0),
    ],
)
def test_the_share_of_the_goal_that_is_reached(goal: Goal | None, share: float | None) -> None:
    assert share_of_goal(Scenario(goal=goal), reads=100, writes=10, kills=1) == share


def test_what_a_killed_reader_saw_and_did_not_report_is_counted_as_what_it_was() -> None:
    one = tally()
    one.acted("kill of reader 1", reader_kills=1)
    one.seen("reader 1", seen(counts={"torn": 2}))
    for torn in (2, 5, 5):
        one.counted({"torn": torn, "mixed": 0, "missing": 0, "misread": 0})
        assert one.counts == {"torn": torn}
    one.counted({"torn": 5, "mixed": 0, "missing": 2528, "misread": 0})
    assert one.counts == {"torn": 5, "missing": 2528}
    [*_, last] = record_of(one).findings
    assert last.text == "missing: 2,528 more such reads were made by readers that were killed before they reported"


def test_what_readers_saw_after_the_last_round_is_not_said_of_killed_readers() -> None:
    one = tally()
    one.seen("reader 2", seen(counts={"misread": 7}), of_implementation=True)
    one.counted({"torn": 0, "mixed": 0, "missing": 0, "misread": 9})
    assert one.counts == {"misread": 9}
    assert [finding.text for finding in record_of(one).findings] == [
        "misread: 2 more such reads were made after the last round"
    ]
