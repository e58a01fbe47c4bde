"""The six fields: built, refused, serialised, parsed and derived (DOC, REF, RDR-05, RDR-06, RDR-13)."""

import enum
import json
import math
import time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse.status import (
    MEMBERS,
    SIZE_LIMIT,
    STATUSES,
    InvalidStatus,
    TrainingStatus,
    decode_object,
    from_members,
    parse,
    progress,
    serialise,
)

IDLE = {
    "status": "idle",
    "epoch": 0.0,
    "total_epochs": 0.0,
    "loss": 0.0,
    "message": "Waiting to start...",
    "timestamp": 1764345613,
}

finite = st.floats(allow_nan=False, allow_infinity=False)
not_negative = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
statuses = st.fixed_dictionaries(
    {
        "status": st.sampled_from(STATUSES),
        "epoch": not_negative,
        "total_epochs": not_negative,
        "loss": finite,
        "message": st.text(st.characters(exclude_categories=["Cs"])),
        "timestamp": st.integers(0, 2**53 - 1),
    }
)


class TestCreate:
    def test_has_exactly_the_six_members_in_the_order_of_the_contract(self) -> None:
        assert list(TrainingStatus.create("idle")) == list(MEMBERS)

    def test_takes_the_defaults_of_the_contract(self) -> None:
        before = int(time.time())
        status = TrainingStatus.create("idle")
        now = status["timestamp"]
        assert before <= now <= int(time.time())
        assert status == {**IDLE, "message": "", "timestamp": now}

    @pytest.mark.parametrize(("clock", "timestamp"), [(-86400.5, 0), (1e20, 2**53 - 1)])
    def test_a_clock_that_is_wrong_makes_no_invalid_status(
        self, monkeypatch: pytest.MonkeyPatch, clock: float, timestamp: int
    ) -> None:
        monkeypatch.setattr("time.time", lambda: clock)
        assert parse(serialise(TrainingStatus.create("idle")))["timestamp"] == timestamp

    def test_keeps_a_timestamp_of_zero(self) -> None:
        assert TrainingStatus.create("idle", timestamp=0)["timestamp"] == 0

    @pytest.mark.parametrize("number", [3, True + 2.0, Fraction(6, 2), type("Loss", (float,), {})(3)])
    def test_casts_every_real_number_to_float(self, number: Any) -> None:
        status = TrainingStatus.create("running", number, number, number)
        numbers = [status["epoch"], status["total_epochs"], status["loss"]]
        assert numbers == [3.0] * 3
        assert {type(value) for value in numbers} == {float}

    def test_allows_an_epoch_beyond_the_total_and_a_negative_loss(self) -> None:
        status = TrainingStatus.create("running", 4.0, 3.0, -1.5)
        assert (status["epoch"], status["loss"]) == (4.0, -1.5)

    def test_turns_subclasses_of_str_into_plain_strings(self) -> None:
        kind = enum.Enum("kind", {"running": "running"}, type=str)
        status = TrainingStatus.create(kind["running"].value, message=type("Text", (str,), {})("hi"))
        assert (type(status["status"]), type(status["message"])) == (str, str)

    @pytest.mark.parametrize("status", ["", "Idle", "running ", "paused", None, 1, True, ["idle"], b"idle"])
    def test_refuses_an_unknown_status(self, status: Any) -> None:
        with pytest.raises(InvalidStatus, match="status must be one of idle, running, done, error"):
            TrainingStatus.create(status)

    @pytest.mark.parametrize("name", ["epoch", "total_epochs"])
    @pytest.mark.parametrize("value", [-1, -0.5, -5e-324])
    def test_refuses_negative_epochs(self, name: str, value: float) -> None:
        with pytest.raises(InvalidStatus, match=f"{name} must not be negative"):
            from_members({"status": "running", name: value}, complete=False)

    @pytest.mark.parametrize("name", ["epoch", "total_epochs", "loss"])
    @pytest.mark.parametrize(
        "value",
        [
            math.nan,
            math.inf,
            -math.inf,
            10**400,
            pytest.param(10**5000, id="5001 digits"),
            True,
            False,
            None,
            "1.0",
            [1.0],
            1j,
            b"1",
        ],
    )
    def test_refuses_what_is_not_a_finite_number(self, name: str, value: Any) -> None:
        with pytest.raises(InvalidStatus, match=f"{name} must"):
            from_members({"status": "running", name: value}, complete=False)

    @pytest.mark.parametrize("value", [None, 1, b"text", ["text"]])
    def test_refuses_a_message_that_is_not_a_string(self, value: Any) -> None:
        with pytest.raises(InvalidStatus, match="message must be a string"):
            TrainingStatus.create("idle", message=value)

    @pytest.mark.parametrize("text", ["\ud800", "ok \udfff", "\udc80x"])
    def test_refuses_lone_surrogates(self, text: str) -> None:
        with pytest.raises(InvalidStatus, match="lone surrogate"):
            TrainingStatus.create("idle", message=text)

    @pytest.mark.parametrize("value", [True, 1.0, "1", -1, 2**53, pytest.param(10**5000, id="5001 digits"), [1]])
    def test_refuses_a_timestamp_that_is_not_a_count_of_seconds(self, value: Any) -> None:
        with pytest.raises(InvalidStatus, match="timestamp must be"):
            TrainingStatus.create("idle", timestamp=value)

    def test_refusals_are_value_errors_of_one_short_line(self) -> None:
        with pytest.raises(ValueError, match="status must") as refusal:
            TrainingStatus.create("x" * 10_000)
        assert len(str(refusal.value)) < 200


