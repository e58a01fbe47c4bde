"""The kit's own reader: what it notices, what it does not look at again, and what it keeps of consecutive reads."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from conformance.oracle.payload import Identity, encode, make_status
from conformance.system.share_modes import read_rest
from stress.clients import file_reader as reading
from stress.clients.file_reader import FileReader, name_of_error, read_unchanged
from stress.record.reports import READ_COLUMNS, Seen
from stress.record.violations import verify
from tests.stress.samples import by_column

NAMES = ("status.json",)


def document(writer: int, sequence: int, size: int = 0) -> bytes:
    return encode(make_status(writer, sequence, size)).encode()


WHOLE, LONGER = document(1, 7, 300), document(1, 8, 900)


def rows_of(seen: Seen) -> list[dict[str, int]]:
    return by_column(seen.rows, READ_COLUMNS)


def documents_of(seen: Seen) -> list[Identity]:
    return [(row["writer"], row["sequence"]) for row in rows_of(seen)]


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The target, in the current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / NAMES[0]


@dataclass
class Watched:
    """A clock that goes on by one with each look, and with each file that is opened, read and closed."""

    time: int = 0
    reads: list[tuple[int, int, bytes]] = field(default_factory=list)  # begin, end, what was read
    before_open: Callable[[int], None] = lambda number: None

    def tick(self) -> int:
        self.time += 1
        return self.time


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    """Each read, as it really happened, beside what the reader notes."""
    watch = Watched()
    opened: dict[int, tuple[int, list[bytes]]] = {}
    real_open, real_read, real_close = os.open, os.read, os.close

    def open_noted(name: bytes, flags: int) -> int:
        watch.before_open(len(watch.reads))
        begin = watch.tick()
        descriptor = real_open(name, flags)
        opened[descriptor] = begin, []
        return descriptor

    def read_noted(descriptor: int, size: int) -> bytes:
        data = real_read(descriptor, size)
        opened[descriptor][1].append(data)
        return data

    def rest_noted(descriptor: int, begun: bytes) -> bytes:
        whole = read_rest(descriptor, begun)
        opened[descriptor][1].append(whole[len(begun) :])
        return whole

    def close_noted(descriptor: int) -> None:
        begin, pieces = opened.pop(descriptor)
        real_close(descriptor)
        watch.reads.append((begin, watch.tick(), b"".join(pieces)))

    calls = {"open": open_noted, "read": read_noted, "close": close_noted}
    flags = {name: value for name, value in vars(os).items() if name.startswith("O_")}
    others = {"fsencode": os.fsencode, "strerror": os.strerror}
    monkeypatch.setattr(reading, "os", SimpleNamespace(**calls, **flags, **others))
    monkeypatch.setattr(reading, "read_rest", rest_noted)
    monkeypatch.setattr(reading, "clock", SimpleNamespace(nanoseconds=watch.tick))
    return watch


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Everything that is parsed."""
    parsed: list[bytes] = []

    def count(data: bytes) -> Identity:
        parsed.append(data)
        return verify(data)

    monkeypatch.setattr(reading, "verify", count)
    return parsed


# What is no document


MIXED = json.dumps({**make_status(1, 7, 300), "epoch": make_status(1, 8)["epoch"]}).encode()


@pytest.mark.parametrize(
    ("data", "kind", "evidence"), [(WHOLE[:100], "torn", "bytes"), (MIXED, "mixed", "values")], ids=["torn", "mixed"]
)
def test_what_is_torn_or_mixed_is_reported_with_its_evidence_and_makes_no_row(
    target: Path, data: bytes, kind: str, evidence: str
) -> None:
    target.write_bytes(data)
    reader = FileReader(NAMES)
    reader.read(1)
    seen = reader.take()
    assert (seen.counts, documents_of(seen)) == ({kind: 1}, [])
    [violation] = seen.violations
    assert (violation.kind, violation.text[: len(kind)], list(violation.evidence)) == (kind, kind, [evidence])


# Reads of the same document


def test_an_unchanged_document_is_parsed_once(target: Path, verified: list[bytes]) -> None:
    target.write_bytes(WHOLE)
    reader = FileReader(NAMES)
    for _ in range(3):
        reader.read(100)
    assert verified == [WHOLE]
    seen = reader.take()
    assert seen.reads >= 300
    assert seen.changes == 1
    assert documents_of(seen) == [(1, 7)]


