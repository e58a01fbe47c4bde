"""Text that an implementation can set, on its way to a terminal: it moves no cursor, sets no colour, hides nothing."""

from __future__ import annotations

import re

from rich.markup import escape

from conformance.reporting.foreign import visible

__all__ = ["for_terminal", "printable"]

# But for items of a list, indented by four at least. A CI service takes its commands, ``::`` and ``##[``, indented too.
_LINE = re.compile(r"\n(?! {4,}[^\s:#])")


def printable(text: str, *, one_line: bool = False) -> str:
    """The text with each character that a terminal would obey as its escape, such as ``\\x1b``. With ``one_line``, line
    feeds too.
    """
    if one_line:
        text = text.replace("\n", r"\n")
    return visible(text)


def for_terminal(text: str, *, one_line: bool = False) -> str:
    """The same for text that rich prints, where ``[bold]`` stays what it is, too. A line feed in it begins no line that
    could be taken for one of the kit, or for a command of a CI service that reads the log.
    """
    return _LINE.sub("\n  | ", escape(printable(text, one_line=one_line)))