class TestFromMembers:
    def test_refuses_an_unknown_member(self) -> None:
        with pytest.raises(InvalidStatus, match="unknown member 'progress'"):
            from_members({"status": "idle", "progress": 1}, complete=False)

    def test_needs_a_status_even_when_the_rest_may_be_absent(self) -> None:
        with pytest.raises(InvalidStatus, match="status is missing"):
            from_members({"epoch": 1.0}, complete=False)

    def test_an_explicit_null_timestamp_does_not_mean_now(self) -> None:
        with pytest.raises(InvalidStatus, match="leave it out"):
            from_members({"status": "idle", "timestamp": None}, complete=False)


class TestSerialise:
    def test_has_the_layout_of_the_contract(self) -> None:
        assert serialise(IDLE) == json.dumps(IDLE, indent=2, ensure_ascii=False).encode()

    @given(statuses)
    def test_is_what_json_would_write_and_comes_back_the_same(self, status: dict[str, Any]) -> None:
        document = serialise(status)
        in_order = {name: status[name] for name in MEMBERS}
        assert document == json.dumps(in_order, indent=2, ensure_ascii=False).encode()
        assert parse(document) == status

    @pytest.mark.parametrize("name", MEMBERS)
    def test_refuses_a_status_that_lacks_a_member(self, name: str) -> None:
        with pytest.raises(InvalidStatus, match=f"{name} is missing"):
            serialise({key: value for key, value in IDLE.items() if key != name})

    def test_refuses_a_document_over_the_readers_limit(self) -> None:
        room = SIZE_LIMIT - len(serialise({**IDLE, "message": ""}))
        assert len(serialise({**IDLE, "message": "x" * room})) == SIZE_LIMIT
        with pytest.raises(InvalidStatus, match="shorten message"):
            serialise({**IDLE, "message": "x" * (room + 1)})


def document(**changes: str) -> bytes:
    """A document whose members are JSON texts, some of them changed."""
    texts = {name: json.dumps(value) for name, value in IDLE.items()} | changes
    return ("{" + ", ".join(f'"{name}": {text}' for name, text in texts.items()) + "}").encode()


