"""Documents by value, in whatever tokens: what clauses outside DOC, LIF and RDR compare."""

from __future__ import annotations

import json

import pytest

from conformance.contract.errors import Violation
from conformance.oracle.document import read_values, require_values
from conformance.oracle.payload import make_status

STATUS = make_status(1, 7)


def document(**tokens: str) -> bytes:
    """The document with other tokens for some members."""
    members = {name: json.dumps(value) for name, value in STATUS.items()} | tokens
    return ("{" + ",".join(f'"{name}":{token}' for name, token in members.items()) + "}").encode()


class TestByValue:
    """Tokens are for the clauses DOC alone."""

    @pytest.mark.parametrize("text", ["3", "3.0", "30e-1", "0.3E+1"])
    def test_numbers_count_as_doubles(self, text: str) -> None:
        require_values(document(total_epochs=text, timestamp=f"{STATUS['timestamp']}.0"), {**STATUS, "total_epochs": 3})

    def test_one_that_differs_is_named(self) -> None:
        with pytest.raises(Violation, match=r"loss is 7 instead of 0\.25"):
            require_values(document(loss="7"), {**STATUS, "loss": 0.25})

    @pytest.mark.parametrize("text", ["true", '"3.0"', "null", "NaN", "[3.0]"])
    def test_no_number_is_one(self, text: str) -> None:
        with pytest.raises(Violation, match="total_epochs is"):
            require_values(document(total_epochs=text), {**STATUS, "total_epochs": 1})

    def test_a_long_integer_is_a_double(self) -> None:
        assert read_values(document(loss="1" + "0" * 5000))["loss"] == float("inf")

    @pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b'{"status":"idle"}', document() + document()])
    def test_what_is_no_document_is_torn(self, data: bytes) -> None:
        with pytest.raises(Violation, match=r"^torn: "):
            require_values(data, STATUS)
