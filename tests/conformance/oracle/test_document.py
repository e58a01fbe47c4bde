"""The judge of bytes and folders: what it accepts, what it refuses, and which clause it blames.

Its second opinion is `json` of the standard library, the vectors, and tables written by hand; never the reference.
"""

import json
import math
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.contract.errors import Violation
from conformance.oracle.document import MEMBERS, STATUSES, Examination, examine, require_status, shown
from conformance.vectors import Vector, load_vectors

STATUS: dict[str, Any] = {
    "status": "running",
    "epoch": 2.5,
    "total_epochs": 3.0,
    "loss": 0.342,
    "message": "epoch 2/3",
    "timestamp": 1764345613,
}
EITHER = load_vectors("either")


def document(**tokens: str) -> bytes:
    """The status as bytes, with some values given as JSON text."""
    members = {name: json.dumps(value) for name, value in STATUS.items()} | tokens
    return ("{" + ",".join(f'"{name}":{token}' for name, token in members.items()) + "}").encode(
        "utf-8", "surrogatepass"
    )


def clauses(examination: Examination) -> list[str]:
    return [problem.clause for problem in examination.problems]


def typed(values: Any) -> dict[str, tuple[type, object]]:
    return {name: (type(value), value) for name, value in values.items()}


# Correct documents


def test_a_valid_document_has_no_problem_and_its_six_values() -> None:
    examination = examine(document())
    assert examination.problems == ()
    assert typed(examination.values) == typed(STATUS)


