"""Adding up what all processes report: what is a violation, whose it is, and what is too little to judge."""

from __future__ import annotations

import itertools
from array import array
from dataclasses import replace
from typing import Any

import pytest

from conformance.oracle.payload import Identity
from stress.judge.tally import Least, Tally, share_of_goal
from stress.record.folder_record import Control, FolderRecord, Overlap, Sample, Totals
from stress.record.reports import INDETERMINATE, Look, Seen, Written
from stress.record.scenario import Goal, Scenario
from stress.record.violations import ObservedViolation

CAUGHT = Control(3, 100, 0.01)
ENOUGH = Totals(reads=1000, acknowledged=30, distinct=20, changes=20)
TOGETHER = Overlap(writers=10)


def tally(targets: int = 1, **scenario: Any) -> Tally:
    return Tally(Scenario(targets=targets, **scenario), tuple(f"status{number}" for number in range(targets)))


def write(sequence: int, begin: int, end: int, outcome: int = 1, target: int = 0, size: int = 256) -> tuple[int, ...]:
    return (target, sequence, size, begin, INDETERMINATE if outcome < 0 else end, outcome)


def written(*rows: tuple[int, ...], **others: Any) -> Written:
    return Written(array("q", [number for row in rows for number in row]), **others)


def seen(*rows: tuple[Identity, int, int], target: int = 0, **others: Any) -> Seen:
    """Rows of one read each: (document, begin, end)."""
    flat = [number for document, begin, end in rows for number in (target, *document, begin, end, begin, end)]
    return Seen(array("q", flat), **others)


def look(identity: Identity | None, moment: int) -> Look:
    return Look(identity, moment, moment + 1, None)


def after_a_round() -> Tally:
    """Writer 1 wrote document 1, which the next round begins with."""
    one = tally()
    one.written(1, written(write(1, 0, 2)))
    one.looked([look((1, 1), 5)], [])
    return one


def record_of(one: Tally, *, complete: bool = True, control: Control = CAUGHT) -> FolderRecord:
    return one.record(folder="here", file_system="ext4", control=control, seconds=2.0, complete=complete)


# Totals


def test_what_all_writers_did_is_added_up() -> None:
    one = tally()
    one.written(1, written(write(1, 10, 20), write(2, 30, 40, outcome=0), write(3, 50, 0, outcome=-1), retries=2))
    one.written(2, written(write(1, 10, 25, size=4096), deaths=1, restarts=1, errors={"io: Errno 28": 1}))
    record = record_of(one)
    totals = record.totals
    assert (totals.writes, totals.acknowledged, totals.refused, totals.indeterminate) == (4, 2, 1, 1)
    assert (totals.retries, totals.kills, totals.restarts) == (2, 1, 1)
    assert record.sizes == {256: 3, 4096: 1}
    assert record.errors == {"io: Errno 28": 1}
    assert record.write_latency.total == 3


def test_what_all_readers_saw_is_added_up() -> None:
    one = tally()
    one.seen("reader 1", seen(reads=50, changes=4, latencies=array("q", [5, 6]), errors={"EIO": 2}))
    one.seen("reader 2", seen(reads=70, changes=6))
    record = record_of(one)
    assert (record.totals.reads, record.totals.changes) == (120, 10)
    assert record.read_latency.total == 2
    assert record.errors == {"read: EIO": 2}


def test_a_writer_that_did_nothing_adds_nothing() -> None:
    one = tally()
    one.written(1, written())
    one.looked([look(None, 5)], [])
    assert record_of(one).totals == Totals(rounds=1)


def test_a_request_that_waited_in_the_pipeline_counts_from_the_answer_before_it() -> None:
    one = tally()
    one.written(1, written(write(1, 0, 1_000_000), write(2, 0, 1_500_000), write(3, 0, 0, outcome=-1)))
    latency = record_of(one).write_latency
    assert latency.total == 2
    assert latency.percentile(0.5) == pytest.approx(500_000, rel=0.1)
    assert latency.percentile(1.0) == pytest.approx(1_000_000, rel=0.1)


def test_an_orphan_that_two_writers_find_is_one() -> None:
    one = tally()
    one.written(1, written(orphans_before={("a.tmp", 1), ("b.tmp", 2)}, orphans_after={("a.tmp", 1)}))
    one.written(2, written(orphans_before={("a.tmp", 1)}, orphans_after={("a.tmp", 1)}))
    one.written(2, written(orphans_before={("a.tmp", 3)}))
    totals = record_of(one).totals
    assert (totals.orphans_before, totals.orphans_after) == (3, 1)


# Rounds


