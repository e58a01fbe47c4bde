"""What the kit's own reader sees of a target while other processes write it."""

import errno
import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.contract.errors import Inconclusive, Violation
from conformance.oracle.history import Read, Write, find_contradiction
from conformance.oracle.observer import MOST_HELD, DocumentReads, Observation, observing
from conformance.oracle.payload import Identity, encode, make_status


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A target that holds the document (0, 0)."""
    path = tmp_path / "status.json"
    path.write_bytes(document((0, 0)))
    return path


def document(identity: Identity, size: int = 300) -> bytes:
    return encode(make_status(*identity, size)).encode()


def replace(target: Path, data: bytes) -> None:
    temp = target.with_name("temp")
    temp.write_bytes(data)
    temp.replace(target)


def publishing(target: Path, identity: Identity) -> Callable[[], bool]:
    """A write that is acknowledged."""

    def publish() -> bool:
        replace(target, document(identity))
        return True

    return publish


def wait_until(condition: Callable[[], object]) -> None:
    """Spin until the observing thread has done something; the test's time limit ends a futile wait."""
    while not condition():
        pass


def wait_until_seen(observation: Observation, identity: Identity) -> None:
    wait_until(lambda: document(identity) in observation.seen)


def wait_for_another_read(observation: Observation) -> None:
    seen = observation.read_count
    wait_until(lambda: observation.read_count > seen + 1)


def test_the_documents_of_a_replacing_writer_are_seen_whole_and_in_order(target: Path) -> None:
    with observing(target, (0, 0)) as observation:
        wait_until_seen(observation, (0, 0))
        for sequence in range(1, 20):
            observation.timed_write((0, sequence), publishing(target, (0, sequence)))
            wait_until_seen(observation, (0, sequence))
    observation.require_whole()
    observation.require_linearizable()
    assert {read.value for read in observation.reads} == {(0, sequence) for sequence in range(20)}
    assert observation.read_count == sum(reads.count for reads in observation.seen.values())
    assert all(read.begin <= read.end for read in observation.reads)


def test_a_reader_may_pause_between_reads(target: Path) -> None:
    """A pause ends as soon as the block ends."""
    with observing(target, (0, 0), pause=1000) as observation:
        wait_until(lambda: observation.read_count)
        publishing(target, (0, 1))()
    assert observation.read_count == 1
    assert list(observation.seen) == [document((0, 0))]


def test_the_reading_ends_with_the_block_even_when_that_raises(target: Path) -> None:
    kept: list[Observation] = []

    def failing_case() -> None:
        with observing(target, (0, 0)) as observation:
            kept.append(observation)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing_case()
    count = kept[0].read_count
    target.write_bytes(b"torn")
    assert kept[0].read_count == count
    kept[0].require_whole()


def test_a_folder_at_the_target_is_no_file(target: Path) -> None:
    target.unlink()
    target.mkdir()
    with observing(target, (0, 0)) as observation:
        wait_until(lambda: observation.read_count)
    with pytest.raises(Violation, match=r"^missing: a folder is at the target"):
        observation.require_whole()


def test_a_torn_document_is_seen(target: Path) -> None:
    with observing(target, (0, 0)) as observation:
        replace(target, document((0, 0))[:-1])
        wait_for_another_read(observation)
    with pytest.raises(Violation, match=r"^torn: .* \(in \d+ reads: \d+ torn\)$") as caught:
        observation.require_whole()
    assert "bytes" in caught.value.evidence


def test_a_mixed_document_is_seen(target: Path) -> None:
    mixed = {**make_status(0, 1), "loss": make_status(0, 2)["loss"]}
    with observing(target, (0, 0)) as observation:
        replace(target, encode(mixed).encode())
        wait_for_another_read(observation)
    with pytest.raises(Violation, match="mixed: a reader saw members of different documents"):
        observation.require_whole()


def test_a_missing_target_is_seen(target: Path) -> None:
    with observing(target, (0, 0)) as observation:
        target.unlink()
        wait_until(lambda: observation.violations)
    with pytest.raises(Violation, match="missing: a reader found no file at the target"):
        observation.require_whole()


def test_the_worst_comes_first_and_all_are_counted(target: Path) -> None:
    observation = Observation(read_count=112_957)
    observation.note(Violation("missing: a reader found no file at the target"), 2)
    observation.note(Violation("mixed: members of two"), 3)
    observation.note(Violation("torn: half of it", bytes="{"), 1193)
    observation.refused += ["io: no such file", "io: another"]
    observation.writes += [Write((0, 0), 0)] * 101
    with pytest.raises(Violation) as caught:
        observation.require_whole()
    assert str(caught.value) == (
        "torn: half of it (in 112,957 reads: 1,193 torn; 3 mixed; 2 missing; 2 of 100 writes refused, "
        "first: io: no such file)"
    )
    assert caught.value.evidence == {"bytes": "{"}


def test_refused_writes_alone_are_reported_as_such() -> None:
    observation = Observation(read_count=70, writes=[Write((0, 0), 0)] * 81, refused=["io: no room"])
    with pytest.raises(
        Violation, match=r"^1 of 80 writes refused, first: io: no room \(70 reads of whole documents\)$"
    ):
        observation.require_whole()