def test_the_same_document_in_another_spelling_is_no_change(target: Path) -> None:
    target.write_bytes(WHOLE)
    reader = FileReader(NAMES)
    reader.read(1)
    target.write_bytes(WHOLE + b"\n")
    reader.read(1)
    seen = reader.take()
    assert (seen.reads, seen.changes) == (2, 1)
    assert documents_of(seen) == [(1, 7)]


def test_every_change_is_seen_and_begins_a_row(target: Path) -> None:
    reader = FileReader(NAMES)
    for sequence in (1, 2, 3, 2):
        target.write_bytes(document(1, sequence, 300))
        reader.read(2)
    seen = reader.take()
    assert seen.reads >= 8
    assert seen.changes == 4
    assert documents_of(seen) == [(1, 1), (1, 2), (1, 3), (1, 2)]


@pytest.mark.parametrize("sizes", [(300, 301), (301, 300), (300, 300)], ids=["one byte more", "one less", "as long"])
def test_a_document_that_differs_by_a_byte_in_length_is_noticed(target: Path, sizes: tuple[int, int]) -> None:
    reader = FileReader(NAMES)
    for sequence, size in enumerate(sizes):
        data = document(1, 10 + sequence, size)
        assert len(data) == size
        target.write_bytes(data)
        reader.read(2)
    assert documents_of(reader.take()) == [(1, 10), (1, 11)]


@pytest.mark.parametrize("change", [lambda data: data + b"x", lambda data: data[:-1], lambda data: b""])
def test_a_byte_more_or_less_of_the_same_document_is_torn(target: Path, change: Callable[[bytes], bytes]) -> None:
    target.write_bytes(WHOLE)
    reader = FileReader(NAMES)
    reader.read(2)
    target.write_bytes(change(WHOLE))
    reader.read(1)
    assert reader.take().counts == {"torn": 1}


def test_a_document_that_did_not_fit_into_one_read_is_read_to_its_end(target: Path) -> None:
    """After a small document, the next read asks for little."""
    target.write_bytes(document(1, 1))
    reader = FileReader(NAMES)
    reader.read(1)
    target.write_bytes(document(1, 2, 1 << 20))
    reader.read(1)
    assert documents_of(reader.take()) == [(1, 1), (1, 2)]


@pytest.mark.parametrize("data", [b"", WHOLE[:-1]], ids=["empty", "cut"])
def test_what_is_torn_is_never_taken_for_unchanged(target: Path, verified: list[bytes], data: bytes) -> None:
    target.write_bytes(data)
    reader = FileReader(NAMES)
    reader.read(5)
    seen = reader.take()
    assert verified == [data] * 5
    assert (seen.reads, seen.changes, seen.counts) == (5, 5, {"torn": 5})


def test_a_torn_document_ends_the_row(target: Path) -> None:
    reader = FileReader(NAMES)
    for data in (WHOLE, b"", WHOLE):
        target.write_bytes(data)
        reader.read(1)
    assert documents_of(reader.take()) == [(1, 7), (1, 7)]


@pytest.mark.parametrize("change_at", range(1, 12))
def test_the_times_of_a_row_are_those_of_its_first_and_of_one_of_its_latest_reads(
    target: Path, watched: Watched, change_at: int
) -> None:
    """An interval may be longer than the read, and never shorter: nothing is blamed that did not happen."""
    documents = [document(1, 1), document(1, 2)]
    target.write_bytes(documents[0])

    def change(number: int) -> None:
        if number == change_at:
            target.write_bytes(documents[1])

    watched.before_open = change
    reader = FileReader(NAMES)
    for _ in range(4):
        reader.read(4)
    seen = reader.take()
    assert seen.reads == len(watched.reads) >= 16
    rows = rows_of(seen)
    assert len(rows) == 2
    for row, data in zip(rows, documents, strict=True):
        spans = [(begin, end) for begin, end, read in watched.reads if read == data]
        assert row["first_begin"] < spans[0][0] < spans[0][1] < row["first_end"]
        assert any(row["last_begin"] < begin < end < row["last_end"] for begin, end in spans[-3:])
        assert row["first_begin"] <= row["last_begin"] < row["last_end"]
    # Both documents were there in this order, and the rows say so.
    assert rows[0]["first_end"] <= rows[1]["first_end"]
    assert rows[0]["last_end"] <= rows[1]["last_begin"]


