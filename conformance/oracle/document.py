"""The kit's own judge of the bytes of a document. It never uses the implementation's code, nor the reference's.

It keeps the JSON *tokens*, because the contract is about them (``0.0``, not ``0``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from conformance.contract.errors import Violation

__all__ = [
    "MEMBERS",
    "SIZE_LIMIT",
    "STATUSES",
    "Examination",
    "Problem",
    "Token",
    "examine",
    "read_values",
    "require_status",
    "require_values",
    "shown",
]

MEMBERS = ("status", "epoch", "total_epochs", "loss", "message", "timestamp")
STATUSES = ("idle", "running", "done", "error")
SIZE_LIMIT = 1024 * 1024  # bytes: the most that a reader accepts
TIMESTAMP_LIMIT = 2**53 - 1  # seconds
_CLAUSE_OF_FLOAT = {"epoch": "DOC-04", "total_epochs": "DOC-05", "loss": "DOC-06"}


@dataclass(frozen=True)
class Token:
    """A number as it stands in the document."""

    kind: Literal["integer", "float", "constant"]
    text: str


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a document, and the clause that it breaks."""

    clause: str
    text: str


@dataclass(frozen=True)
class Examination:
    """What a document says and what is wrong with it. ``values`` has all six members when there is no problem."""

    values: Mapping[str, Any]
    problems: tuple[Problem, ...]

    def breaking(self, clause: str) -> tuple[str, ...]:
        """The problems that break this clause; a document that cannot be read at all breaks every DOC clause."""
        unreadable = [problem for problem in self.problems if problem.clause == "DOC-09"]
        return tuple(problem.text for problem in (unreadable or self.problems) if problem.clause in (clause, "DOC-09"))


def examine(data: bytes) -> Examination:
    """Judge the bytes of a status file against DOC-01…09 as a *writer* must leave them."""
    try:
        text = data.decode("utf-8", "strict")
        if text.startswith("\ufeff"):
            return _unreadable("begins with a byte order mark")
        return _examine_members(_pairs_of(text))
    except UnicodeDecodeError as error:
        return _unreadable(f"not UTF-8: {error}")
    except ValueError as error:
        return _unreadable(str(error))


def read_values(data: bytes) -> dict[str, Any]:
    """What the six members say by value, in whatever tokens: what clauses outside DOC and LIF compare.

    A byte-order mark, members too many and a member that is repeated with the same value do not matter here. Integers
    stay integers: ``3`` equals ``3.0``. Raises ValueError, with the reason, when the bytes are no document at all.
    """
    pairs = _pairs_of(data.decode("utf-8", "strict").removeprefix("\ufeff"))
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in MEMBERS:
            said = _number(value) if isinstance(value, Token) else value
            if name in values and values[name] != said:
                raise ValueError(f"{name} occurs twice, with different values")
            values[name] = said
    if missing := sorted(set(MEMBERS) - values.keys()):
        raise ValueError(f"members missing: {missing}")
    return values


def _number(token: Token) -> int | float:
    # A long integer is out of the question, and too long for `int`.
    return int(token.text) if token.kind == "integer" and len(token.text) <= 15 else float(token.text)


