"""Self-verifying statuses: only a whole one identifies itself."""

import itertools
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from conformance.contract.errors import Violation
from conformance.oracle.document import MEMBERS, STATUSES, examine
from conformance.oracle.payload import Identity, encode, identify, identify_values, make_status

SMALLEST = 190  # bytes: anything smaller has no room for padding


def caught(data: bytes) -> bool:
    try:
        identify(data)
    except Violation:
        return True
    return False


def says_something_else(data: bytes, status: dict[str, Any]) -> bool:
    """Whether bytes are not merely another spelling of the status (``0e0`` for ``0.0``)."""
    try:
        return bool(json.loads(data) != status)
    except ValueError:
        return True


def missed(changes: Iterable[bytes], status: dict[str, Any]) -> list[bytes]:
    """The changes of a status that `identify` accepts."""
    return [data for data in changes if says_something_else(data, status) and not caught(data)]


@given(writer=st.integers(0, 10**6), sequence=st.integers(0, 10**9), size=st.integers(0, 5000))
def test_a_status_is_legal_names_itself_and_has_the_size_asked_for(writer: int, sequence: int, size: int) -> None:
    data = encode(make_status(writer, sequence, size)).encode()
    assert examine(data).problems == ()
    assert identify(data) == (writer, sequence)
    assert len(data) == max(size, len(encode(make_status(writer, sequence))))


def test_a_status_of_one_mebibyte() -> None:
    data = encode(make_status(3, 5, 1 << 20)).encode()
    assert len(data) == 1 << 20
    assert identify(data) == (3, 5)


def test_messages_have_many_shapes() -> None:
    heads = {str(make_status(writer, 5, 400)["message"]).split("5")[0] for writer in range(8)}
    assert len(heads) == 8


def test_statuses_go_through_all_four_words() -> None:
    assert {make_status(0, sequence)["status"] for sequence in range(4)} == set(STATUSES)


def test_different_statuses_are_different_documents() -> None:
    documents = {encode(make_status(writer, sequence)) for writer in range(20) for sequence in range(50)}
    assert len(documents) == 1000


@given(st.permutations(MEMBERS), st.integers(0, 3))
def test_the_spelling_of_the_document_does_not_matter(order: list[str], indent: int) -> None:
    status = make_status(1, 4, 300)
    text = json.dumps({name: status[name] for name in order}, indent=indent)
    assert identify(text.encode()) == (1, 4)
    assert identify_values({name: status[name] for name in order}) == (1, 4)


IDENTITIES: list[Identity] = [(0, 0), (0, 1), (7, 8), (12, 345)]


@pytest.mark.parametrize(("writer", "sequence"), IDENTITIES)
def test_every_change_of_a_single_byte_is_caught(writer: int, sequence: int) -> None:
    status = make_status(writer, sequence, SMALLEST)
    whole = encode(status).encode()
    changes = (
        whole[:position] + bytes([new]) + whole[position + 1 :]
        for position, old in enumerate(whole)
        for new in range(256)
        if new != old
    )
    assert missed(changes, status) == []


@pytest.mark.parametrize(("writer", "sequence"), IDENTITIES)
def test_every_removed_and_every_repeated_byte_is_caught(writer: int, sequence: int) -> None:
    status = make_status(writer, sequence, SMALLEST)
    whole = encode(status).encode()
    changes = (whole[:end] + whole[start:] for at in range(len(whole)) for end, start in ((at, at + 1), (at + 1, at)))
    assert missed(changes, status) == []


def test_every_cut_is_caught() -> None:
    whole = encode(make_status(1, 2, 400)).encode()
    assert not caught(whole)
    assert [length for length in range(len(whole)) if not caught(whole[:length])] == []


@pytest.mark.parametrize("tail", [b"}", b"\0" * 8, encode(make_status(1, 2)).encode()])
def test_every_tail_is_caught(tail: bytes) -> None:
    with pytest.raises(Violation, match="torn: a reader saw bytes that are not one document"):
        identify(encode(make_status(1, 2)).encode() + tail)


@given(
    old=st.tuples(st.integers(0, 3), st.integers(0, 40)),
    new=st.tuples(st.integers(0, 3), st.integers(0, 40)),
    sizes=st.tuples(st.integers(SMALLEST, 600), st.integers(SMALLEST, 600)),
    data=st.data(),
)
def test_a_document_half_written_over_another_is_caught(
    old: Identity, new: Identity, sizes: tuple[int, int], data: st.DataObject
) -> None:
    below, above = encode(make_status(*old, sizes[0])).encode(), encode(make_status(*new, sizes[1])).encode()
    end = data.draw(st.integers(0, len(above)))
    mixed = above[:end] + below[end:]
    assume(says_something_else(mixed, json.loads(below)) and says_something_else(mixed, json.loads(above)))
    with pytest.raises(Violation, match=r"torn|mixed|altered"):
        identify(mixed)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((0, 0), (0, 1)),
        ((0, 1), (0, 5)),
        ((1, 3), (3, 1)),
        ((2, 8), (2, 9)),
        ((0, 10), (1, 10)),
        ((0, 0), (9, 16)),
    ],
)
@pytest.mark.parametrize("sizes", [(0, 0), (300, 300), (300, 500)])
def test_every_mixture_of_members_from_two_documents_is_caught(
    one: Identity, other: Identity, sizes: tuple[int, int]
) -> None:
    first, second = make_status(*one, sizes[0]), make_status(*other, sizes[1])
    mixtures = 0
    for taken in itertools.product([first, second], repeat=len(MEMBERS)):
        mixed = {name: source[name] for name, source in zip(MEMBERS, taken, strict=True)}
        if mixed in (first, second):
            continue
        mixtures += 1
        with pytest.raises(Violation, match="mixed: a reader saw members of different documents"):
            identify_values(mixed)
        with pytest.raises(Violation, match="mixed: a reader saw members of different documents"):
            identify(encode(mixed).encode())
    assert mixtures > 10


