"""The messages between the kit and an implementation: one JSON object per line (SPEC.md, "Adapters"). No I/O here."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from conformance.contract.errors import NotAnAnswer

__all__ = [
    "PROTOCOL",
    "Answer",
    "decode_answer",
    "decode_document",
    "decode_floats",
    "encode_floats",
    "encode_message",
    "encode_request",
    "shortened",
    "shown_request",
]

PROTOCOL = 1
LONGEST_ANSWER = 16 * 1024 * 1024
"""Bytes of an answer, and of what a process of mode ``oneshot`` prints (SPEC.md, "Adapters")."""
DEEPEST = 100
"""Arrays and objects inside each other in an answer, with the answer itself; the kit asks for 3."""
MOST_VALUES = 1_048_576
"""Values in an answer: as many as a document of 1 MiB has bytes. In memory a value takes some 70 bytes."""
LONGEST_MESSAGE = 4000
"""Characters that are kept of a message for people."""
ERROR_KINDS = ("invalid", "io", "unsupported")


class Answer(NamedTuple):  # not a dataclass: see `conformance.subject.python_host`
    """One answer. ``error`` is None when ``ok``, else ``invalid``, ``io`` or ``unsupported``.

    ``fields`` holds every other member of the answer (``status``, ``fresh``, ``progress``, …). In oneshot mode the
    exit code does not distinguish ``invalid`` from ``io``: ``error`` is then ``refused``.
    """

    ok: bool
    error: str | None
    message: str
    fields: Mapping[str, Any]


def encode_floats(value: Any) -> Any:
    """Replace non-finite floats by ``{"$float": name}``, so that a request is JSON."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, dict):
        return {name: encode_floats(member) for name, member in value.items()}
    if isinstance(value, list):
        return [encode_floats(member) for member in value]
    return value


def decode_floats(value: Any) -> Any:
    """Undo `encode_floats`."""
    if isinstance(value, dict):
        if value.keys() == {"$float"}:
            return float(value["$float"])
        return {name: decode_floats(member) for name, member in value.items()}
    if isinstance(value, list):
        return [decode_floats(member) for member in value]
    return value


def encode_request(number: int, operation: str, fields: Mapping[str, Any]) -> bytes:
    """One request as a line of pure ASCII, line feed included."""
    return encode_message({"id": number, "op": operation, **fields})


def encode_message(message: Mapping[str, Any]) -> bytes:
    """A message as a line of pure ASCII, line feed included."""
    text = json.dumps(encode_floats(dict(message)), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.encode("ascii") + b"\n"


def decode_document(text: bytes) -> Any:
    """Any JSON that an implementation has printed, within the limits of this module. Raises ValueError, with why."""
    opened = text.count(b"[") + text.count(b"{")  # those in strings, too: an upper limit that costs next to nothing
    if len(text) > MOST_VALUES and opened + text.count(b",") > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES:,} values")
    try:
        document = json.loads(text.decode("utf-8"))
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    if opened > DEEPEST and _is_deeper(document, DEEPEST):
        raise ValueError(_TOO_DEEP)
    return document


_TOO_DEEP = f"arrays and objects more than {DEEPEST} deep in each other"


def _is_deeper(document: Any, limit: int) -> bool:
    """Whether arrays and objects are nested more than ``limit`` deep."""
    level = [document]
    for _ in range(limit):
        level = [
            member
            for each in level
            if isinstance(each, list | dict)
            for member in (each.values() if isinstance(each, dict) else each)
        ]
    return any(isinstance(each, list | dict) for each in level)


def decode_answer(line: bytes, number: int) -> Answer:
    """Read one answer to the request with this id. Raises NotAnAnswer for anything that is not one."""
    try:
        message = decode_document(line)
    except ValueError as error:
        raise NotAnAnswer(f"printed something that is not a JSON answer: {_shown(line)} ({error})") from error
    if not isinstance(message, dict):
        raise NotAnAnswer(f"answered with something that is not a JSON object: {_shown(line)}")
    if "id" not in message:
        raise NotAnAnswer(f'answered without "id": repeat that of the request, {number}: {_shown(line)}')
    answered = message.pop("id")
    if type(answered) is not int:
        text = f'answered with an "id" that is not the integer {number} of the request, but {json.dumps(answered)[:80]}'
        raise NotAnAnswer(f"{text}: repeat it as it came: {_shown(line)}")
    if answered != number:
        raise NotAnAnswer(f"answered out of order: expected id {number}, got {_shown(line)}")
    ok = message.pop("ok", None)
    if type(ok) is not bool:
        raise NotAnAnswer(f'answered without "ok": true or false: {_shown(line)}')
    error_kind = message.pop("error", None)
    text = message.pop("message", "")
    if not isinstance(text, str) or (ok and error_kind is not None) or (not ok and error_kind not in ERROR_KINDS):
        raise NotAnAnswer(f'a failure must say "error": one of {", ".join(ERROR_KINDS)}: {_shown(line)}')
    # The message is for people: a lone surrogate, which no terminal or file can show, is escaped.
    return Answer(ok, error_kind, shortened(text).encode("utf-8", "backslashreplace").decode("utf-8"), message)


def shortened(text: str, limit: int = LONGEST_MESSAGE) -> str:
    """A text for people, cut at its end where it has more than ``limit`` characters; the cut says how many it had."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


def shown_request(line: bytes, limit: int = 400) -> str:
    """A request as it was sent, for people: cut in the middle where it is long."""
    if len(line) <= limit:
        return line.decode("utf-8", "replace").rstrip("\n")
    first, last = (
        line[: limit // 2].decode("utf-8", "replace"),
        line[-limit // 3 :].decode("utf-8", "replace").rstrip("\n"),
    )
    return f"{first} … {last} ({len(line):,} bytes)"


def _shown(line: bytes, limit: int = 200) -> str:
    shown = repr(line[:limit])
    return shown if len(line) <= limit else f"{shown}… ({len(line)} bytes)"