FLOATS = st.floats(min_value=0.0, allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
STATUS_VALUES = st.fixed_dictionaries(
    {
        "status": st.sampled_from(STATUSES),
        "epoch": FLOATS,
        "total_epochs": FLOATS,
        "loss": st.floats(allow_nan=False, allow_infinity=False),
        "message": TEXT,
        "timestamp": st.integers(0, 2**53 - 1),
    }
)
SPACE = st.text(" \t\r\n", max_size=3)


@given(
    status=STATUS_VALUES,
    order=st.permutations(MEMBERS),
    ascii_only=st.booleans(),
    indent=st.none() | st.integers(0, 3) | st.just("\t"),
    comma=st.tuples(SPACE, SPACE).map(",".join),
    colon=st.tuples(SPACE, SPACE).map(":".join),
    around=st.tuples(SPACE, SPACE),
)
def test_no_spelling_of_a_legal_status_is_a_problem(
    status: dict[str, Any],
    order: list[str],
    ascii_only: bool,
    indent: int | str | None,
    comma: str,
    colon: str,
    around: tuple[str, str],
) -> None:
    text = json.dumps(
        {name: status[name] for name in order},
        ensure_ascii=ascii_only,
        indent=indent,
        separators=(comma, colon),
    )
    data = f"{around[0]}{text}{around[1]}".encode()
    examination = examine(data)
    assert examination.problems == ()
    assert typed(examination.values) == typed(status)
    require_status(data, status)


@pytest.mark.parametrize(
    "token",
    ["0.0", "-0.0", "0e0", "0E+5", "1e3", "1.5E-3", "5e-324", "1.7976931348623157e308", "0." + "1" * 5000],
)
@pytest.mark.parametrize("name", ["epoch", "total_epochs", "loss"])
def test_a_fraction_or_an_exponent_makes_a_float(name: str, token: str) -> None:
    examination = examine(document(**{name: token}))
    assert examination.problems == ()
    assert examination.values[name] == float(token)


def test_loss_may_be_negative_and_epoch_may_be_beyond_the_total() -> None:
    assert examine(document(loss="-1.5", epoch="4.0", total_epochs="3.0")).problems == ()


@pytest.mark.parametrize("token", ["0", "1", "9007199254740991"])
def test_timestamps_from_0_to_2_53_minus_1(token: str) -> None:
    examination = examine(document(timestamp=token))
    assert examination.problems == ()
    assert examination.values["timestamp"] == int(token)


@pytest.mark.parametrize(
    ("token", "text"),
    [
        (r'"\ud83d\ude00"', "\U0001f600"),
        ('"\U0001f600"', "\U0001f600"),
        (r'"\u0000\u001f\u2028"', "\0\x1f\u2028"),
        ('"\u2028\x7f"', "\u2028\x7f"),
        (r'"\/"', "/"),
        ('"\ufeff"', "\ufeff"),
        ('"\ufffd\uffff"', "\ufffd\uffff"),
    ],
)
def test_a_message_counts_by_its_code_points(token: str, text: str) -> None:
    examination = examine(document(message=token))
    assert examination.problems == ()
    assert examination.values["message"] == text


def test_an_escaped_name_is_the_name() -> None:
    assert examine(document().replace(b'"loss"', rb'"\u006coss"')).problems == ()


@pytest.mark.parametrize("vector", load_vectors("valid"), ids=lambda vector: vector.name)
def test_every_valid_vector_has_no_problem(vector: Vector) -> None:
    examination = examine(vector.path.read_bytes())
    assert examination.problems == ()
    assert examination.values == vector.expected


@pytest.mark.parametrize("vector", load_vectors("invalid"), ids=lambda vector: vector.name)
def test_every_invalid_vector_has_a_problem(vector: Vector) -> None:
    assert examine(vector.path.read_bytes()).problems


@pytest.mark.parametrize("vector", [v for v in EITHER if v.layer == "integer-token"], ids=lambda v: v.name)
def test_integer_tokens_that_a_reader_may_accept_are_wrong_for_a_writer(vector: Vector) -> None:
    assert set(clauses(examine(vector.path.read_bytes()))) <= {"DOC-04", "DOC-05", "DOC-06"}
    assert examine(vector.path.read_bytes()).problems


@pytest.mark.parametrize("vector", [v for v in EITHER if v.layer == "underflow"], ids=lambda v: v.name)
def test_what_rounds_to_zero_counts_as_zero(vector: Vector) -> None:
    examination = examine(vector.path.read_bytes())
    assert examination.problems == ()
    assert examination.values == vector.expected


# Wrong documents, and the clause that each breaks


@pytest.mark.parametrize("name", MEMBERS)
def test_a_missing_member(name: str) -> None:
    rest = {other: value for other, value in STATUS.items() if other != name}
    examination = examine(json.dumps(rest).encode())
    assert clauses(examination) == ["DOC-01"]
    assert name in examination.problems[0].text


def test_a_seventh_member() -> None:
    examination = examine(document(version="1"))
    assert clauses(examination) == ["DOC-01"]
    assert "version" in examination.problems[0].text


def test_an_empty_object_lacks_all_members() -> None:
    assert clauses(examine(b"{}")) == ["DOC-01"]


@pytest.mark.parametrize("second", ['"loss":0.342', r'"los\u0073":0.5'])
def test_a_member_that_occurs_twice(second: str) -> None:
    examination = examine(document()[:-1] + f",{second}}}".encode())
    assert clauses(examination) == ["DOC-02"]
    assert "loss" in examination.problems[0].text


def test_an_unknown_member_that_occurs_twice_breaks_two_clauses() -> None:
    assert clauses(examine(document()[:-1] + b',"x":1,"x":1}')) == ["DOC-01", "DOC-02"]


@pytest.mark.parametrize("token", ['"Idle"', '"paused"', '""', '"idle "', "null", "true", "1", "1.5", '["idle"]', "{}"])
def test_a_status_that_is_not_one_of_the_four(token: str) -> None:
    assert clauses(examine(document(status=token))) == ["DOC-03"]


WRONG_FLOATS = [
    *("0", "1", "-0", "-1", "9007199254740993", "1" * 5000),
    *("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1.8e308", "1" * 400 + ".0"),
    *("true", "false", "null", '"0.0"', '"NaN"', "[]", "[0.0]", "{}", '{"a":1}'),
]


@pytest.mark.parametrize("token", WRONG_FLOATS, ids=lambda token: token[:20])
@pytest.mark.parametrize(("name", "clause"), [("epoch", "DOC-04"), ("total_epochs", "DOC-05"), ("loss", "DOC-06")])
def test_what_is_not_a_finite_float_token(name: str, clause: str, token: str) -> None:
    examination = examine(document(**{name: token}))
    assert clauses(examination) == [clause]
    assert name not in examination.values
    assert len(examination.problems[0].text) < 200


@pytest.mark.parametrize("token", ["-1.0", "-5e-324", "-1e308"])
@pytest.mark.parametrize(("name", "clause"), [("epoch", "DOC-04"), ("total_epochs", "DOC-05")])
def test_a_negative_epoch_or_total(name: str, clause: str, token: str) -> None:
    examination = examine(document(**{name: token}))
    assert clauses(examination) == [clause]
    assert "negative" in examination.problems[0].text


@pytest.mark.parametrize("token", [r'"\ud800"', r'"a\udfffb"', r'"\udc00\ud800"', r'"\ud800\ud83d\ude00"'])
def test_a_lone_surrogate_in_the_message(token: str) -> None:
    examination = examine(document(message=token))
    assert clauses(examination) == ["DOC-07"]
    assert "surrogate" in examination.problems[0].text


@pytest.mark.parametrize("token", ["null", "true", "0", "0.5", "NaN", "[]", '["a"]', "{}"])
def test_a_message_that_is_not_a_string(token: str) -> None:
    assert clauses(examine(document(message=token))) == ["DOC-07"]


@pytest.mark.parametrize(
    "token",
    [
        *("1764345613.0", "1764345613.5", "1e9", "-1", "-0", "9007199254740992", "1" * 17, "1" * 5000),
        *("NaN", "Infinity", "null", "true", "false", '"1764345613"', "[]", "{}"),
    ],
    ids=lambda token: token[:20],
)
def test_a_timestamp_that_is_not_an_integer_token_in_its_range(token: str) -> None:
    assert clauses(examine(document(timestamp=token))) == ["DOC-08"]


UNREADABLE = {
    "empty": b"",
    "only white space": b" \n",
    "byte order mark": b"\xef\xbb\xbf" + document(),
    "UTF-16": document().decode().encode("utf-16"),
    "Latin-1": document(message='"\xe9"').decode().encode("latin-1"),
    "encoded surrogate": document(message='"\ud800"'),
    "overlong": document(message='"x"').replace(b'"x"', b'"\xc0\xaf"'),
    "cut": document()[:-1],
    "two documents": document() * 2,
    "a tail": document() + b"}",
    "a NUL after it": document() + b"\0",
    "no-break space after it": document() + b"\xc2\xa0",
    "raw control character": document(message='"a\nb"'),
    "trailing comma": document()[:-1] + b",}",
    "comment": document() + b"// end",
    "leading zero": document(timestamp="01"),
    "no digit after the point": document(epoch="1."),
    "no digit before the point": document(epoch=".5"),
    "plus": document(epoch="+1.0"),
    "hexadecimal": document(timestamp="0x1"),
    "bare nan": document(loss="nan"),
    "single quotes": document().replace(b'"', b"'"),
    "array": b"[" + document() + b"]",
    "array of pairs": b'[["status","idle"]]',
    "empty array": b"[]",
    "string": b'"status"',
    "number": b"5",
    "constant": b"NaN",
    "null": b"null",
    "deep": b"[" * 100_000 + b"]" * 100_000,
}


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_not_one_json_object_in_utf_8(data: bytes) -> None:
    examination = examine(data)
    assert clauses(examination) == ["DOC-09"]
    assert examination.values == {}


def test_a_document_cut_anywhere_has_a_problem() -> None:
    whole = document(message=r'"\u00e9\ud83d\ude00é"')
    assert examine(whole).problems == ()
    assert [offset for offset in range(len(whole)) if not examine(whole[:offset]).problems] == []


@pytest.mark.parametrize("name", [*MEMBERS, "unknown"])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_nesting_of_any_depth_is_a_problem_and_never_a_crash(name: str, opening: str, closing: str) -> None:
    for depth in (1, 10, *range(50, sys.getrecursionlimit() + 100, 25)):
        assert examine(document(**{name: opening * depth + "1" + closing * depth})).problems


def test_all_problems_are_found_at_once_in_the_order_of_the_clauses() -> None:
    data = b'{"timestamp":-1,"message":5,"loss":NaN,"total_epochs":0,"epoch":-1.5,"status":"x","y":1,"y":2}'
    expected = ["DOC-01", "DOC-02", "DOC-03", "DOC-04", "DOC-05", "DOC-06", "DOC-07", "DOC-08"]
    assert clauses(examine(data)) == expected


def test_a_huge_value_is_not_repeated_whole_in_the_problem() -> None:
    examination = examine(document(timestamp=json.dumps("x" * 100_000)))
    assert len(examination.problems[0].text) < 200


# Which clause a problem breaks


def test_a_problem_breaks_its_own_clause_only() -> None:
    examination = examine(document(epoch="0", loss="NaN"))
    assert examination.breaking("DOC-04") == ("epoch is 0, not a number with a fraction or an exponent",)
    assert examination.breaking("DOC-06") == ("loss is NaN, not a number with a fraction or an exponent",)
    assert examination.breaking("DOC-05") == ()
    assert examination.breaking("DOC-09") == ()


@pytest.mark.parametrize("clause", [f"DOC-{number:02}" for number in range(1, 10)])
def test_what_cannot_be_read_breaks_every_clause_about_documents(clause: str) -> None:
    [text] = examine(b"{").breaking(clause)
    assert text.startswith("not one JSON document")


# The requested values


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("status", "idle"),
        ("epoch", 2.5000000000000004),
        ("total_epochs", 3.0000000000000004),
        ("loss", math.nextafter(0.342, 1.0)),
        ("message", "epoch 2/3 "),
        ("timestamp", 1764345614),
    ],
)
def test_a_value_that_is_not_the_expected_one_is_a_violation(name: str, other: object) -> None:
    with pytest.raises(Violation, match=f"does not hold the document that was written: {name} is ") as caught:
        require_status(document(), {**STATUS, name: other})
    assert repr(STATUS[name]) in str(caught.value)
    assert repr(other) in str(caught.value)
    assert "bytes" in caught.value.evidence


