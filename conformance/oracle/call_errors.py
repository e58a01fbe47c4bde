"""What each call of a write can fail with, as its manual page lists it: the data of ``call_errors.toml``."""

from __future__ import annotations

import errno
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = [
    "ERRORS_OF_CALL",
    "ERRORS_OF_OPERATION",
    "ERRORS_OF_SYSTEM_CALL",
    "INTERRUPTED",
    "SYSTEM_CALLS",
    "UNSUPPORTED",
]


def _entries() -> list[dict[str, Any]]:
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    entries: list[dict[str, Any]] = tomllib.loads(text)["call"]
    return entries


def _numbers(entry: Mapping[str, Any], key: str = "errors") -> tuple[int, ...]:
    # Windows lacks some of them.
    return tuple(getattr(errno, name) for name in entry.get(key, ()) if hasattr(errno, name))


_ENTRIES = _entries()

ERRORS_OF_CALL: dict[str, tuple[int, ...]] = {entry["kind"]: _numbers(entry) for entry in reversed(_ENTRIES)}
"""The kinds of file calls, and the errors (errno) of this system that each can fail with."""

ERRORS_OF_SYSTEM_CALL: dict[str, tuple[int, ...]] = {
    name: _numbers(entry) for entry in _ENTRIES for name in entry["calls"]
}
"""The same by the name of the system call; what is not here cannot fail in a way that matters."""

ERRORS_OF_OPERATION: dict[str, tuple[int, ...]] = {
    entry["operation"]: _numbers(entry) for entry in _ENTRIES if "operation" in entry
}
"""The same by the kind of the operation, of those kinds for which the page lists errors of their own."""

UNSUPPORTED: dict[str, tuple[int, ...]] = {
    name: _numbers(entry, "unsupported") for entry in _ENTRIES for name in entry["calls"]
}
"""The system calls, and what a file system or a kernel that cannot do them answers."""

SYSTEM_CALLS: dict[str, frozenset[str]] = {
    kind: frozenset(name for entry in _ENTRIES if entry["kind"] == kind for name in entry["calls"])
    for kind in ERRORS_OF_CALL
}
"""The kinds of file calls, and the system calls that do them."""

INTERRUPTED = frozenset(name for entry in _ENTRIES if entry.get("interrupted") for name in entry["calls"])
"""The system calls whose manual page lists EINTR for a regular file."""
