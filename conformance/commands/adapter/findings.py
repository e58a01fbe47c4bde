"""What is wrong with an answer, or with the bytes that were written, and what to do about it: pure functions."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["TEXT", "Finding", "of_answer", "of_bytes", "read_leniently"]

TEXT = 'naïve 漢字 😀 "quoted" \\ back\ttab\r\nline feed\nend'
"""A text that shows each usual mistake: characters outside of ASCII, quotes, escapes, both line ends, no last one."""

_LONGEST_SHOWN = 60


@dataclass(frozen=True)
class Finding:
    """What was seen, and what to do; a ``note`` fails nothing."""

    seen: str
    todo: str
    note: bool = False


def shown(line: bytes) -> str:
    """The start of a line, for people."""
    return repr(line[:_LONGEST_SHOWN])[1:] + ("…" if len(line) > _LONGEST_SHOWN else "")


def read_leniently(line: bytes) -> dict[str, Any] | None:
    """The answer in a line, whatever its encoding and line end are; None where there is none."""
    for encoding in _encodings(line):
        try:
            value = json.loads(line.decode(encoding).lstrip("\ufeff").strip())
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    return None


def _encodings(line: bytes) -> tuple[str, ...]:
    if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ("utf-16",)
    if b"\0" in line[:4]:
        return ("utf-16-le", "utf-16-be")
    return ("utf-8", "cp1252", "latin-1")


def of_answer(line: bytes, number: int) -> Iterator[Finding]:
    """What is wrong with a line that holds an answer (see `read_leniently`) to the request with this id."""
    answer = read_leniently(line)
    if answer is None:
        yield Finding(f"no JSON object: {shown(line)}", "print one JSON object for each request, in one line")
        return
    yield from _of_encoding(line)
    if "id" not in answer:
        yield Finding('an answer has no "id"', f'repeat the "id" of the request, which was {number}')
    elif type(answer["id"]) is not int:
        value = json.dumps(answer["id"])[:20]
        yield Finding(f'"id" is {value}, and the request had {number}', "repeat it as it came: a number")
    elif answer["id"] != number:
        yield Finding(
            f'"id" is {answer["id"]}, and the request had {number}',
            "repeat the id of the request; answer each request once, in their order",
        )
    if type(answer.get("ok")) is not bool:
        yield Finding('an answer has no "ok": true or false', 'say "ok": true, or false with "error" and "message"')
    elif not answer["ok"] and answer.get("error") not in ("invalid", "io", "unsupported"):
        yield Finding(
            f'"error" is {json.dumps(answer.get("error"))[:20]}',
            'say "invalid" for what the writer refuses, "io" for what the system refuses, or "unsupported"',
        )


def _of_encoding(line: bytes) -> Iterator[Finding]:
    if line.startswith(codecs.BOM_UTF8):
        yield Finding(
            "an answer starts with a byte-order mark", "print UTF-8 without BOM, such as utf-8, not utf-8-sig"
        )
    elif b"\0" in line[:4]:
        yield Finding("answers are in UTF-16", "print UTF-8; in PowerShell set [Console]::OutputEncoding")
    else:
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            yield Finding("an answer is no UTF-8", "print UTF-8, or escape what is not ASCII as \\uXXXX")
    if line.rstrip(b"\n").endswith(b"\r"):
        yield Finding(
            "answers end with CR LF",
            "the kit takes it; but open files in binary, or their line ends change, too",
            note=True,
        )


def of_bytes(written: bytes | None, text: str = TEXT) -> Finding | None:
    """What is wrong with the bytes of a file into which this text was to be written; None: nothing."""
    wanted = text.encode()
    if written == wanted:
        return None
    if written is None:
        return Finding("it answered ok, and there is no file", 'write to "path" itself, and answer only then')
    if not written:
        return Finding("it answered ok, and the file is empty", "close, or flush, the file before you answer")
    as_bytes = "write the text as UTF-8, byte for byte"
    without_breaks = wanted.replace(b"\r\n", b"\n")
    cases = (
        (written.startswith(codecs.BOM_UTF8), "the file starts with a byte-order mark", f"{as_bytes}, without BOM"),
        (written in _utf_16(text), "the file is in UTF-16", as_bytes),
        (written in _other_encodings(text), "characters outside of ASCII were lost or changed", as_bytes),
        (written == wanted + b"\n", "a line feed was added at the end", as_bytes),
        (
            written.replace(b"\r\n", b"\n") == without_breaks or written.replace(b"\r", b"") == without_breaks,
            "line ends were changed",
            "open the file in binary, or without translating line ends",
        ),
        (
            written == json.dumps(text).encode() or written == json.dumps(text)[1:-1].encode(),
            "the JSON escapes were written as they came",
            'parse the request, and write the string that "text" is',
        ),
        (wanted.startswith(written), f"the file has the first {len(written)} of {len(wanted)} bytes", as_bytes),
    )
    for applies, seen, todo in cases:
        if applies:
            return Finding(seen, todo)
    return Finding(f"the file holds other bytes: {shown(written)}", as_bytes)


def _utf_16(text: str) -> tuple[bytes, ...]:
    return text.encode("utf-16"), text.encode("utf-16-le"), text.encode("utf-16-be")


def _other_encodings(text: str) -> set[bytes]:
    kinds: tuple[Literal["replace", "ignore"], ...] = ("replace", "ignore")
    names = ("ascii", "latin-1", "cp1252")
    return {text.encode(name, how) for name in names for how in kinds} | {text.encode().decode("latin-1").encode()}
