"""What a program printed: the line that says what went wrong, and whether it asks for something. Pure functions."""

from __future__ import annotations

import re

__all__ = ["asks", "error_line", "telling_lines"]

_ERROR = re.compile(r"\S*(Error|Exception)\b.*: ")  # of Python, Node and Java
_OF_RUBY = re.compile(r"\S+:\d+:in .*: .*\([A-Z][\w:]*\)$")
_SAYS_NOTHING = re.compile(r"Node\.js v[\d.]+$|npm \S+ A complete log of this run")
_ASKS = re.compile(r"^EOFError\b|(\?|[\[(][yY]/[nN][\])])[:> ]*\s*\Z|[:>] ?\Z", re.MULTILINE)


def error_line(printed: str) -> str:
    """The last line that names an error, else the last one that says anything, else nothing."""
    lines = _lines(printed)
    at = _at(lines)
    if at is not None:
        return lines[at]
    return next((line for line in reversed(lines) if not _SAYS_NOTHING.match(line)), "")


def telling_lines(printed: str, most: int) -> list[str]:
    """The last lines, at most so many; where the last that names an error is not among them, those from it on."""
    lines = _lines(printed)
    at = _at(lines)
    return lines[-most:] if at is None or at >= len(lines) - most else lines[at : at + most]


def _lines(printed: str) -> list[str]:
    return [line for line in printed.rstrip().splitlines() if line.strip()]


def _at(lines: list[str]) -> int | None:
    found = [index for index, line in enumerate(lines) if _ERROR.match(line) or _OF_RUBY.match(line)]
    return found[-1] if found else None


def asks(printed: str) -> bool:
    """Whether the last that was printed is a question, or says that an answer was missing."""
    return _ASKS.search(printed) is not None
