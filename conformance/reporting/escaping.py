"""Text that an implementation can set, on its way to a terminal: it moves no cursor, sets no colour, hides nothing."""

from __future__ import annotations

import re

from rich.markup import escape

__all__ = ["for_terminal", "printable"]

# Control characters but for tab and line feed, marks and overrides of direction, separators, surrogates.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


def printable(text: str, *, one_line: bool = False) -> str:
    """The text with each character that a terminal would obey as its escape, such as ``\\x1b``. With ``one_line``, line
    feeds too.
    """
    if one_line:
        text = text.replace("\n", r"\n")
    return _UNSAFE.sub(lambda found: ascii(found[0])[1:-1], text)


def for_terminal(text: str, *, one_line: bool = False) -> str:
    """The same for text that rich prints, where ``[bold]`` stays what it is, too."""
    return escape(printable(text, one_line=one_line))
