"""Foreign text in reports: names, messages, paths and versions that an implementation may have chosen.

Jinja escapes it for HTML. What is left is what HTML escaping does not see, and the rules of Markdown.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

__all__ = ["code_block", "code_span", "in_markdown", "visible"]

# Marks that change the direction of the text around them, or that are not seen at all. Unicode calls them format
# characters (Cf), together with some that words need: the joiners of Persian and of emoji stay.
_KEPT = frozenset("\n\t\u200c\u200d")
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#$&]|(?<=\w):(?=//)|(?<=www)\.)", re.IGNORECASE)
_AT_THE_START = re.compile(r"^([-+=]|\d+(?=[.)](?:\s|$)))")


def visible(text: str) -> str:
    r"""The text with what no one could see as an escape, such as ``\u202e``; line feeds and tabs stay."""
    return "".join(
        character if character in _KEPT or unicodedata.category(character) not in _HIDDEN else _escape(character)
        for character in text
    )


def _escape(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def in_markdown(text: str) -> str:
    """The text on one line of Markdown, also in a cell of a table: it shows as it is, and nothing in it is obeyed."""
    line = " ".join(visible(text).split())
    line = _SPECIAL.sub(r"\\\1", line).replace("\\<", "&lt;").replace("\\>", "&gt;").replace("\\&", "&amp;")
    # GitHub looks for names after it has rendered the text, so that a backslash does not help.
    return _AT_THE_START.sub(_guarded, line).replace("@", "@<!-- -->")


def _guarded(found: re.Match[str]) -> str:
    return f"&#{ord(found[1])};" if not found[1].isdigit() else f"{found[1]}<!-- -->"


def code_span(text: str) -> str:
    """The text as a code span of one line, also in a cell of a table."""
    line = " ".join(visible(text).split())
    if not line:
        return ""
    # GitHub reads a pipe in a table as the end of the cell, even in code, unless a backslash is before it; elsewhere
    # the backslash would show. An HTML element works in both.
    if "|" in line:
        escaped = in_markdown(line)
        return f"<code>{escaped}</code>"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{space}{line}{space}{fence}"


def code_block(lines: Iterable[str], language: str = "text") -> str:
    """The lines as a fenced code block, with a fence that none of them can close."""
    text = visible("\n".join(lines))
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"
