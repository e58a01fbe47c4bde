"""What a document is, and what is kept of one that is torn or mixed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance.contract.errors import Violation
from conformance.oracle.payload import encode, make_status
from stress.record.violations import evidence_of, verify


def document(writer: int, sequence: int, size: int = 0) -> bytes:
    return encode(make_status(writer, sequence, size)).encode()


# What a document is


@pytest.mark.parametrize("size", [0, 256, 4096, 1 << 20])
def test_a_whole_document_is_known_by_writer_and_sequence(size: int) -> None:
    assert verify(document(3, 41, size)) == (3, 41)


def test_white_space_and_the_order_of_members_do_not_matter() -> None:
    status = make_status(1, 2, 300)
    shuffled = dict(sorted(status.items(), reverse=True))
    assert verify(json.dumps(shuffled, indent=2).encode()) == (1, 2)


WHOLE, LONGER = document(1, 7, 300), document(1, 8, 900)
TORN = {
    "an empty file": b"",
    "a prefix": WHOLE[:100],
    "all but the last byte": WHOLE[:-1],
    "garbage after it": WHOLE + b"}",
    "the end of a longer document after it": WHOLE + LONGER[len(WHOLE) :],
    "a second document": WHOLE + WHOLE,
    "a hole of zeros": WHOLE[:50] + bytes(len(WHOLE) - 50),
    "zeros after it": WHOLE + bytes(5),
    "no UTF-8": WHOLE[:50] + b"\xff" + WHOLE[51:],
    "too deep to parse": b"[" * 100_000,
    "another JSON value": b"[1, 2]",
    "null": b"null",
    "no message": json.dumps({"status": "idle"}).encode(),
}


@pytest.mark.parametrize("data", TORN.values(), ids=TORN)
def test_what_is_not_one_document_is_torn(data: bytes) -> None:
    with pytest.raises(Violation, match=r"^torn"):
        verify(data)


def with_members(**members: Any) -> bytes:
    return json.dumps({**make_status(1, 7, 300), **members}).encode()


MIXED = {
    "the epoch of another document": with_members(epoch=make_status(1, 8)["epoch"]),
    "the time of another document": with_members(timestamp=make_status(1, 8)["timestamp"]),
    "the message of another document": with_members(message=make_status(1, 8, 300)["message"]),
}
ALTERED = {
    "a message of its own": with_members(message="training"),
    "a flag for a number": with_members(epoch=True),
}


@pytest.mark.parametrize("data", MIXED.values(), ids=MIXED)
def test_members_of_different_documents_are_mixed(data: bytes) -> None:
    with pytest.raises(Violation, match=r"^mixed") as raised:
        verify(data)
    assert evidence_of(raised.value)["values"]["timestamp"] == json.loads(data)["timestamp"]


@pytest.mark.parametrize("data", ALTERED.values(), ids=ALTERED)
def test_values_of_no_document_are_altered(data: bytes) -> None:
    with pytest.raises(Violation, match=r"^altered"):
        verify(data)


def test_one_changed_byte_of_the_padding_is_noticed() -> None:
    with pytest.raises(Violation, match=r"^altered"):
        verify(WHOLE.replace(b"loss=0.342", b"loss=0.343", 1))


# What is kept of it


def test_of_a_long_message_the_evidence_has_the_two_ends_and_the_length() -> None:
    message = "a" * 80 + "b" * 1000 + "c" * 80
    evidence = evidence_of(Violation("mixed", values={"message": message, "loss": 0.5}))
    assert evidence == {"values": {"message": "a" * 80 + " … " + "c" * 80 + " (1,160 characters)", "loss": 0.5}}


def test_a_message_that_is_no_longer_than_its_two_ends_is_kept_whole() -> None:
    values = {"message": "a" * 160}
    assert evidence_of(Violation("mixed", values=values)) == {"values": values}


@pytest.mark.parametrize("evidence", [{}, {"bytes": "b" * 1000}, {"values": None}])
def test_other_evidence_is_kept_as_it_is(evidence: dict[str, Any]) -> None:
    assert evidence_of(Violation("torn", **evidence)) == evidence
