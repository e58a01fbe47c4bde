"""Adding up what all processes report: totals, rounds, and who is at fault."""

from __future__ import annotations

from array import array

import pytest

from conformance.oracle.payload import Identity
from stress.record.folder_record import Totals
from stress.record.reports import Look, Seen
from stress.record.violations import ObservedViolation
from tests.stress.judge.reports import (
    after_a_round,
    look,
    record_of,
    seen,
    tally,
    write,
    written,
)

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


def test_what_the_kit_finds_while_no_process_writes_is_part_of_the_history() -> None:
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


def test_a_look_that_finds_something_wrong_is_reported() -> None:
    one = tally()
    torn = ObservedViolation("torn", 55, "torn, while no process writes")
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
