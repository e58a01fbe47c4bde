"""The messages between the kit and an implementation."""

import json
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.contract.errors import ImplementationError, NotAnAnswer
from conformance.subject.protocol import (
    DEEPEST,
    LONGEST_MESSAGE,
    MOST_VALUES,
    Answer,
    decode_answer,
    decode_document,
    decode_floats,
    encode_floats,
    encode_request,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda members: st.lists(members) | st.dictionaries(st.text().filter(lambda name: name != "$float"), members),
    max_leaves=10,
)


@given(VALUES)
def test_every_value_survives_json(value: Any) -> None:
    line = json.dumps(encode_floats(value), allow_nan=False)
    # repr equates nan with nan, and distinguishes -0.0 from 0.0, and 0 from 0.0 and False.
    assert repr(decode_floats(json.loads(line))) == repr(value)


@pytest.mark.parametrize(("value", "name"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")])
def test_non_finite_numbers_travel_by_name(value: float, name: str) -> None:
    assert encode_floats({"status": [value]}) == {"status": [{"$float": name}]}


def test_a_request_is_one_line_of_pure_ascii() -> None:
    line = encode_request(
        7, "write", {"path": "/t/é\n.json", "status": {"message": "\U0001f600\ud800", "loss": math.nan}}
    )
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert line.isascii()
    assert json.loads(line) == {
        "id": 7,
        "op": "write",
        "path": "/t/é\n.json",
        "status": {"message": "\U0001f600\ud800", "loss": {"$float": "NaN"}},
    }


def test_a_good_answer_keeps_its_other_members() -> None:
    line = '{"id": 3, "ok": true, "status": {"message": "é"}, "fresh": false}'.encode()
    assert decode_answer(line, 3) == Answer(True, None, "", {"status": {"message": "é"}, "fresh": False})


@pytest.mark.parametrize("kind", ["invalid", "io", "unsupported"])
def test_a_failure_has_its_kind_and_its_message(kind: str) -> None:
    line = json.dumps({"id": 3, "ok": False, "error": kind, "message": "why"}).encode()
    assert decode_answer(line, 3) == Answer(False, kind, "why", {})


def test_a_message_can_be_shown_whatever_it_quotes() -> None:
    line = rb'{"id":3,"ok":false,"error":"invalid","message":"not text: \ud800 \ud83d\ude00"}'
    assert decode_answer(line, 3).message == "not text: \\ud800 \U0001f600"


def test_the_message_of_a_failure_may_be_absent() -> None:
    assert decode_answer(b'{"id":3,"ok":false,"error":"io"}', 3).message == ""


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"", "not a JSON answer"),
        (b"ready\n", "not a JSON answer"),
        (b'{"id":3,"ok":true', "not a JSON answer"),
        (b'\xff{"id":3,"ok":true}', "not a JSON answer"),
        (b'{"id":3,"ok":true,"message":"\xe9"}', "not a JSON answer"),
        (b"[" * 100_000, "not a JSON answer"),
        (b'{"id":3,"ok":true,"x":' + b"1" * 5000 + b"}", "not a JSON answer"),
        (b'[{"id":3,"ok":true}]', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'{"id":4,"ok":true}', "out of order: expected id 3"),
        (b'{"ok":true}', 'answered without "id": repeat that of the request, 3'),
        (b'{"id":"3","ok":true}', 'an "id" that is not the integer 3 of the request, but "3": repeat it as it came'),
        (b'{"id":3.0,"ok":true}', 'an "id" that is not the integer 3 of the request, but 3.0: repeat it'),
        (b'{"id":3}', 'without "ok"'),
        (b'{"id":3,"ok":1}', 'without "ok"'),
        (b'{"id":3,"ok":"true"}', 'without "ok"'),
        (b'{"id":3,"ok":false}', 'a failure must say "error"'),
        (b'{"id":3,"ok":false,"error":"refused"}', 'a failure must say "error"'),
        (b'{"id":3,"ok":false,"error":["io"]}', 'a failure must say "error"'),
        (b'{"id":3,"ok":false,"error":"io","message":5}', 'a failure must say "error"'),
        (b'{"id":3,"ok":true,"error":"io"}', 'a failure must say "error"'),
    ],
)
def test_anything_else_is_an_error_of_the_implementation(line: bytes, complaint: str) -> None:
    with pytest.raises(ImplementationError, match=re.escape(complaint)):
        decode_answer(line, 3)


def test_true_is_not_the_id_1() -> None:
    with pytest.raises(ImplementationError, match="not the integer"):
        decode_answer(b'{"id":true,"ok":true}', 1)


def test_a_long_line_is_shown_by_its_beginning_and_its_length() -> None:
    with pytest.raises(ImplementationError) as caught:
        decode_answer(b"x" * 100_000, 3)
    assert "(100000 bytes)" in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_an_answer_nests_as_deeply_as_the_contract_says(opening: str) -> None:
    def nested(depth: int) -> bytes:
        return (opening * depth + "1" + ("]" if opening == "[" else "}") * depth).encode("ascii")

    decode_document(nested(DEEPEST))
    for depth in (DEEPEST + 1, 900, 100_000):
        with pytest.raises(ValueError, match=f"arrays and objects more than {DEEPEST} deep"):
            decode_document(nested(depth))


def test_brackets_in_a_text_are_no_nesting() -> None:
    assert decode_document(b'"' + b"[" * 1000 + b'"') == "[" * 1000


def test_a_nested_answer_is_that_of_the_implementation() -> None:
    with pytest.raises(NotAnAnswer, match="more than 100 deep"):
        decode_answer(b'{"id":1,"ok":true,"x":' + b"[" * 900 + b"]" * 900 + b"}", 1)


def test_an_answer_that_would_take_much_memory_is_not_read() -> None:
    """Each of these objects takes 70 bytes, and 3 in the line."""
    with pytest.raises(ValueError, match="more than 1,048,576 values"):
        decode_document(b"[" + b"{}," * MOST_VALUES + b"{}]")


def test_a_document_of_the_largest_size_is_read_whatever_its_text_is() -> None:
    assert decode_document(b'{"message":"' + b"," * (MOST_VALUES - 14) + b'"}')


def test_a_long_message_is_cut_and_says_so() -> None:
    answer = decode_answer(b'{"id":1,"ok":false,"error":"io","message":"' + b"m" * 1_000_000 + b'"}', 1)
    assert answer.message == f"{'m' * LONGEST_MESSAGE}… (1,000,000 characters)"
