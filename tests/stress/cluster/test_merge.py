"""What several machines saw, as one record: what only all of them together can tell, and nothing by their clocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from stress.cluster.merge import Ending, LastRead, OfMachine, judge_ending, judge_future, merge, named_systems
from stress.cluster.tally import Key, LatestSeen, Marks
from stress.judge.results import results_of, sentence
from stress.record.folder_record import Control, Finding, Overlap, Sample, Shown, Totals
from stress.record.histogram import Histogram
from stress.record.scenario import Scenario
from tests.stress.samples import a_record

SCENARIO = Scenario(writers=1, readers=1)
RECORD = a_record(
    scenario=SCENARIO,
    seconds=10.0,
    totals=Totals(reads=1000, writes=50, acknowledged=50, distinct=30, rounds=5, most_temps=2),
    overlap=Overlap(3, 4),
    control=Control(2, 100, 0.5),
    samples=(Sample(0.0, 0, 0, 0, 0, 0, 0), Sample(1.0, 10, 1, 5, 0, 0, 1), Sample(2.0, 20, 2, 10, 0, 0, 2)),
    write_latency=Histogram.of([1000]),
    read_latency=Histogram.of([1000]),
    errors={"ENOSPC": 1},
    sizes={256: 50},
)


def marks(writer: int, *, begun: int = 50, acknowledged: int = 50, seen: Mapping[Key, int] | None = None) -> Marks:
    latest = {key: LatestSeen(sequence, "reader 1", 1.5) for key, sequence in (seen or {}).items()}
    return Marks({(0, writer): begun}, {(0, writer): acknowledged}, latest, {1: 30, 2: 30})


def two(**changes: Any) -> list[OfMachine]:
    """Machine a with writer 1, and machine b with writer 2, whose record and marks may be others."""
    record, of_b = changes.pop("record", RECORD), changes.pop("marks", marks(2))
    return [OfMachine("a", RECORD, marks(1)), OfMachine("b", replace(record, **changes), of_b)]


def ending(*identities: tuple[int, int], left: tuple[str, ...] = ()) -> Ending:
    reads = tuple(LastRead(name, 0, identity) for name, identity in zip("ab", identities, strict=True))
    return Ending(reads, left, waited=1.25)


WELL = ending((2, 50), (2, 50))


class TestFuture:
    def test_what_was_begun_may_be_seen(self) -> None:
        assert judge_future(two(marks=marks(2, seen={(0, 1): 50}))) == []

    def test_what_its_writer_had_never_begun_is_future(self) -> None:
        (finding,) = judge_future(two(marks=marks(2, seen={(0, 1): 51})))
        assert finding.kind == "future"
        assert finding.text.startswith("future: machine b: reader 1 read w1 s51")
        assert finding.seconds == 1.5

    def test_what_a_writer_of_no_machine_wrote_is_unknown(self) -> None:
        assert [one.kind for one in judge_future(two(marks=marks(2, seen={(0, 7): 1})))] == ["unknown"]

    def test_own_documents_are_judged_by_the_machine_itself(self) -> None:
        assert judge_future(two(marks=marks(2, seen={(0, 2): 51}))) == []

    def test_a_machine_that_was_interrupted_does_not_know_what_was_begun(self) -> None:
        record = merge("/mnt", SCENARIO, two(marks=marks(2, seen={(0, 1): 51}), complete=False), None)
        assert record.counts == {}
        assert not record.complete


class TestEnding:
    def judge(self, *reads: LastRead) -> list[str]:
        return [one.kind for one in judge_ending(reads, [marks(1, begun=52, acknowledged=50), marks(2)], 9.0)]

    @pytest.mark.parametrize("document", [(1, 50), (1, 52), (2, 50)])
    def test_the_last_document_of_any_writer_may_be_there(self, document: tuple[int, int]) -> None:
        assert self.judge(LastRead("a", 0, document), LastRead("b", 0, document)) == []

    def test_an_older_one_than_its_writer_had_acknowledged_is_stale(self) -> None:
        assert self.judge(LastRead("a", 0, (1, 49)), LastRead("b", 0, (2, 50))) == ["stale"]

    def test_different_ones_on_two_machines_are_stale(self) -> None:
        assert self.judge(LastRead("a", 0, (1, 50)), LastRead("b", 0, (2, 50))) == ["stale"]

    def test_one_that_was_not_begun_is_future_and_one_without_a_writer_unknown(self) -> None:
        assert self.judge(LastRead("a", 0, (1, 53)), LastRead("b", 0, (3, 1))) == ["future", "unknown"]

    def test_none_at_all_is_what_the_machine_says(self) -> None:
        assert self.judge(LastRead("a", 0, None, "torn", "torn: half")) == ["torn"]

    def test_how_long_it_took_is_recorded(self) -> None:
        record = merge("/mnt", SCENARIO, two(), WELL)
        assert record.machines is not None
        assert record.machines.settled == 1.25
        assert "all machines read the same last document after 1.2 s" in sentence(record)

    def test_or_that_it_never_came_to_that(self) -> None:
        record = merge("/mnt", SCENARIO, two(), ending((1, 50), (2, 50)))
        assert record.machines is not None
        assert record.machines.settled is None
        assert record.counts == {"stale": 1}


class TestMerged:
    def test_counts_add_up_and_the_file_systems_are_named(self) -> None:
        record = merge("/mnt/shared", SCENARIO, two(file_system="fuse.sshfs"), WELL)
        assert record.file_system == "ext4 and fuse.sshfs on 2 machines"
        assert (record.scenario.writers, record.scenario.readers) == (2, 2)
        assert (record.totals.reads, record.totals.acknowledged, record.totals.distinct) == (2000, 100, 60)
        assert record.totals.most_temps == 2
        assert record.overlap == Overlap(6, 8)
        assert record.errors == {"ENOSPC": 2}
        assert record.sizes == {256: 100}
        assert record.write_latency.total == 2
        assert record.doubts == ()
        assert "linearizable as far as 2 machines without a common clock can show" in sentence(record)
        results = results_of(record, "pulse stress", reads=False, known=(), os="linux")
        assert [result.outcome for result in results] == ["pass", "pass"]

    def test_the_clocks_of_the_machines_do_not_matter(self) -> None:
        """Seconds are since each machine's own begin; nothing else is known of its clock."""
        record = merge("/mnt", SCENARIO, two(), WELL)
        assert merge("/mnt", SCENARIO, two(seconds=10.0, marks=marks(2)), WELL) == record

    def test_findings_are_reported_with_their_machine(self) -> None:
        shown = Shown("reader 1", "read", (1, 2), 0.1, 0.2)
        found = Finding("stale", 0.5, "stale: an old one", timeline=(shown,))
        record = merge("/mnt", SCENARIO, two(counts={"stale": 1}, findings=(found,)), WELL)
        (finding,) = record.findings
        assert finding.text == "machine b: stale: an old one"
        assert finding.timeline[0].process == "machine b reader 1"
        assert record.counts == {"stale": 1}

    def test_no_more_than_the_first_five_of_a_kind_are_kept(self) -> None:
        found = tuple(Finding("torn", float(number), "torn") for number in range(5))
        machines = [
            OfMachine(name, replace(RECORD, findings=found), marks(writer)) for name, writer in (("a", 1), ("b", 2))
        ]
        assert [one.seconds for one in merge("/mnt", SCENARIO, machines, WELL).findings] == [0.0, 0.0, 1.0, 1.0, 2.0]

    def test_what_lies_beside_the_targets_at_the_end_is_a_leak(self) -> None:
        record = merge("/mnt", SCENARIO, two(), ending((2, 50), (2, 50), left=("temp",)))
        assert record.counts == {"leak": 1}
        assert record.totals.left == 1

    def test_a_control_that_one_machine_did_not_catch_was_not_caught(self) -> None:
        record = merge("/mnt", SCENARIO, two(control=Control(0, 50, None), doubts=("no control",)), WELL)
        assert record.control == Control(0, 150, None)
        assert record.doubts == ("machine b: no control",)

    def test_machines_that_did_not_see_each_other_prove_nothing(self) -> None:
        alone = replace(marks(2), distinct={1: 19, 2: 30})
        record = merge("/mnt", SCENARIO, two(marks=alone), WELL)
        assert record.doubts == ("machine b saw 19 documents of machine a; at least 20 are needed: run it for longer",)

    def test_samples_add_up_but_the_folder_is_one(self) -> None:
        record = merge("/mnt", SCENARIO, two(samples=(Sample(0.5, 4, 0, 2, 0, 0, 7),)), WELL)
        assert record.samples == (
            Sample(0.0, 0, 0, 0, 0, 0, 0),
            Sample(1.0, 14, 1, 7, 0, 0, 7),
            Sample(2.0, 24, 2, 12, 0, 0, 7),
        )


def test_one_kind_of_file_system_is_named_once() -> None:
    assert named_systems(["nfs4", "nfs4", "nfs4"]) == "nfs4 on 3 machines"