def test_an_old_document_that_comes_back_is_stale(target: Path) -> None:
    with observing(target, (0, 0)) as observation:
        observation.timed_write((0, 1), publishing(target, (0, 1)))
        replace(target, document((0, 0)))
        wait_for_another_read(observation)
    observation.require_whole()
    with pytest.raises(Violation, match=r"^stale: \(0, 0\) was there before \(0, 1\) .*\(2 writes, \d+ reads"):
        observation.require_linearizable()


def test_a_document_that_was_never_written_is_unknown(target: Path) -> None:
    with observing(target, (0, 0)) as observation:
        replace(target, document((7, 7)))
        wait_for_another_read(observation)
    with pytest.raises(Violation, match=r"^unknown: \(7, 7\) was read but never written"):
        observation.require_linearizable()


def test_a_document_published_before_its_request_is_of_the_future(target: Path) -> None:
    with observing(target, (0, 0)) as observation:
        replace(target, document((0, 1)))
        wait_for_another_read(observation)
        observation.timed_write((0, 1), lambda: True)
    with pytest.raises(Violation, match=r"^future: a read of \(0, 1\) ended before its write began"):
        observation.require_linearizable()


@pytest.mark.parametrize("happened", [False, True])
def test_a_write_that_failed_may_have_happened_or_not(target: Path, happened: bool) -> None:
    def fail() -> bool:
        if happened:
            replace(target, document((0, 1)))
        return False

    with observing(target, (0, 0)) as observation:
        observation.timed_write((0, 1), fail)
        wait_for_another_read(observation)
    observation.require_whole()
    observation.require_linearizable()
    assert observation.writes[-1].end == math.inf


def test_an_acknowledged_write_that_did_nothing_is_stale(target: Path) -> None:
    with observing(target, (0, 0)) as observation:
        observation.timed_write((0, 1), lambda: True)
        wait_for_another_read(observation)
    with pytest.raises(Violation, match="stale"):
        observation.require_linearizable()


def test_a_crash_of_the_reader_is_not_called_a_violation(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: str) -> bytes:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)

    monkeypatch.setattr("conformance.oracle.observer.read_shared", fail)
    with observing(target, (0, 0)) as observation:
        wait_until(lambda: observation.crash)
    with pytest.raises(OSError, match="status"):
        observation.require_whole()


@pytest.mark.parametrize(("reads", "distinct", "enough"), [(50, 5, True), (49, 5, False), (1000, 4, False)])
def test_too_little_is_inconclusive(reads: int, distinct: int, enough: bool) -> None:
    observation = Observation(
        seen={document((0, number)): DocumentReads() for number in range(distinct)}, read_count=reads
    )
    assert observation.enough() is enough
    if enough:
        observation.require_enough()
    else:
        with pytest.raises(Inconclusive, match=f"saw {reads} reads of {distinct} distinct documents"):
            observation.require_enough()


def test_of_many_reads_in_a_row_the_first_and_the_last_are_kept() -> None:
    """All are counted; a document that comes back starts another row."""
    observation = Observation()
    first, second = document((0, 1)), document((0, 2))
    for number, data in enumerate([first] * 4 + [second] + [first] * 2 + [second] * 1000):
        observation.keep(data, 10 * number, 10 * number + 5)
    assert (observation.seen[first].count, observation.seen[second].count) == (6, 1001)
    assert observation.seen[first].times == [(0, 5), (30, 35), (50, 55), (60, 65)]
    assert observation.seen[second].times == [(40, 45), (70, 75), (10060, 10065)]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=30),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=3, max_size=3),
)
def test_what_is_not_kept_would_contradict_nothing(
    sights: list[tuple[int, bool]], spans: list[tuple[int, int]]
) -> None:
    """The same answer for the kept reads as for all of them, whatever was read; False repeats the last document."""
    writes = [Write((0, 0), -math.inf, -math.inf)]
    writes += [Write((0, number), min(span), max(span)) for number, span in enumerate(spans, start=1)]
    observation, everything, value = Observation(), [], 0
    for number, (other, changes) in enumerate(sights):
        value = other if changes else value
        everything.append(Read((0, value), 3 * number, 3 * number + 2))
        observation.keep(document((0, value)), 3 * number, 3 * number + 2)
    observation.judge()
    assert (find_contradiction(writes, observation.reads) is None) == (find_contradiction(writes, everything) is None)


def test_documents_that_would_take_too_much_memory_are_judged_at_once() -> None:
    """A judged program can put another file of 16 MiB there for each read."""
    large = [bytes([number]) * (MOST_HELD // 4) for number in range(10)]
    whole = encode(make_status(0, 1)).encode("utf-8")
    at_once, later = Observation(), Observation(held=-20 * MOST_HELD)
    for observation in (at_once, later):
        for number, data in enumerate([*large, whole, large[0]]):
            observation.keep(data, number, number + 1)
        assert len(observation.seen) == (4 if observation is at_once else 11)
        observation.judge()
    assert at_once.held <= MOST_HELD
    assert at_once.counts == later.counts == {"torn": 11}
    assert at_once.reads == later.reads == [Read((0, 1), 10, 11)]
