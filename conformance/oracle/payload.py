"""Self-verifying statuses: every member follows from (writer, sequence), so that a mixture of two is noticed.

``message`` carries writer, sequence, a checksum over the other members and the padding, and the padding. The idea is
that of Go's renameio test, whose payload is its own checksum. It reads like the message of a training run, in one of
several shapes that take turns: a writer must not be able to tell the kit's documents from those of its users.

Documents are compared here by value, not by token: an integer counts as the double that it is, and a member too many or
a byte-order mark does not make a document torn. What is wrong with a token is for the clauses DOC to say, once.
"""

from __future__ import annotations

import json
import random
import re
import zlib
from collections.abc import Mapping
from typing import Any

from conformance.contract.errors import Violation
from conformance.oracle.document import MEMBERS, STATUSES, read_values, shown

__all__ = ["Identity", "encode", "identify", "identify_values", "make_status"]

Identity = tuple[int, int]  # (writer, sequence)
_SHAPES = (
    "worker {writer}: step {sequence}, checkpoint {checksum}",
    "[rank {writer}] iteration {sequence} done (run {checksum})",
    "gpu{writer} | batch {sequence} | sha {checksum}",
    "saved checkpoints/{checksum}.pt on node-{writer} after step {sequence}",
    "validation {sequence} of job {writer}, commit {checksum}",
    "resuming from {checksum} (shard {writer}, global step {sequence})",
    "Epoch {sequence} [replica {writer}] hash={checksum}",
    "warm-up {sequence}; trial {writer}; config {checksum}",
)
_VALUES = {"writer": "([0-9]+)", "sequence": "([0-9]+)", "checksum": "([0-9a-f]{8})"}
_HEAD = re.compile("|".join(re.sub(r"\\{(\w+)\\}", lambda name: _VALUES[name[1]], re.escape(s)) for s in _SHAPES))
_ORDERS = tuple(tuple(re.findall(r"{(\w+)}", shape)) for shape in _SHAPES)
_WORDS = ("loss=0.342", "acc=0.91", "lr=3e-4", "grad_norm=1.07", "tokens/s=12840", "eta 00:41:07", "mem 71%", "ok")
_PADDING = " ".join(random.Random(0).choices(_WORDS, k=499))
_FIRST_SECOND = 1_700_000_000
_MOST_STATUSES = 10**9  # of all writers of a run: a larger number comes from none of them


def make_status(writer: int, sequence: int, size: int = 0) -> dict[str, Any]:
    """Build the legal status number ``sequence`` of ``writer``, whose `encode`d form has about ``size`` bytes."""
    shape = (sequence + 3 * writer) % len(_SHAPES)
    room = max(0, size - len(encode(_status(writer, sequence, "", shape))))
    first = (31 * sequence + 7 * writer) % len(_PADDING)
    padding = (_PADDING * ((first + room) // len(_PADDING) + 1))[first : first + room]
    return _status(writer, sequence, padding, shape)


def _status(writer: int, sequence: int, padding: str, shape: int) -> dict[str, Any]:
    # Few digits and no zeros: numbers that every parser reads exactly, and that no writer leaves out as a default. For
    # the same reason the message does not end in a space.
    status: dict[str, Any] = {
        "status": STATUSES[sequence % len(STATUSES)],
        "epoch": (sequence + 1) / 2,
        "total_epochs": float(sequence + writer + 1),
        "loss": (sequence + 1) / 4,
        "message": "",
        "timestamp": _FIRST_SECOND + sequence,
    }
    checksum = zlib.crc32((encode(status) + padding).encode("utf-8"))
    head = _SHAPES[shape].format(writer=writer, sequence=sequence, checksum=f"{checksum:08x}")
    status["message"] = f"{head} {padding}."
    return status


def _parsed(message: str) -> tuple[Identity, str, int]:
    """The identity, the padding and the shape of a message. Raises ValueError for one of no status."""
    head = _HEAD.match(message)
    if head is None or head.lastindex is None:
        raise ValueError("a message of no shape")
    shape = (head.lastindex - 1) // len(_VALUES)
    found = dict(zip(_ORDERS[shape], head.groups()[len(_VALUES) * shape :], strict=False))
    padding = message[head.end() :].removeprefix(" ").removesuffix(".")
    return (int(found["writer"]), int(found["sequence"])), padding, shape


def encode(status: Mapping[str, Any]) -> str:
    """The document as one line of JSON: what the profile ``replace`` is given to publish."""
    return json.dumps(status, ensure_ascii=False, separators=(",", ":"))


def identify(data: bytes) -> Identity:
    """Identify the status that these bytes are, whole and unmixed, by value.

    Raises Violation: ``torn`` when they are no document, and what `identify_values` raises.
    """
    try:
        values = read_values(data)
    except ValueError as error:
        text = f"torn: a reader saw bytes that are not one document ({error})"
        raise Violation(text, bytes=shown(data)) from error
    return identify_values(values)


def identify_values(values: Mapping[str, Any]) -> Identity:
    """As `identify`, for the six values that a reader returned. Numbers are compared by value: 0 equals 0.0.

    Raises Violation: ``mixed`` when members belong to different statuses, ``altered`` when values belong to none.
    """
    try:
        identity, padding, shape = _parsed(values["message"])
        expected = _status(*identity, padding, shape)
    except (ArithmeticError, ValueError, AttributeError, KeyError, TypeError) as error:
        seen = dict(values) if isinstance(values, Mapping) else repr(values)[:400]
        raise Violation("altered: a reader saw a message that no writer was given", values=seen) from error
    if dict(values) == expected and not any(isinstance(value, bool) for value in values.values()):
        return identity
    wrong = [name for name in (*MEMBERS, *values) if not _same(values.get(name), expected.get(name))]
    if any(_is_of_another(name, values.get(name)) for name in wrong):
        raise Violation("mixed: a reader saw members of different documents", values=dict(values))
    first = wrong[0]
    text = f"{first} is {str(values.get(first))[:40]} instead of {str(expected.get(first))[:40]}"
    raise Violation(
        f"altered: a reader saw a document with values that no writer was given: {text}", values=dict(values)
    )


def _same(found: Any, expected: Any) -> bool:
    return bool(found == expected) and not isinstance(found, bool)


def _is_of_another(name: str, found: Any) -> bool:
    """Whether a member that is not the expected one is that of some other status. (A message names its own.)"""
    if name == "status":
        return found in STATUSES
    if isinstance(found, bool) or not isinstance(found, int | float):
        return False
    steps = {"epoch": 2 * found, "loss": 4 * found, "total_epochs": found, "timestamp": found - _FIRST_SECOND + 1}
    return name in steps and 1 <= steps[name] <= _MOST_STATUSES and steps[name] % 1 == 0
