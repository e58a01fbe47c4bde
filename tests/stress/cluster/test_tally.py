"""What one machine may say of documents that other machines wrote: nothing that is false, and all that is certain."""

from __future__ import annotations

import json
import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from stress.cluster.merge import LastRead, OfMachine, judge_ending, judge_future
from stress.cluster.tally import SharedTally, marks_from_json, marks_to_json
from stress.record.folder_record import Control, Finding, FolderRecord
from stress.record.reports import Look, Seen, Written
from stress.record.scenario import Scenario
from stress.record.violations import ObservedViolation

OWN, OTHER = 1, 2  # writers: the scenario's first, and one of another machine
Document = tuple[int, int]


def tally(targets: int = 1) -> SharedTally:
    scenario = Scenario(writers=1, readers=1, targets=targets, first_writer=OWN)
    return SharedTally(scenario, scenario.names)


def reads(*rows: tuple[Document, int, int], target: int = 0) -> Seen:
    """Each row is a document, and the start and end of the only read of it."""
    flat = [value for document, begin, end in rows for value in (target, *document, begin, end, begin, end)]
    return Seen(rows=array("q", flat), reads=len(rows), changes=len(rows))


def writes(*rows: tuple[int, int, int], outcome: int = 1) -> Written:
    """Each row is a sequence number, and the start and end of its write."""
    return Written(rows=array("q", [v for number, begin, end in rows for v in (0, number, 256, begin, end, outcome)]))


def judge(one: SharedTally, seen: Sequence[Seen], *looks: Look) -> dict[str, int]:
    for number, what in enumerate(seen):
        one.seen(f"reader {number + 1}", what)
    one.looked(looks or [Look(None, 0, 0, None)], ["a temp of another machine"])
    return dict(one.counts)


def record_of(one: SharedTally) -> FolderRecord:
    return one.record(folder="", file_system="", control=Control(0, 0, None), seconds=0, complete=True)


def finding_of(one: SharedTally) -> Finding:
    (finding,) = record_of(one).findings
    return finding


class TestOrder:
    def test_documents_of_two_writers_may_come_in_any_order(self) -> None:
        seen = reads(((OTHER, 5), 0, 1), ((3, 1), 2, 3), ((OTHER, 6), 4, 5), ((3, 2), 6, 7))
        assert judge(tally(), [seen]) == {}

    def test_a_document_that_comes_back_after_a_later_one_of_its_writer_is_stale(self) -> None:
        one = tally()
        assert judge(one, [reads(((OTHER, 5), 0, 1), ((OTHER, 4), 2, 3))]) == {"stale": 1}
        finding = finding_of(one)
        assert finding.text == "stale: reader 1 read w2 s4 after s5 of it"

    def test_it_is_remembered_from_one_round_to_the_next(self) -> None:
        one = tally()
        assert judge(one, [reads(((OTHER, 5), 0, 1))]) == {}
        assert judge(one, [reads(((OTHER, 4), 2, 3))]) == {"stale": 1}

    def test_another_reader_may_be_behind_as_far_as_its_order_shows(self) -> None:
        # Its reads overlap: which was first is not known.
        assert judge(tally(), [reads(((OTHER, 5), 0, 9)), reads(((OTHER, 4), 1, 8))]) == {}

    @pytest.mark.parametrize("document", [(OTHER, 0), (OTHER, 3)])
    def test_what_no_writer_writes_to_this_target_is_unknown(self, document: Document) -> None:
        nothing = Look(None, 0, 0, None)
        assert judge(tally(targets=2), [reads((document, 0, 1))], nothing, nothing) == {"unknown": 1}

    def test_a_document_that_an_own_writer_has_not_begun_is_future(self) -> None:
        one = tally()
        one.written(OWN, writes((1, 0, 1)))
        assert judge(one, [reads(((OWN, 1), 2, 3), ((OWN, 2), 4, 5))]) == {"future": 1}


