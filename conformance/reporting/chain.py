"""The hash chain of results.jsonl: each line carries the SHA-256 of itself and of the line before; and the seal of the
other files, which are one JSON object each. Pure functions.

It shows that a line was edited, removed, added or moved by accident or by hand. It is no proof against someone who
computes all later hashes again: for that, the file itself has to be signed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["START", "follows", "is_as_sealed", "linked", "sealed"]

START = "0" * 64
"""What the first line follows."""

_LINKED = re.compile(rb'(\{.*), "chain": "([0-9a-f]{64})"\}', re.DOTALL)


def linked(text: str, before: str) -> tuple[str, str]:
    """A JSON object of at least one member, given as ASCII text, with its link as the last member.

    ``before`` is the link of the line before it, `START` for the first. Returns (line without line feed, link).
    """
    link = _link(text.encode("ascii"), before)
    return f'{text[:-1]}, "chain": "{link}"}}', link


def follows(line: bytes, before: str) -> str | None:
    """The link of a line, given without its line feed, that follows the one whose link is ``before``; else None."""
    found = _LINKED.fullmatch(line)
    if found is None or _link(found[1] + b"}", before) != found[2].decode("ascii"):
        return None
    return found[2].decode("ascii")


def _link(text: bytes, before: str) -> str:
    return hashlib.sha256(before.encode("ascii") + text).hexdigest()


def sealed(value: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object with the SHA-256 of its other members, sorted by name, as the member ``sha256``."""
    return {**value, "sha256": _seal(value)}


def is_as_sealed(value: Mapping[str, Any]) -> bool:
    """Whether an object is as `sealed` made it."""
    return value.get("sha256") == _seal({name: member for name, member in value.items() if name != "sha256"})


def _seal(value: Mapping[str, Any]) -> str:
    # As it is when it was read again: tuples are lists then.
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode("ascii")).hexdigest()