class TestParse:
    def test_order_and_white_space_are_free(self) -> None:
        shuffled = " \r\n\t" + json.dumps(dict(sorted(IDLE.items())), indent=7) + "\n\n"
        assert parse(shuffled.encode()) == IDLE

    def test_takes_an_integer_token_for_a_float_and_returns_a_float(self) -> None:
        status = parse(document(epoch="2", loss="-3"))
        assert (status["epoch"], type(status["epoch"]), status["loss"]) == (2.0, float, -3.0)

    @pytest.mark.parametrize(
        "broken",
        [
            b"",
            b" ",
            b"null",
            b"[]",
            b"1",
            b"{}",
            b"\xef\xbb\xbf" + document(),
            document() + b"x",
            document() + document(),
            document() + b"\0",
            document().decode().encode("utf-16"),
            document(message='"\xff"').replace("ÿ".encode(), b"\xff"),
            document(message='"\\ud800"'),
            document(message='"a\nb"'),
            document(message="null"),
            document(status='"Idle"'),
            document(status="null"),
            document(epoch="NaN"),
            document(epoch="Infinity"),
            document(loss="-Infinity"),
            document(loss="1e400"),
            document(loss="1" * 400),
            document(loss="1" * 4301),
            document(loss='"0.0"'),
            document(loss="true"),
            document(loss="01"),
            document(loss="[" * 100_000 + "]" * 100_000),
            document(total_epochs="-1"),
            document(timestamp="1.0"),
            document(timestamp="1e3"),
            document(timestamp="-1"),
            document(timestamp="null"),
            document(timestamp="true"),
            document(timestamp=str(2**53)),
            document(extra="0"),
            document()[:-1] + b', "epoch": 0.0}',
            document().replace(b"}", b",}"),
            document(message='"' + "x" * SIZE_LIMIT + '"'),
        ],
        ids=lambda broken: repr(broken[:12] + b".." + broken[-24:]),
    )
    def test_refuses_everything_else(self, broken: bytes) -> None:
        with pytest.raises(InvalidStatus):
            parse(broken)

    def test_refuses_every_prefix_of_a_document(self) -> None:
        whole = serialise({**IDLE, "message": "шаг 1"})
        for cut in range(len(whole)):
            with pytest.raises(InvalidStatus):
                parse(whole[:cut])

    def test_decode_object_takes_any_object(self) -> None:
        assert decode_object(b'{"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}


class TestHints:
    @pytest.mark.parametrize("name", ["epoch", "total_epochs", "loss"])
    def test_a_tensor_and_a_decimal_can_be_made_a_float(self, name: str) -> None:
        class Tensor:
            def __float__(self) -> float:
                return 0.5

        for value in (Tensor(), Decimal("0.5")):
            with pytest.raises(InvalidStatus, match=rf"\(use float\({name}\)\)"):
                TrainingStatus.create("running", **{name: value})  # type: ignore[arg-type]  # the point of the test

    def test_a_float_can_be_made_whole_seconds(self) -> None:
        with pytest.raises(InvalidStatus, match=r"\(use int\(timestamp\)\)"):
            TrainingStatus.create("running", timestamp=1764345613.5)  # type: ignore[arg-type]  # the point of the test

    @pytest.mark.parametrize("value", [True, "0.5", None, [0.5], 1j])
    def test_nothing_else_can(self, value: Any) -> None:
        for name in ("epoch", "timestamp"):
            with pytest.raises(InvalidStatus) as refusal:
                from_members({"status": "running", name: value}, complete=False)
            assert "(use " not in str(refusal.value)


class TestDerived:
    @pytest.mark.parametrize(
        ("epoch", "total", "percent"),
        [
            (2.5, 3.0, 83.33333333333334),
            (0.0, 0.0, 0.0),
            (5.0, 0.0, 0.0),
            (0.0, 3.0, 0.0),
            (3.0, 3.0, 100.0),
            (4.0, 3.0, 100.0),
            (1e308, 1e-308, 100.0),
        ],
    )
    def test_progress_is_clamped(self, epoch: float, total: float, percent: float) -> None:
        assert progress({"epoch": epoch, "total_epochs": total}) == percent

    def test_progress_is_never_minus_zero(self) -> None:
        assert str(progress({"epoch": -0.0, "total_epochs": 3.0})) == "0.0"
