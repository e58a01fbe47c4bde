"""DOC: what a written document must contain."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from conformance.contract.errors import NotApplicable, Violation
from conformance.oracle.document import SIZE_LIMIT, STATUSES, examine, require_status, shown
from conformance.runner.case import Case
from conformance.suite.helpers.locales import decimal_comma, time_zone
from conformance.suite.support.writing import LIFE, require_now, written

SAME = 5  # writes, and processes, whose bytes are compared in one environment before the other one is blamed
AGE = 4.0  # seconds since a process had started: more than a timestamp may be off, and a second cut off
NUMBERS = {
    "zero": 0.0,
    "fraction": 2.5,
    "not-a-binary-fraction": 0.1,
    "large-integer": 9007199254740993.0,
    "large": 1.7976931348623157e308,
    "tiny": 5e-324,
    "exponent": 1e-7,
    "exponent-large": 1e21,
    "integer-given": 3,
    "large-integer-given": 10**15,
    "larger-integer-given": 10**20,  # a double holds it exactly, and no integer of 64 bits does
}
LOSSES = {**NUMBERS, "negative": -0.342, "negative-large": -1e300, "negative-integer-given": -7}
MESSAGES = {
    "empty": "",
    "cyrillic": "эпоха 2 из 3, потеря 0,342",
    "emoji": "done 🎉 \U0001f468\u200d\U0001f4bb",
    "chinese": "训练完成",
    "right-to-left": "אימון \u202b הסתיים",
    "combining": "e\u0301 is not \u00e9",
    "quotes": "he said \"no\" \\ yes / and 'so'",
    "control-characters": "".join(map(chr, range(0x20))) + "\x7f\x80\x9f",
    "line-ends": "a\nb\r\nc\rd\u2028e\u2029f\u0085g",
    "edge-of-planes": "\ufffd\uffff\U00010000\U0010ffff",
    "noncharacters": "\ufdd0\ufdef\ufffe\U0001fffe\U0010fffe",
    "byte-order-mark-inside": "a\ufeffb",
    "json-inside": '{"status": "done"}',
    "surrounding-space": "  \t spaced \n ",
    "long": "0123456789abcdef" * 4096,
}
# What programs between a trainer and its file change: those that show, log, format, expand or compare text.
CHANGED_BY_OTHERS = {
    "colour codes": "\x1b[31mred\x1b[0m \x1b]0;title\x07",
    "signs that are not seen": "❤\ufe0f 1\ufe0f\u20e3 co\u00adop \u200bx\u2060 \u200e \U000e0061",
    "private use": "\ue000 \uf8ff \U000f0000 \U0010fffd",
    "markup": "a & b &amp; <b>c</b> &#65; %41 a+b *bold* `code` [x](y) :tada:",
    "places for values": "100%% of 50 %s %(x)s {} {0} {{x}} ${x} {{ x }}",
    "backslashes": "C:\\\\new C:\\new \\u0041 \\x41 \\0 \\",
    "a shell's signs": "~/x $HOME ${HOME} %PATH% `date` $(date) ~ !! *.json",
    "a home": "~/x",
    "secrets": "token=abc password=abc key=abc Authorization: Bearer abc https://me:abc@host/ abc@host.org",
    "typography": "\"a\" -- 'b' ... (c) 1/2 \u201cc\u201d \u2026 \uff21 \ufb01",
    "repetitions": "a  b   c\tand  and\n\n\n\nd",
    "null": "null",
    "NaN": "NaN",
    "a number": "1.50",
    "a comment": "# a // b /* c */ -- d",
}

PROPERTY = hypothesis.settings(
    max_examples=40,
    # Hypothesis's examples share the folder of the case on purpose: each write replaces the one before.
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
NOT_NEGATIVE = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
SECONDS = st.integers(0, 2**53 - 1)
ANY_STATUS = st.fixed_dictionaries(
    {
        "status": st.sampled_from(STATUSES),
        "epoch": NOT_NEGATIVE,
        "total_epochs": NOT_NEGATIVE,
        "loss": FINITE,
        "message": TEXT,
        "timestamp": SECONDS,
    }
)


def require_clause(data: bytes, clause: str) -> None:
    """Raise Violation when the bytes break this clause."""
    problems = examine(data).breaking(clause)
    if problems:
        raise Violation("; ".join(problems), bytes=shown(data))


def with_(**members: Any) -> dict[str, Any]:
    """The running example with other values for some members."""
    return {**LIFE["running"], **members}


@pytest.mark.clause("DOC-01")
@pytest.mark.parametrize("name", LIFE)
def test_members(case: Case, name: str) -> None:
    require_clause(written(case, LIFE[name]), "DOC-01")


@pytest.mark.clause("DOC-01")
def test_members_with_defaults(case: Case) -> None:
    require_clause(written(case, {"status": "idle"}), "DOC-01")


@pytest.mark.clause("DOC-02")
@pytest.mark.parametrize("name", LIFE)
def test_no_duplicates(case: Case, name: str) -> None:
    require_clause(written(case, LIFE[name]), "DOC-02")


@pytest.mark.clause("DOC-03")
@pytest.mark.parametrize("name", STATUSES)
def test_status(case: Case, name: str) -> None:
    data = written(case, with_(status=name))
    require_clause(data, "DOC-03")
    if (found := examine(data).values["status"]) != name:
        raise Violation(f"status is {found}, expected {name}", bytes=shown(data))


@pytest.mark.clause("DOC-04")
@pytest.mark.parametrize("name", NUMBERS)
def test_epoch(case: Case, name: str) -> None:
    require_number(case, "DOC-04", "epoch", NUMBERS[name])


@pytest.mark.clause("DOC-05")
@pytest.mark.parametrize("name", NUMBERS)
def test_total_epochs(case: Case, name: str) -> None:
    require_number(case, "DOC-05", "total_epochs", NUMBERS[name])


@pytest.mark.clause("DOC-06")
@pytest.mark.parametrize("name", LOSSES)
def test_loss(case: Case, name: str) -> None:
    require_number(case, "DOC-06", "loss", LOSSES[name])


def require_number(case: Case, clause: str, member: str, number: float) -> None:
    """Have the number written; it must come back as that very double, with a fraction or an exponent."""
    data = written(case, with_(**{member: number}))
    require_clause(data, clause)
    found = examine(data).values[member]
    if found != float(number):
        raise Violation(f"{member} is {found!r}, expected {number!r}", bytes=shown(data))


@pytest.mark.clause("DOC-04")
@PROPERTY
@hypothesis.given(value=NOT_NEGATIVE)
def test_any_epoch(case: Case, value: float) -> None:
    require_number(case, "DOC-04", "epoch", value)


@pytest.mark.clause("DOC-05")
@PROPERTY
@hypothesis.given(value=NOT_NEGATIVE)
def test_any_total_epochs(case: Case, value: float) -> None:
    require_number(case, "DOC-05", "total_epochs", value)


@pytest.mark.clause("DOC-06")
@PROPERTY
@hypothesis.given(value=FINITE)
def test_any_loss(case: Case, value: float) -> None:
    require_number(case, "DOC-06", "loss", value)


@pytest.mark.clause("DOC-07")
@pytest.mark.parametrize("name", MESSAGES)
def test_message(case: Case, name: str) -> None:
    require_message(case, MESSAGES[name])


@pytest.mark.clause("DOC-07")
@PROPERTY
@hypothesis.given(text=TEXT)
def test_any_message(case: Case, text: str) -> None:
    require_message(case, text)


@pytest.mark.clause("DOC-07")
def test_message_that_others_would_change(case: Case) -> None:
    for what, text in CHANGED_BY_OTHERS.items():
        require_message(case, text, f" ({what})")


def require_message(case: Case, text: str, what: str = "") -> None:
    """Have the message written; every code point must come back."""
    data = written(case, with_(message=text))
    require_clause(data, "DOC-07")
    found = examine(data).values["message"]
    if found != text:
        raise Violation(f"the message is not the one given{what}", given=ascii(text)[:300], found=ascii(found)[:300])


@pytest.mark.clause("DOC-08")
@pytest.mark.parametrize("seconds", [0, 1, 1732800000, 2**31, 2**32, 2**53 - 1])
def test_explicit_timestamp(case: Case, seconds: int) -> None:
    require_timestamp(case, seconds)


@pytest.mark.clause("DOC-08")
@PROPERTY
@hypothesis.given(seconds=SECONDS)
def test_any_timestamp(case: Case, seconds: int) -> None:
    require_timestamp(case, seconds)


def require_timestamp(case: Case, seconds: int) -> None:
    """Have the timestamp written; it must come back as that integer."""
    data = written(case, with_(timestamp=seconds))
    require_clause(data, "DOC-08")
    found = examine(data).values["timestamp"]
    if found != seconds:
        raise Violation(f"timestamp is {found}, expected {seconds}", bytes=shown(data))


@pytest.mark.clause("DOC-08")
def test_omitted_timestamp(case: Case) -> None:
    require_now(case, {"status": "running", "epoch": 1.0})


@pytest.mark.clause("DOC-08")
def test_omitted_timestamp_after_a_while(case: Case) -> None:
    """*Now* is the moment of the write, and not that of the start, as of a default argument in Python."""
    if (ready := case.implementation.ready) is None:
        raise NotApplicable("a process for each request has only just started")
    time.sleep(max(0.0, ready + AGE - time.monotonic()))
    require_now(case, {"status": "running", "epoch": 1.0})


@pytest.mark.clause("DOC-08")
def test_omitted_timestamp_after_a_later_one(case: Case) -> None:
    """*Now* is what the clock says, and no less than that where an earlier document lies in the future."""
    case.require_ok(case.write(case.target, with_(timestamp=2**53 - 1)))
    require_now(case, {"status": "running", "epoch": 1.0})


ZONES = {
    "a-quarter-off": "Asia/Kathmandu",  # UTC+5:45
    "northern-summer": "America/New_York",
    "southern-summer": "Australia/Lord_Howe",  # its summer time is half an hour
    # Summer time all year round, as POSIX spells it: a program that forgets about it is found in winter, too.
    "always-summer": "AAA-9:30BBB-11,0/0,J365/25",
    "west": "XXX+3:30",
}


@pytest.mark.clause("DOC-08")
@pytest.mark.parametrize("zone", ZONES)
def test_omitted_timestamp_in_another_zone(case: Case, zone: str) -> None:
    """Local time taken for UTC, or the reverse, shows nowhere but outside UTC."""
    require_now(case, {"status": "running", "epoch": 1.0}, by=case.start(environment=time_zone(ZONES[zone])))


@pytest.mark.clause("DOC-09")
@pytest.mark.parametrize("name", [*LIFE, "cyrillic", "emoji", "line-ends", "edge-of-planes", "long"])
def test_one_utf8_document(case: Case, name: str) -> None:
    status = LIFE[name] if name in LIFE else with_(message=MESSAGES[name])
    require_clause(written(case, status), "DOC-09")


@pytest.mark.clause("DOC-09")
@PROPERTY
@hypothesis.given(status=ANY_STATUS)
def test_any_allowed_status_round_trips(case: Case, status: dict[str, Any]) -> None:
    """A value that is refused or lost is for the clause of its member, unless that comes of the values beside it."""
    answer = case.write(case.target, status)
    if answer.error != "invalid":
        case.require_ok(answer)
        data = case.bytes_at(case.target)
        require_clause(data, "DOC-09")
        if len(data) > SIZE_LIMIT:
            raise Violation(f"a short status became {len(data)} bytes")
        if holds(data, status):
            return
    if all(is_written_alone(case, name, value) for name, value in status.items()):
        case.require_ok(case.write(case.target, status), "a status whose values are all written one by one")
        require_status(case.bytes_at(case.target), status)


def is_written_alone(case: Case, name: str, value: Any) -> bool:
    """Whether the running example with this value is written as it is given."""
    status = with_(**{name: value})
    answer = case.write(case.target, status)
    return answer.ok and holds(case.bytes_at(case.target), status)


def holds(data: bytes, status: dict[str, Any]) -> bool:
    """Whether the bytes are one valid document with exactly these values."""
    try:
        require_status(data, status)
    except Violation:
        return False
    return True


ENVIRONMENTS = {
    "plain-c-locale": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ascii-streams": {
        "PYTHONIOENCODING": "ascii",
        "LC_ALL": "POSIX",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    },
    "other-time-zone": {"TZ": "Asia/Kathmandu"},
}


@pytest.mark.clause("DOC-10")
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_bytes_do_not_depend_on(case: Case, name: str) -> None:
    require_same_bytes(case, ENVIRONMENTS[name])


@pytest.mark.clause("DOC-10")
def test_bytes_do_not_depend_on_the_decimal_point(case: Case) -> None:
    (case.folder / "locales").mkdir()
    require_same_bytes(case, decimal_comma(case.folder / "locales"))


def require_same_bytes(case: Case, environment: Mapping[str, str]) -> None:
    """Have one document written in the usual environment and in this one; not a byte may differ.

    Bytes that differ in one environment, too, say nothing of the other.
    """
    status = with_(message=MESSAGES["cyrillic"] + MESSAGES["emoji"] + MESSAGES["line-ends"], epoch=12345.5)
    usual = written(case, status)
    elsewhere = case.folder / "elsewhere.json"
    case.require_ok(case.write(elsewhere, status, by=case.start(environment=environment)))
    found = case.bytes_at(elsewhere)
    if found == usual:
        return
    again = [case.implementation] * SAME + [case.start() for _ in range(SAME)]
    for writer in again:
        case.require_ok(case.write(elsewhere, status, by=writer))
        if (another := case.bytes_at(elsewhere)) != usual:
            what = "write to write" if writer is case.implementation else "process to process"
            text = f"the bytes differ from {what} in one environment"
            raise Violation(text, usual=shown(usual), found=shown(another))
    raise Violation("the bytes differ from those of a usual environment", usual=shown(usual), found=shown(found))
