"""REF: what a writer must not write, and what it leaves untouched when it refuses."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.errors import Violation
from conformance.oracle.document import shown
from conformance.oracle.payload import make_status
from conformance.oracle.snapshot import snapshot
from conformance.runner.case import Case

STATUS: dict[str, Any] = make_status(writer=1, sequence=1)
NUMBERS = ("epoch", "total_epochs", "loss")

UNKNOWN_STATUS = {
    "absent": {name: value for name, value in STATUS.items() if name != "status"},
    **{
        name: {**STATUS, "status": text}
        for name, text in {
            "empty": "",
            "capital": "Running",
            "upper-case": "IDLE",
            "trailing-space": "idle ",
            "unknown": "finished",
            "two-words": "idle | running",
            "cyrillic-letter": "d\u043ene",
        }.items()
    },
}
NEGATIVE = {
    f"{member}-{name}": {**STATUS, member: value}
    for member in ("epoch", "total_epochs")
    for name, value in {"one": -1.0, "small": -1e-300, "integer": -3, "large": -1e300}.items()
}
NOT_FINITE = {
    f"{member}-{name}": {**STATUS, member: value}
    for member in NUMBERS
    for name, value in {
        "nan": math.nan,
        "infinity": math.inf,
        "minus-infinity": -math.inf,
        "beyond-double": 10**400,
    }.items()
}
WRONG_TYPES = {
    **{
        f"{member}-{name}": {**STATUS, member: value}
        for member in NUMBERS
        for name, value in {
            "string": "1.0",
            "empty-string": "",
            "true": True,
            "false": False,
            "null": None,
            "list": [1.0],
            "object": {},
        }.items()
    },
    **{
        f"status-{name}": {**STATUS, "status": value}
        for name, value in {"null": None, "number": 1, "list": ["idle"]}.items()
    },
    **{
        f"message-{name}": {**STATUS, "message": value}
        for name, value in {
            "null": None,
            "number": 5,
            "true": True,
            "list": ["text"],
            "object": {"text": "x"},
        }.items()
    },
    **{
        f"timestamp-{name}": {**STATUS, "timestamp": value}
        for name, value in {
            "fraction": 1732800000.5,
            "string": "1732800000",
            "true": True,
            "false": False,
            "nan": math.nan,
            "list": [0],
        }.items()
    },
}
UNKNOWN_MEMBERS = {
    "progress": {**STATUS, "progress": 50.0},
    "null": {**STATUS, "dataset": None},
    "other-capital": {**STATUS, "Status": "idle"},
}
OUT_OF_RANGE = {"negative": {**STATUS, "timestamp": -1}, "too-large": {**STATUS, "timestamp": 2**53}}
NOT_JSON = {
    name: {**STATUS, "message": text}
    for name, text in {
        "lone-high-surrogate": "a\ud83d",
        "lone-low-surrogate": "\ude00b",
        "reversed-pair": "\ude00\ud83d",
        "surrogate-escape": "caf\udce9.txt",
    }.items()
}
ONE_OF_EACH = {
    "unknown-status": UNKNOWN_STATUS["unknown"],
    "negative": NEGATIVE["epoch-one"],
    "not-finite": NOT_FINITE["loss-nan"],
    "beyond-double": NOT_FINITE["loss-beyond-double"],
    "string-for-number": WRONG_TYPES["epoch-string"],
    "boolean": WRONG_TYPES["loss-true"],
    "null": WRONG_TYPES["message-null"],
    "timestamp": WRONG_TYPES["timestamp-fraction"],
    "unknown-member": UNKNOWN_MEMBERS["progress"],
    "lone-surrogate": NOT_JSON["lone-high-surrogate"],
}


def require_refused(case: Case, status: dict[str, Any]) -> None:
    """The write must be refused as ``invalid``, and nothing may be written."""
    answer = case.write(case.target, status)
    found = snapshot(case.target)
    if answer.ok or answer.error not in ("invalid", "refused") or found.exists:
        said = "ok" if answer.ok else f"{answer.error}{', and wrote' if found.exists else ''}"
        written = shown(found.data or b"")
        raise Violation(f"did not refuse it as invalid: answered {said}", status=status, written=written)


@pytest.mark.clause("DOC-01")
@pytest.mark.parametrize("name", UNKNOWN_MEMBERS)
def test_unknown_member(case: Case, name: str) -> None:
    require_refused(case, UNKNOWN_MEMBERS[name])


@pytest.mark.clause("DOC-08")
@pytest.mark.parametrize("name", OUT_OF_RANGE)
def test_timestamp_out_of_range(case: Case, name: str) -> None:
    require_refused(case, OUT_OF_RANGE[name])


@pytest.mark.clause("REF-01")
@pytest.mark.parametrize("name", UNKNOWN_STATUS)
def test_status(case: Case, name: str) -> None:
    require_refused(case, UNKNOWN_STATUS[name])


@pytest.mark.clause("REF-02")
@pytest.mark.parametrize("name", NEGATIVE)
def test_negative(case: Case, name: str) -> None:
    require_refused(case, NEGATIVE[name])


@pytest.mark.clause("REF-03")
@pytest.mark.parametrize("name", NOT_FINITE)
def test_not_finite(case: Case, name: str) -> None:
    require_refused(case, NOT_FINITE[name])


@pytest.mark.clause("REF-04")
@pytest.mark.parametrize("name", WRONG_TYPES)
def test_type(case: Case, name: str) -> None:
    require_refused(case, WRONG_TYPES[name])


@pytest.mark.clause("REF-05")
@pytest.mark.parametrize("name", NOT_JSON)
def test_text(case: Case, name: str) -> None:
    require_refused(case, NOT_JSON[name])


def require_refusal_without_trace(case: Case, status: dict[str, Any], present: set[str]) -> None:
    """The refusal must say ``invalid``, and target and listing must be as they were."""
    before = snapshot(case.target)
    answer = case.write(case.target, status)
    if answer.ok or answer.error not in ("invalid", "refused"):
        raise Violation(f"expected the failure invalid, got {'ok' if answer.ok else answer.error}", status=status)
    changed = before.difference(snapshot(case.target))
    if changed:
        raise Violation(f"the refusal changed the target: {changed}", status=status)
    case.require_listing(case.folder, present, "after the refusal")


@pytest.mark.clause("REF-06")
@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_existing_target_is_untouched(case: Case, name: str) -> None:
    put(case.target)
    case.hand_over()
    require_refusal_without_trace(case, ONE_OF_EACH[name], {case.target.name})


@pytest.mark.clause("REF-06")
@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_missing_target_stays_missing(case: Case, name: str) -> None:
    require_refusal_without_trace(case, ONE_OF_EACH[name], set())


@pytest.mark.clause("REF-06")
@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_next_write_works(case: Case, name: str) -> None:
    case.write(case.target, ONE_OF_EACH[name])
    case.require_ok(case.write(case.target, STATUS), "the write after a refusal")
    case.require_holds(case.target, STATUS)


def put(target: Path) -> None:
    """An old document, made by the kit."""
    target.write_bytes(b'{"status":"idle","epoch":0.0,"total_epochs":0.0,"loss":0.0,"message":"old","timestamp":1}')
