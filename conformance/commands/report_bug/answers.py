"""Asks the program again for what it wrote, refused or read wrongly, and says what came back: for repro.py beside this
file. It uses the standard library of Python 3.9 or later. The requests are in subject.json.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from conformance.commands.report_bug.driver import HERE, Happens, Place, Writer, subject

__all__ = ["documents", "reads", "refusals"]

_DEFAULTS = {"epoch": 0.0, "total_epochs": 0.0, "loss": 0.0, "message": ""}
_FLOATS = ("epoch", "total_epochs", "loss")
_MOST = 10  # failures that are printed


class _Number(str):
    """A number as it stands in the document."""


class _Pairs(list):  # type: ignore[type-arg]  # Python 3.9
    """The members of an object in their order, with those that occur twice."""


def documents(folder: Path) -> None:
    """What is written is one JSON object of six members, with the values that were given."""
    failures = []
    for replay in subject()["replays"]:
        place, before = Place(folder, old=False), int(time.time())
        writer = Writer()
        answer = writer.ask("write", place.target, replay["status"])
        writer.stop()
        if not answer.get("ok"):
            failures.append((replay, f"is answered with {answer.get('error')}"))
            continue
        data = place.target.read_bytes() if place.target.is_file() else b""
        wrong = _wrong_in(data, replay["status"], before, int(time.time()))
        if wrong:
            failures.append((replay, f"{wrong}; the file: {data[:300]!r}"))
    _report(failures)


def _wrong_in(data: bytes, given: dict[str, Any], before: int, after: int) -> str:
    """What is wrong with a document, in words; nothing if it is right."""
    try:
        hooks: dict[str, Any] = dict.fromkeys(("parse_int", "parse_float", "parse_constant"), _Number)
        pairs = json.loads(data.decode("utf-8"), object_pairs_hook=_Pairs, **hooks)
    except ValueError as error:
        return f"is not written as one JSON document in UTF-8: {error}"
    expected = {**_DEFAULTS, "timestamp": None, **given}
    if not isinstance(pairs, _Pairs) or sorted(name for name, _ in pairs) != sorted(expected):
        return f"is not written with the members {', '.join(expected)}, each once"
    for name, found in pairs:
        wanted = expected[name]
        if name in _FLOATS:
            token = isinstance(found, _Number) and any(mark in found for mark in ".eE")
            right = token and float(found) == float(wanted)
        elif name == "timestamp":
            token = isinstance(found, _Number) and found.isdigit()
            right = token and (int(found) == wanted if wanted is not None else before - 2 <= int(found) <= after + 2)
        else:
            right = not isinstance(found, _Number) and found == wanted
        if not right:
            return f"is written with {name} = {found!r} instead of {wanted!r}"
    return ""


def refusals(folder: Path) -> None:
    """What no document may hold is refused as invalid, and nothing is written."""
    failures = []
    for replay in subject()["replays"]:
        for old in (False, True):
            place = Place(folder, old=old)
            before = place.target.read_bytes() if old else None
            writer = Writer()
            answer = writer.ask("write", place.target, replay["status"])
            writer.stop()
            after = place.target.read_bytes() if place.target.is_file() else None
            if answer.get("ok"):
                failures.append((replay, f"is answered ok; the file: {(after or b'')[:300]!r}"))
            elif subject()["mode"] != "oneshot" and answer.get("error") != "invalid":
                failures.append((replay, f"is answered with {answer.get('error')}, not with invalid"))
            elif after != before or place.left():
                failures.append((replay, f"is refused, and changes the folder: {sorted(os.listdir(place.folder))}"))
            else:
                continue
            break
    _report(failures)


def reads(folder: Path) -> None:
    """A document is read with its values, and whatever is none as null."""
    failures = []
    for replay in subject()["replays"]:
        place = Place(folder, old=False)
        if "file" in replay:
            place.target.write_bytes((HERE / "documents" / replay["file"]).read_bytes())
        elif "text" in replay:
            place.target.write_bytes(replay["text"].encode("ascii"))
        writer = Writer()
        answer = writer.ask("read", place.target)
        writer.stop()
        if not answer.get("ok") or "status" not in answer:
            failures.append((replay, f"is answered with {answer.get('error')}"))
        elif not _equal(answer["status"], replay["expected"]):
            failures.append((replay, f"is read as {answer['status']!r} instead of {replay['expected']!r}"))
    _report(failures)


def _equal(found: Any, expected: Any) -> bool:
    if expected is None or not isinstance(found, dict) or found.keys() != expected.keys():
        return found is expected
    return all(_same(found[name], value) for name, value in expected.items())


def _same(found: Any, value: Any) -> bool:
    """Whether two members are equal; numbers as doubles, because 18446744073709552000 is how many print 2.0**64."""
    if isinstance(found, bool) or isinstance(found, str) != isinstance(value, str):
        return False
    try:
        return bool(float(found) == value) if isinstance(value, float) else bool(found == value)
    except (TypeError, OverflowError):
        return False


def _report(failures: list[tuple[dict[str, Any], str]]) -> None:
    """Raise Happens with what failed, if anything did."""
    lines = [f"{_asked(replay)} {text} ({replay['case']})" for replay, text in failures]
    if lines:
        more = [f"and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
        raise Happens("\n  ".join([f"{len(lines)} of {len(subject()['replays'])} requests", *lines[:_MOST], *more]))


def _asked(replay: dict[str, Any]) -> str:
    if "status" in replay:
        return f"to write {json.dumps(replay['status'])[:300]}"
    if "file" in replay:
        return f"to read documents/{replay['file']}"
    return f"to read {replay['text'][:20]!r}" if "text" in replay else "to read a file that does not exist"