def test_composed_and_decomposed_text_are_not_the_same() -> None:
    with pytest.raises(Violation, match="message"):
        require_status(document(message='"e\u0301"'), {**STATUS, "message": "\u00e9"})


def test_a_requested_integer_equals_the_float_written() -> None:
    require_status(document(), {**STATUS, "total_epochs": 3})


def test_every_wrong_value_is_named_and_a_long_one_is_shortened() -> None:
    with pytest.raises(Violation) as caught:
        require_status(document(message=json.dumps("x" * 10_000)), {**STATUS, "epoch": 1.0})
    assert "epoch is 2.5 instead of 1.0" in str(caught.value)
    assert "(10002 characters)" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_document_with_a_problem_is_a_violation_that_shows_the_bytes() -> None:
    with pytest.raises(Violation, match="does not hold one valid document: epoch is 0") as caught:
        require_status(document(epoch="0"), {**STATUS, "epoch": 0.0})
    assert caught.value.evidence == {
        "expected": {**STATUS, "epoch": 0.0},
        "bytes": shown(document(epoch="0")),
    }


def test_few_bytes_are_shown_in_full_and_many_by_both_ends() -> None:
    assert shown(b"\xff{}") == "b'\\xff{}' (3 bytes)"
    assert shown(b"a" * 400) == f"{b'a' * 400!r} (400 bytes)"
    assert shown(b"abc" + b"-" * 1000 + b"xyz", limit=6) == "b'abc' … b'xyz' (1006 bytes)"


@pytest.mark.parametrize("given", [2**64 + 1, 10**23, -(2**63) - 1])
def test_an_integer_given_for_a_float_is_compared_as_the_double_that_it_becomes(given: int) -> None:
    require_status(document(loss=repr(float(given))), {**STATUS, "loss": given})
    with pytest.raises(Violation, match="loss is"):
        require_status(document(loss=repr(float(given) * 2)), {**STATUS, "loss": given})