class TestOwnHistory:
    def test_a_document_that_comes_back_to_one_reader_is_stale_whichever_machine_wrote_it(self) -> None:
        assert judge(tally(), [reads(((OTHER, 5), 0, 1), ((3, 9), 2, 3), ((OTHER, 5), 4, 5))]) == {"stale": 1}

    def test_a_document_that_outlives_an_own_write_is_stale(self) -> None:
        one = tally()
        one.written(OWN, writes((1, 10, 20)))
        assert judge(one, [reads(((OTHER, 5), 0, 5), ((OTHER, 5), 30, 40))]) == {"stale": 1}

    def test_a_document_of_another_machine_that_is_first_seen_after_an_own_write_is_not(self) -> None:
        one = tally()
        one.written(OWN, writes((1, 10, 20)))
        assert judge(one, [reads(((OWN, 1), 15, 16), ((OTHER, 5), 30, 40))]) == {}

    def test_an_own_document_that_is_read_before_its_write_began_is_future(self) -> None:
        one = tally()
        one.written(OWN, writes((1, 10, 20)))
        assert judge(one, [reads(((OWN, 1), 0, 1))]) == {"future": 1}

    def test_a_refused_own_write_may_have_happened_or_not(self) -> None:
        one = tally()
        one.written(OWN, writes((1, 10, 20), outcome=0))
        one.counts.clear()  # the refusal itself
        assert judge(one, [reads(((OTHER, 5), 0, 5), ((OTHER, 5), 30, 40))]) == {}

    def test_an_own_document_of_an_earlier_round_may_still_be_there(self) -> None:
        one = tally()
        one.written(OWN, writes((1, 0, 1)))
        assert judge(one, [reads(((OWN, 1), 2, 3))]) == {}
        one.written(OWN, writes((2, 100, 200)))
        assert judge(one, [reads(((OWN, 1), 50, 60), ((OWN, 2), 150, 160))]) == {}

    def test_writes_of_unknown_times_prove_no_overlap(self) -> None:
        one = tally()
        one.written(OWN, writes((1, 0, 1), (2, 2, 3)))
        judge(one, [reads(((OTHER, 5), 0, 1))])
        assert one.overlap.writers == 0


def test_what_lies_beside_the_targets_is_not_judged() -> None:
    one = tally()
    one.ended(["a temp of another machine"])
    assert judge(one, []) == {}


def test_what_is_torn_at_the_end_of_a_round_is_reported_without_a_claim_about_other_machines() -> None:
    one = tally()
    torn = Look(None, 0, 1, ObservedViolation("torn", 1, "torn: half a document, while no process writes"))
    assert judge(one, [], torn) == {"torn": 1}
    assert finding_of(one).text == "torn: half a document, while no process on this machine writes"


def test_marks_survive_the_way_to_another_machine() -> None:
    one = tally()
    one.written(OWN, writes((1, 0, 1), (2, 2, 3), (3, 4, 5), outcome=1))
    judge(one, [reads(((OWN, 2), 2, 3), ((OTHER, 5), 4, 5), ((OTHER, 7), 6, 7))])
    marks = one.marks
    assert marks.begun == marks.acknowledged == {(0, OWN): 3}
    assert marks.seen[0, OTHER].sequence == 7
    assert marks.distinct == {OWN: 1, OTHER: 2}
    assert marks_from_json(json.loads(json.dumps(marks_to_json(marks)))) == marks


# No false alarm


@dataclass
class SimulatedMachine:
    """Its clock, its writers, and what its readers saw, in rounds between which its writers stand still."""

    number: int
    clock: int
    tally: SharedTally
    writers: range
    pauses: list[tuple[int, int]] = field(default_factory=list)  # in true time


@pytest.mark.parametrize("seed", range(60))
def test_no_run_on_a_true_register_is_flagged_whatever_the_clocks_say(seed: int) -> None:
    machines, last = simulate(seed, wrong=0.0)
    for machine in machines:
        assert machine.tally.counts == {}, record_of(machine.tally).findings
    handed_over = [OfMachine(str(one.number), record_of(one.tally), one.tally.marks) for one in machines]
    assert judge_future(handed_over) == []
    assert judge_ending(last, [one.marks for one in handed_over], 0.0) == []


def test_runs_on_a_register_that_sometimes_returns_what_was_replaced_are_flagged() -> None:
    """The same runs: so the silence above says something."""
    flagged = [any(machine.tally.counts["stale"] for machine in simulate(seed, wrong=0.1)[0]) for seed in range(20)]
    assert all(flagged)