@given(st.integers(0, 100), st.integers(0, 100))
def test_numbers_that_a_reader_returns_count_by_their_value(writer: int, sequence: int) -> None:
    # Languages with one kind of number answer 0 for 0.0.
    values = {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in make_status(writer, sequence).items()
    }
    assert identify_values(values) == (writer, sequence)


@pytest.mark.parametrize(
    "change",
    [
        {"total_epochs": True},
        {"epoch": "0.5"},
        {"loss": 0.2500001},
        {"epoch": None},
        {"timestamp": 1_700_000_000.5},
        {"extra": 1},
        {"message": None},
        {"message": ""},
        {"message": "hello"},
        {"message": "worker : step , checkpoint "},
        {"message": "worker 0: step -1, checkpoint 00000000 ."},
        {"message": f"worker 0: step {'9' * 400}, checkpoint 00000000 ."},
        {"message": f"worker 0: step {'9' * 5000}, checkpoint 00000000 ."},
        {"message": "worker 0: step 0, checkpoint 00000000 ."},
        {"message": f"{make_status(0, 0)['message']}."},
        {"message": str(make_status(0, 0)["message"]).removesuffix(".")},
        {"message": str(make_status(0, 0)["message"]).replace("0", "00", 1)},
    ],
    ids=str,
)
def test_values_that_no_status_has_are_caught(change: dict[str, object]) -> None:
    assert make_status(0, 0)["total_epochs"] == 1.0
    with pytest.raises(Violation, match="altered") as raised:
        identify_values({**make_status(0, 0), **change})
    assert "values" in raised.value.evidence


@pytest.mark.parametrize("name", MEMBERS)
def test_a_value_that_a_reader_lost_is_caught(name: str) -> None:
    with pytest.raises(Violation, match="altered"):
        identify_values({other: value for other, value in make_status(1, 2).items() if other != name})


@pytest.mark.parametrize("answer", [[], "idle", 5], ids=str)
def test_an_answer_that_is_no_object_is_caught(answer: Any) -> None:
    with pytest.raises(Violation, match="altered"):
        identify_values(answer)


@pytest.mark.parametrize(
    ("spelling", "change"),
    [
        ("no fraction", lambda text: text.replace(".0,", ",")),
        ("a fraction of seconds", lambda text: text.replace("1700000007", "1700000007.0")),
        ("exponents", lambda text: text.replace('"loss":2.0', '"loss":200e-2')),
        ("a byte-order mark", lambda text: "\ufeff" + text),
        ("a member too many", lambda text: text.replace("{", '{"progress":1,')),
        ("a member twice", lambda text: text.replace("{", '{"loss":2,')),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_document_counts_by_its_values(spelling: str, change: Callable[[str], str]) -> None:
    text = encode(make_status(1, 7))
    assert '"loss":2.0' in text
    assert change(text) != text
    assert identify(change(text).encode()) == (1, 7)


def test_a_member_twice_with_two_values_is_torn() -> None:
    with pytest.raises(Violation, match=r"torn: .*loss occurs twice, with different values"):
        identify(encode(make_status(1, 7)).replace("{", '{"loss":2.25,').encode())


@pytest.mark.parametrize(
    "change",
    [
        {"loss": 2.000001},  # less than what a float of 32 bits keeps
        {"timestamp": 1_700_000_007_000},  # milliseconds
        {"status": "DONE"},
        {"epoch": -4.0},
    ],
    ids=str,
)
def test_what_no_document_holds_is_not_called_mixed(change: dict[str, object]) -> None:
    [(name, value)] = change.items()
    with pytest.raises(Violation, match=rf"^altered: .* values that no writer was given: {name} is {value} instead of"):
        identify(encode({**make_status(1, 7), **change}).encode())


@given(st.integers(0, 1000), st.integers(0, 10**7))
def test_every_parser_reads_the_numbers_exactly(writer: int, sequence: int) -> None:
    for value in make_status(writer, sequence).values():
        if isinstance(value, float):
            assert value > 0
            assert float(f"{value:.2f}") == value
            assert len(str(value)) <= 15  # digits that a decimal number keeps on its way through a double


def test_a_torn_document_is_shown() -> None:
    with pytest.raises(Violation, match=r"torn: .*not one JSON document") as raised:
        identify(b"{")
    assert raised.value.evidence == {"bytes": "b'{' (1 bytes)"}
