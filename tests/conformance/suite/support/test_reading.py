"""What counts as the same status in a reader's answer."""

from typing import Any

import pytest

from conformance.contract.errors import Violation
from conformance.oracle.payload import make_status
from conformance.suite.support.reading import lost_by_poll, require_equal, require_not_of, require_polled

STATUS = make_status(0, 3)


def with_(**members: Any) -> dict[str, Any]:
    return {**STATUS, **members}


@pytest.mark.parametrize(
    ("found", "expected"),
    [(3, 3.0), (18446744073709552000, 2.0**64), (9223372036854775808, 2.0**63), (10**23, 1e23), (0, -0.0)],
)
def test_an_integer_that_rounds_to_the_double_is_that_double(found: int, expected: float) -> None:
    require_equal(with_(loss=found), with_(loss=expected), "read")


@pytest.mark.parametrize(
    "found", [18446744073709560000, 10**400, True, "18446744073709552000"], ids=lambda value: str(value)[:20]
)
def test_anything_else_is_another_value(found: Any) -> None:
    with pytest.raises(Violation, match="not those of the document"):
        require_equal(with_(loss=found), with_(loss=2.0**64), "read")


def test_timestamps_are_compared_as_integers() -> None:
    with pytest.raises(Violation):
        require_equal(with_(timestamp=2**53 + 1), with_(timestamp=2**53), "read")


def test_null_is_no_status() -> None:
    require_equal(None, None, "read")
    with pytest.raises(Violation, match=r"^read: a valid document was read as null$"):
        require_equal(None, STATUS, "read")
    with pytest.raises(Violation, match="expected null"):
        require_equal(STATUS, None, "read")


def test_null_in_place_of_a_status_is_said_to_be_null() -> None:
    with pytest.raises(Violation, match="read: a valid document was read as null"):
        require_equal(None, STATUS, "read")
    with pytest.raises(Violation, match="poll: a valid document was polled as null"):
        require_equal(None, STATUS, "poll", lost_by_poll(True))
    with pytest.raises(Violation, match="poll: the last valid status was lost: null"):
        require_equal(None, STATUS, "poll", lost_by_poll(False))


def test_the_document_of_a_neighbour_is_named() -> None:
    neighbours = {"status.json.bak": STATUS}
    require_not_of(neighbours, None, "a read")
    require_not_of(neighbours, with_(loss=0.75), "a read")
    with pytest.raises(Violation, match=r"a read gave the document of status\.json\.bak"):
        require_not_of(neighbours, dict(STATUS), "a read")


def test_a_poll_that_keeps_a_status_is_not_said_to_have_read_it_wrongly() -> None:
    with pytest.raises(Violation, match="it: poll kept the status before"):
        require_polled((with_(loss=0.5), False), STATUS, True, "it")


@pytest.mark.parametrize(
    ("polled", "words"),
    [
        ((with_(loss=0.5), True), "it: the values are not those of the document"),
        ((STATUS, False), "it: poll says fresh = False, expected True"),
        ((None, False), "it: a valid document was polled as null"),
    ],
)
def test_a_poll_of_a_valid_document_gives_it_and_says_fresh(polled: tuple[Any, Any], words: str) -> None:
    with pytest.raises(Violation, match=words):
        require_polled(polled, STATUS, True, "it")