def simulate(seed: int, *, wrong: float) -> tuple[list[SimulatedMachine], list[LastRead]]:
    """Machines with clocks hours apart write and read one register: each operation takes effect at one moment.

    What is drawn: when writers and readers are at work, how long before and after its effect an operation begins and
    ends, requests sent ahead, refused writes that took effect or did not, when machines end their rounds, and which
    share of the reads are ``wrong``: they return the document before.
    """
    draw = random.Random(seed)
    targets = draw.choice((1, 1, 2))
    rounds, length = 3, 2000
    scenario = Scenario(writers=draw.choice((1, 2)), readers=2, targets=targets)
    machines = []
    for number in range(draw.choice((2, 3))):
        own = Scenario(**{**vars(scenario), "first_writer": 1 + number * scenario.writers})
        machine = SimulatedMachine(
            number,
            draw.randrange(10**12, 10**14),
            SharedTally(own, own.names),
            range(own.first_writer, own.first_writer + own.writers),
        )
        for which in range(rounds):
            begin = (which + 1) * length + draw.randrange(-300, 300)
            machine.pauses.append((begin, begin + 100))
        machines.append(machine)

    published: list[list[tuple[int, Document]]] = [[] for _ in range(targets)]  # (moment, document)
    rows: dict[tuple[int, int], list[list[int]]] = {}  # (writer, round) → rows
    for machine in machines:
        for writer in machine.writers:
            simulate_writer(draw, machine, writer, targets, published, rows)
    for of_target in published:
        of_target.sort()

    def read(target: int, moment: int) -> Document | None:
        before = [document for published_at, document in published[target] if published_at <= moment]
        return before[-2 if len(before) > 1 and draw.random() < wrong else -1] if before else None

    for machine in machines:
        seen_until = dict.fromkeys(range(scenario.readers), 0)
        for which, (pause, _) in enumerate(machine.pauses):
            for writer in machine.writers:
                flat = [value for row in rows.get((writer, which), []) for value in row]
                machine.tally.written(writer, Written(rows=array("q", flat)))
            for number in seen_until:
                report = draw.randrange(pause, pause + 50)
                seen = simulate_reader(draw, machine, seen_until[number], report, targets, read)
                seen_until[number] = report
                machine.tally.seen(f"reader {number + 1}", seen)
            looks = [
                Look(read(t, pause + 60), machine.clock + pause + 55, machine.clock + pause + 70, None)
                for t in range(targets)
            ]
            machine.tally.looked(looks, ())
        machine.tally.counts.pop("refused", None)
    return machines, [LastRead("0", target, published[target][-1][1]) for target in range(targets)]


def simulate_writer(
    draw: random.Random,
    machine: SimulatedMachine,
    writer: int,
    targets: int,
    published: list[list[tuple[int, Document]]],
    rows: dict[tuple[int, int], list[list[int]]],
) -> None:
    """Write in each round, up to two requests ahead, and publish in the order of the requests."""
    sequence, begin_of_round = 0, 0
    for which, (pause, pause_end) in enumerate(machine.pauses):
        moments = sorted(draw.sample(range(begin_of_round + 50, pause - 50), draw.randrange(2 * targets, 12)))
        begins = [
            draw.randrange(max(begin_of_round, moments[max(0, i - 2)] - 40), at + 1) for i, at in enumerate(moments)
        ]
        begins = [max(begins[: i + 1]) for i in range(len(begins))]
        ends = [min(pause - 1, at + draw.randrange(1, 40)) for at in moments]
        for moment, begin, end in zip(moments, begins, ends, strict=True):
            sequence += 1
            target = sequence % targets
            refused = draw.random() < 0.1 and len(published[target]) > 3
            if not refused or draw.random() < 0.5:
                published[target].append((moment, (writer, sequence)))
            times = machine.clock + min(begin, moment), machine.clock + end
            rows.setdefault((writer, which), []).append([target, sequence, 256, *times, 0 if refused else 1])
        begin_of_round = pause_end


def simulate_reader(
    draw: random.Random, machine: SimulatedMachine, begin: int, until: int, targets: int, read: object
) -> Seen:
    """Read the targets in turn from ``begin`` on, with no pause between two reads, until the report is asked for."""
    assert callable(read)
    flat: list[int] = []
    last: dict[int, Document] = {}
    target, count = 0, 0
    while begin < until:
        end = begin + draw.randrange(1, 60)
        moment = draw.randrange(begin, min(end, until) + 1)
        document = read(target, moment)
        if document is not None:
            times = machine.clock + begin, machine.clock + max(end, moment)
            place = 7 * (count - 1)
            if last.get(target) == document and targets == 1:
                flat[place + 5 : place + 7] = times
            else:
                flat += [target, *document, *times, *times]
                count += 1
            last[target] = document
        begin, target = end, (target + 1) % targets
    return Seen(rows=array("q", flat), reads=count, changes=count)