def test_a_round_that_can_be_explained_says_nothing_and_its_last_document_begins_the_next() -> None:
    one = tally()
    for number in (1, 2, 3):
        start = 100 * number
        one.written(1, written(write(number, start + 10, start + 20)))
        before = [((1, number - 1), start, start + 5)] if number > 1 else []
        one.seen("reader 1", seen(*before, ((1, number), start + 25, start + 30)))
        one.looked([look((1, number), start + 50)], [])
    record = record_of(one)
    assert record.counts == {}
    assert (record.totals.rounds, record.totals.distinct) == (3, 3)


def test_a_document_of_an_earlier_round_is_stale() -> None:
    one = tally()
    for number, document in ((1, 1), (2, 2), (3, 1)):
        one.written(1, written(write(number, 100 * number, 100 * number + 10)))
        one.seen("reader 1", seen(((1, document), 100 * number + 20, 100 * number + 30)))
        one.looked([look((1, number), 100 * number + 50)], [])
    record = record_of(one)
    assert record.counts == {"stale": 1}
    assert record.findings[0].kind == "stale"
    assert {shown.what for shown in record.findings[0].timeline} == {"write", "read"}


def test_what_the_kit_finds_while_nobody_writes_is_part_of_the_history() -> None:
    """A write that was acknowledged and never came is stale, although no reader was quick enough to see it."""
    one = after_a_round()
    one.written(1, written(write(2, 10, 20)))
    one.looked([look((1, 1), 50)], [])
    record = record_of(one)
    assert record.counts == {"stale": 1}
    assert "the kit" in record.findings[0].text


def test_each_target_has_its_own_history() -> None:
    one = tally(targets=2)
    one.written(1, written(write(1, 10, 20, target=1), write(2, 30, 40, target=0)))
    one.seen("reader 1", seen(((1, 2), 50, 60), target=0))
    one.seen("reader 2", seen(((1, 2), 50, 60), target=1))
    one.looked([look((1, 2), 70), look((1, 1), 70)], [])
    assert record_of(one).counts == {"future": 1}


def test_a_look_that_finds_something_wrong_is_told() -> None:
    one = tally()
    torn = ObservedViolation("torn", 55, "torn, while nobody writes")
    one.looked([Look(None, 50, 55, torn)], [])
    assert record_of(one).counts == {"torn": 1}


def test_times_of_findings_are_seconds_since_the_load_began() -> None:
    one = tally()
    one.origin = 5 * 10**9
    one.note(ObservedViolation("torn", 7 * 10**9, "torn"))
    assert record_of(one).findings[0].seconds == 2.0


def test_of_each_kind_the_first_findings_are_kept_and_all_are_counted() -> None:
    one = tally()
    for moment in range(50, 0, -1):
        one.note(ObservedViolation("torn", moment, "torn"))
    one.note(ObservedViolation("missing", 10**9, "missing"))
    record = record_of(one)
    assert record.counts == {"torn": 50, "missing": 1}
    assert [finding.kind for finding in record.findings] == ["torn"] * 5 + ["missing"]
    assert record.findings[0].seconds == 46 / 1e9  # in the order of time


def test_a_readers_violations_are_not_counted_twice() -> None:
    one = tally()
    from_reader = Seen()
    for moment in range(30):
        from_reader.note(ObservedViolation("torn", moment, "torn"))
    one.seen("reader 1", from_reader)
    assert record_of(one).counts == {"torn": 30}


# Whose fault it is


@pytest.mark.parametrize(
    ("by_kit", "by_implementation", "counts"),
    [
        ((1, 2), (1, 2), {}),
        ((1, 2), (1, 1), {"misread": 1}),
        ((1, 1), (1, 2), {"stale": 1}),
        ((1, 1), (1, 1), {"stale": 1}),
    ],
    ids=["nobody", "the reader that is judged", "the writer", "the writer, and both saw it"],
)
def test_a_reader_misread_when_only_what_it_saw_cannot_be_explained(
    by_kit: Identity, by_implementation: Identity, counts: dict[str, int]
) -> None:
    one = after_a_round()
    one.written(1, written(write(2, 10, 20)))
    one.seen("reader 1", seen((by_kit, 30, 40)))
    one.seen("reader 2", seen((by_implementation, 30, 40)), of_implementation=True)
    one.looked([look((1, 2), 90)], [])
    assert record_of(one).counts == counts


# Refused writes


def refusals(*faults: tuple[int, int, int]) -> FolderRecord:
    """Writer 1 was refused from 100 to 200, and these faults were there: (writer, begin, end)."""
    one = tally()
    for fault in faults:
        one.faulted(*fault)
    violation = ObservedViolation(
        "refused", 200, "a write was refused: io: Errno 24", {"answer": "too many open files"}
    )
    one.written(1, written(write(1, 100, 200, outcome=0), violations=[violation]))
    return record_of(one)


