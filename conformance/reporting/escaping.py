"""Text that an implementation can set, on its way to a terminal: it moves no cursor, sets no colour, hides nothing."""

from __future__ import annotations

from rich.markup import escape

from conformance.reporting.foreign import visible

__all__ = ["for_terminal", "printable"]


def printable(text: str, *, one_line: bool = False) -> str:
    """The text with each character that a terminal would obey as its escape, such as ``\\x1b``. With ``one_line``, line
    feeds too.
    """
    if one_line:
        text = text.replace("\n", r"\n")
    return visible(text)


def for_terminal(text: str, *, one_line: bool = False) -> str:
    """The same for text that rich prints, where ``[bold]`` stays what it is, too."""
    return escape(printable(text, one_line=one_line))
