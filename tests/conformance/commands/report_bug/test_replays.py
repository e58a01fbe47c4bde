"""Which request of a failed case is repeated."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance.commands.report_bug.replays import replay_of
from conformance.reporting.results import Result
from conformance.vectors import load_vectors

STATUS = {"status": "idle", "loss": {"$float": "NaN"}}


def line(operation: str, answer: str = "ok", **fields: Any) -> str:
    return f"{json.dumps({'op': operation, 'path': '/x/status.json', **fields})} → {answer}"


def wrote(*transcript: Any) -> Result:
    return Result("REF-03", "not_finite:loss-nan", "fail", "wrong", evidence={"transcript": list(transcript)})


def test_it_is_the_last_write() -> None:
    found = replay_of("write", wrote(line("write", status={"status": "done"}), line("write", status=STATUS)))
    assert found == {"case": "REF-03 not_finite:loss-nan", "status": STATUS}
    assert replay_of("write", wrote(line("write", status=STATUS), line("read"))) == found


@pytest.mark.parametrize(
    "transcript",
    [
        [],
        ["no request"],
        ['{"op":"write" … "x"} (500 bytes) → ok'],
        [line("read")],
        [line("replace", text="x")],
        [5],
        "x",
    ],
    ids=["none", "words", "cut", "a read", "a text", "a number", "no list"],
)
def test_without_a_whole_request_there_is_none(transcript: Any) -> None:
    assert replay_of("write", Result("DOC-01", "members:idle", "fail", evidence={"transcript": transcript})) is None
    assert replay_of("write", Result("DOC-01", "members:idle", "fail")) is None


@pytest.mark.parametrize("vector", [vector for vector in load_vectors() if vector.kind != "either"][::40])
def test_a_document_is_named_with_what_must_come_back(vector: Any) -> None:
    found = replay_of("read", Result("RDR-01", f"{vector.kind}:{vector.name}", "fail"))
    assert found is not None
    assert (found["file"], found["expected"]) == (vector.path.name, vector.expected)


def test_no_file_and_no_document_are_read_as_null() -> None:
    assert replay_of("read", Result("RDR-02", "missing", "fail")) == {"case": "RDR-02 missing", "expected": None}
    found = replay_of("read", Result("RDR-03", "empty:line-feed", "fail"))
    assert found == {"case": "RDR-03 empty:line-feed", "expected": None, "text": "\n"}


@pytest.mark.parametrize("case", ["empty:of-another-kit", "invalid:../../etc/passwd", "other:valid-keys-reversed"])
def test_what_this_kit_does_not_have_is_not_repeated(case: str) -> None:
    assert replay_of("read", Result("RDR-05", case, "fail")) is None