@pytest.mark.parametrize("window", [(50, 100), (150, 160), (200, 300), (0, 1000)])
def test_a_refused_write_is_excused_by_a_fault_that_was_there_meanwhile(window: tuple[int, int]) -> None:
    record = refusals((1, *window))
    assert record.counts == {}
    assert (record.totals.refused, record.totals.faulted, record.totals.faults) == (1, 1, 1)


@pytest.mark.parametrize(
    "faults",
    [(), ((1, 0, 99),), ((1, 201, 300),), ((2, 0, 1000),)],
    ids=["none", "one before", "one after", "one of another writer"],
)
def test_any_other_refused_write_is_a_violation(faults: tuple[tuple[int, int, int], ...]) -> None:
    record = refusals(*faults)
    assert record.counts == {"refused": 1}
    assert record.findings[0].text == "a write was refused: io: Errno 24"
    assert record.findings[0].evidence == {"answer": "too many open files"}
    assert record.totals.faulted == 0


def test_a_fault_excuses_nothing_in_the_next_round() -> None:
    one = tally()
    one.faulted(1, 0, 1000)
    one.looked([look(None, 1)], [])
    one.written(1, written(write(1, 100, 200, outcome=0)))
    assert record_of(one).counts == {"refused": 1}


def test_a_death_that_nobody_asked_for_is_a_violation() -> None:
    one = tally()
    one.written(1, written(violations=[ObservedViolation("ended", 5, "the implementation ended with exit code 7")]))
    assert record_of(one).counts == {"ended": 1}


# Temps


def test_a_file_beside_the_targets_while_nobody_writes_is_a_leak() -> None:
    one = tally()
    one.looked([look(None, 10)], ["a.tmp", "b.tmp"])
    record = record_of(one)
    assert record.counts == {"leak": 1}
    assert "2 files" in record.findings[0].text
    assert "a.tmp, b.tmp" in record.findings[0].text


@pytest.mark.parametrize(("left", "counts"), [(2, {}), (3, {"leak": 1})])
def test_each_kill_may_leave_one(left: int, counts: dict[str, int]) -> None:
    one = tally()
    one.written(1, written(deaths=2))
    one.looked([look(None, 10)], [f"{number}.tmp" for number in range(left)])
    assert record_of(one).counts == counts


@pytest.mark.parametrize(("kills", "counts"), [(0, {"leak": 1}), (1, {})])
def test_what_is_left_at_the_end_is_a_leak_when_nobody_was_killed(kills: int, counts: dict[str, int]) -> None:
    one = tally()
    one.written(1, written(deaths=kills))
    one.ended(["a.tmp"])
    record = record_of(one)
    assert record.counts == counts
    assert record.totals.left == 1


def test_temps_under_load_are_no_leak_and_their_most_is_kept() -> None:
    one = tally()
    for temps in (1, 4, 2):
        one.listed(temps)
    record = record_of(one)
    assert record.counts == {}
    assert (record.totals.most_temps, record.totals.looks) == (4, 3)


# What is too little


def test_with_enough_of_everything_there_is_no_doubt() -> None:
    assert Least().doubts(ENOUGH, TOGETHER, CAUGHT, Scenario()) == ()


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
    [doubt] = Least().doubts(totals, TOGETHER, CAUGHT, Scenario())
    assert doubt.startswith(says)
    assert "run it for longer" in doubt


def test_writers_that_never_met_are_a_doubt_and_one_alone_need_not() -> None:
    [doubt] = Least().doubts(ENOUGH, Overlap(writers=9), CAUGHT, Scenario(writers=2))
    assert doubt.startswith("9 writes at the same time as another writer's")
    assert Least().doubts(ENOUGH, Overlap(), CAUGHT, Scenario(writers=1)) == ()


def test_a_positive_control_that_was_not_caught_is_a_doubt() -> None:
    [doubt] = Least().doubts(ENOUGH, TOGETHER, Control(0, 4321, None), Scenario())
    assert doubt.startswith("the positive control was not caught")
    assert "4,321 reads" in doubt


def test_without_readers_only_writes_count() -> None:
    assert Least().doubts(Totals(acknowledged=30), TOGETHER, Control(0, 0, None), Scenario(readers=0)) == ()


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


def test_what_a_killed_reader_saw_and_did_not_tell_is_counted() -> None:
    one = tally()
    one.seen("reader 1", seen(counts={"torn": 2}))
    for wrong in (2, 5):
        one.counted(wrong)
        assert one.counts == {"torn": wrong}