def test_taking_what_was_seen_begins_new_rows(target: Path, verified: list[bytes]) -> None:
    """So that the next round's history knows what was there when it began."""
    target.write_bytes(WHOLE)
    reader = FileReader(NAMES)
    reader.read(2)
    first = reader.take()
    reader.read(3)
    second = reader.take()
    assert documents_of(first) == documents_of(second) == [(1, 7)]
    assert rows_of(first)[0]["last_end"] <= rows_of(second)[0]["first_begin"]
    assert first.reads >= 2
    assert second.reads >= 3
    assert len(verified) == 2
    assert reader.take() == Seen()


def test_rows_are_of_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("one.json", "two.json")
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(document(number, 5))
    reader = FileReader(names)
    reader.read(4)
    seen = reader.take()
    assert seen.reads >= 8
    assert [(row["target"], row["writer"]) for row in rows_of(seen)] == [(0, 0), (1, 1)]


# What fails


def test_a_missing_file_is_reported(target: Path) -> None:
    reader = FileReader(NAMES)
    reader.read(3)
    seen = reader.take()
    assert (seen.reads, seen.counts, seen.errors) == (3, {"missing": 3}, {})


IN_PLACE_OF_A_FILE: list[tuple[Callable[[Path], None], str]] = [(Path.mkdir, "a folder")]
if sys.platform != "win32":
    IN_PLACE_OF_A_FILE.append((os.mkfifo, "a FIFO"))


@pytest.mark.parametrize(("make", "what"), IN_PLACE_OF_A_FILE)
def test_what_is_no_file_is_named_and_not_waited_for(target: Path, make: Callable[[Path], None], what: str) -> None:
    target.unlink(missing_ok=True)
    make(target)
    reader = FileReader((target.name,))
    reader.read(2)
    seen = reader.take()
    assert (seen.reads, seen.counts, seen.errors) == (2, {"missing": 2}, {})
    assert seen.violations[0].text == f"missing: {what} is at the target, and no file"


def test_a_file_that_is_missing_for_a_moment_ends_the_row(target: Path) -> None:
    target.write_bytes(WHOLE)
    reader = FileReader(NAMES)
    reader.read(2)
    target.unlink()
    reader.read(1)
    target.write_bytes(WHOLE)
    reader.read(2)
    seen = reader.take()
    assert documents_of(seen) == [(1, 7), (1, 7)]
    assert seen.reads >= 5
    assert seen.counts == {"missing": 1}


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.EACCES])
def test_a_read_that_fails_is_reported_with_the_systems_name_and_what_was_open_is_closed(
    target: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    target.write_bytes(WHOLE)
    reader = FileReader(NAMES)
    opened: list[int] = []
    real_open = os.open

    def open_noted(name: bytes, flags: int) -> int:
        opened.append(real_open(name, flags))
        return opened[-1]

    def fail(descriptor: int, size: int) -> bytes:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("stress.clients.file_reader.os.open", open_noted)
    monkeypatch.setattr("stress.clients.file_reader.os.read", fail)
    reader.read(1)
    monkeypatch.undo()
    seen = reader.take()
    assert (seen.reads, seen.errors) == (1, {errno.errorcode[code]: 1})
    assert seen.counts == {"missing": 1}
    with pytest.raises(OSError, match=rf"{os.strerror(errno.EBADF)}|WinError 6"):
        os.fstat(opened[0])


def test_on_windows_an_error_has_its_own_number() -> None:
    error = PermissionError(13, "Access is denied")
    error.winerror = 5  # type: ignore[attr-defined,unused-ignore]  # Windows alone has it
    assert name_of_error(error) == "WinError 5"
    assert name_of_error(OSError(99999, "unheard of")) == "errno 99999"


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")
def test_no_descriptor_is_left_open(target: Path) -> None:
    reader = FileReader(("status.json", "missing.json"))
    before = sorted(os.listdir("/proc/self/fd"))
    for data in (WHOLE, b"", LONGER, WHOLE):
        target.write_bytes(data)
        reader.read(20)
    target.unlink()
    reader.take()
    target.mkdir()  # opens, and cannot be read
    reader.read(20)
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert reader.take().counts == {"missing": 40}  # 20 of each name


def test_the_benchmarks_reads_are_reads_of_the_harness(target: Path, verified: list[bytes]) -> None:
    target.write_bytes(WHOLE)
    clock = iter([2.0, 5.0])
    assert read_unchanged(NAMES[0], 50, lambda: next(clock)) == 3.0
    assert verified == [WHOLE]