def _pairs_of(text: str) -> _Pairs:
    """The members of the one JSON object that a text is. Raises ValueError with the reason."""
    try:
        pairs = json.loads(
            text,
            object_pairs_hook=_Pairs,
            parse_int=lambda token: Token("integer", token),
            parse_float=lambda token: Token("float", token),
            parse_constant=lambda token: Token("constant", token),
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"not one JSON document: {error}") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(pairs, _Pairs):
        raise ValueError("not a JSON object")
    return pairs


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object in their order, duplicates kept."""


def _unreadable(text: str) -> Examination:
    return Examination({}, (Problem("DOC-09", text),))


def _examine_members(pairs: _Pairs) -> Examination:
    names = [name for name, _ in pairs]
    members = dict(pairs)
    problems = []
    if members.keys() != set(MEMBERS):
        missing = sorted(set(MEMBERS) - members.keys())
        unknown = sorted(members.keys() - set(MEMBERS))
        problems.append(Problem("DOC-01", f"members missing: {missing}, unknown: {unknown}"))
    if len(names) != len(members):
        twice = sorted({name for name in names if names.count(name) > 1})
        problems.append(Problem("DOC-02", f"members that occur more than once: {twice}"))
    values: dict[str, Any] = {}
    for name in members.keys() & set(MEMBERS):
        judged = _judge_member(name, members[name])
        if isinstance(judged, Problem):
            problems.append(judged)
        else:
            values[name] = judged
    return Examination(values, tuple(sorted(problems, key=lambda problem: problem.clause)))


def _judge_member(name: str, value: Any) -> Any:
    if name in _CLAUSE_OF_FLOAT:
        return _judge_float(name, value)
    if name == "status":
        if isinstance(value, str) and value in STATUSES:
            return value
        return Problem("DOC-03", f"status is {_written(value)}")
    if name == "timestamp":
        if isinstance(value, Token) and value.kind == "integer":
            digits = value.text.removeprefix("-").lstrip("0") or "0"
            if value.text == "0" or (not value.text.startswith("-") and len(digits) <= 16):
                number = int(value.text)
                if number <= TIMESTAMP_LIMIT:
                    return number
        return Problem("DOC-08", f"timestamp is {_written(value)}, not an integer token from 0 to 2^53-1")
    if not isinstance(value, str):
        return Problem("DOC-07", f"message is {_written(value)}, not a string")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return Problem("DOC-07", "message has a lone surrogate")
    return value


def _judge_float(name: str, value: Any) -> float | Problem:
    clause = _CLAUSE_OF_FLOAT[name]
    if not isinstance(value, Token) or value.kind != "float":
        return Problem(clause, f"{name} is {_written(value)}, not a number with a fraction or an exponent")
    number = float(value.text)
    if not math.isfinite(number):
        return Problem(clause, f"{name} is {value.text[:40]}, which is not finite as a double")
    if number < 0 and name != "loss":
        return Problem(clause, f"{name} is {value.text[:40]}, which is negative")
    return number


def _written(value: Any) -> str:
    if isinstance(value, Token):
        return value.text[:40]
    if isinstance(value, list):  # an array, or an object as `_Pairs`; never shown, it may be nested deeply
        return "an object" if isinstance(value, _Pairs) else "an array"
    return json.dumps(value)[:80]


def require_status(data: bytes, expected: Mapping[str, Any]) -> None:
    """Raise Violation unless the bytes are one valid document, token by token, with exactly the expected values.

    Floats are compared as doubles (0.0 and -0.0 are equal), text by code point.
    """
    examination = examine(data)
    if examination.problems:
        raise Violation(
            "the target does not hold one valid document: " + "; ".join(p.text for p in examination.problems),
            expected=dict(expected),
            bytes=shown(data),
        )
    _require_equal(examination.values, expected, data)


def require_values(data: bytes, expected: Mapping[str, Any]) -> None:
    """As `require_status`, but by value: raise Violation unless `read_values` gives the expected ones."""
    try:
        values = read_values(data)
    except ValueError as error:
        text = f"torn: the target does not hold one whole document ({error})"
        raise Violation(text, expected=dict(expected), bytes=shown(data)) from error
    _require_equal(values, expected, data)


def _require_equal(values: Mapping[str, Any], expected: Mapping[str, Any], data: bytes) -> None:
    wrong = [
        name for name in MEMBERS if values[name] != _as_asked(name, expected[name]) or isinstance(values[name], bool)
    ]
    if wrong:
        text = ", ".join(f"{name} is {_short(values[name])} instead of {_short(expected[name])}" for name in wrong)
        raise Violation(f"the target does not hold the document that was written: {text}", bytes=shown(data))


def _as_asked(name: str, value: Any) -> Any:
    # An integer that was given for a float has become the nearest double, which is rarely equal to it beyond 2^53.
    return float(value) if name in _CLAUSE_OF_FLOAT else value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"


def shown(data: bytes, limit: int = 400) -> str:
    """Bytes for a human reader: escaped, the middle of long ones left out, and their number."""
    if len(data) <= limit:
        return f"{data!r} ({len(data)} bytes)"
    return f"{data[: limit // 2]!r} … {data[-limit // 2 :]!r} ({len(data)} bytes)"
