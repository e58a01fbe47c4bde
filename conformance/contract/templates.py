"""Commands that write a file by themselves, with ``{path}`` and ``{input}`` in their words. Pure functions."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Sequence
from pathlib import PurePath

__all__ = ["INPUT", "PATH", "USUAL_REFUSALS", "filled", "in_words", "is_template", "takes_input", "words_of", "wrong"]

PATH, INPUT = "{path}", "{input}"
USUAL_REFUSALS = tuple(range(1, 126))
"""Exit codes that say of a program that it failed; those above are for what a shell or a signal did (sh(1))."""
_SHELLS = ("sh", "bash", "dash", "ksh", "zsh", "busybox")
_OPERATORS = ("|", "||", "&&", ";", "&", ">", ">>", "<", "2>")


def is_template(words: Sequence[str]) -> bool:
    """Whether a command has a place for the path; the kit then adds no arguments to it."""
    return any(PATH in word for word in words)


def takes_input(words: Sequence[str]) -> bool:
    """Whether a template wants the text in a file; else it comes on standard input."""
    return any(INPUT in word for word in words)


def filled(words: Sequence[str], path: str, given: str = "") -> tuple[str, ...]:
    """The words of one request: the target's path, and that of the file with the text, in their places."""
    # Not one after the other: a path may have {input} in its name.
    return tuple(given.join(part.replace(PATH, path) for part in word.split(INPUT)) for word in words)


def wrong(words: Sequence[str]) -> str:
    """What is wrong with a template, in words; empty for nothing."""
    if not is_template(words):
        return f"has {INPUT} and no {PATH}" if takes_input(words) else ""
    if PATH in words[0] or INPUT in words[0]:
        return f"starts with {words[0]}, which is to be a program"
    if operator := next((word for word in words if word in _OPERATORS), ""):
        return f"has {operator}, which only a shell knows: write sh -c '… \"$1\"' sh {PATH}"
    text = _shell_text(words)
    for place in (PATH, INPUT):
        if place in text:
            return (
                f"has {place} in the text of a shell, where a name with a quote in it would be run: "
                f'write "$1" there, and sh {place} after the text'
            )
    return ""


def _shell_text(words: Sequence[str]) -> str:
    if PurePath(words[0]).name not in _SHELLS:
        return ""
    pairs = itertools.pairwise(words)
    return next((text for option, text in pairs if option.startswith("-") and "c" in option), "")


def words_of(text: str) -> tuple[str, ...]:
    """The words of a template that was given as one text. Raises ValueError, with what is wrong."""
    words = tuple(shlex.split(text))
    if not words or not is_template(words):
        raise ValueError(f"has no {PATH}, where the file's path goes: as in 'sponge {PATH}'")
    if problem := wrong(words):
        raise ValueError(problem)
    return words


def in_words(refusals: Sequence[int]) -> str:
    """The exit codes that are answers, such as ``0 and 1``."""
    numbers = [str(code) for code in (0, *refusals)]
    if len(numbers) > 2 and refusals == tuple(range(1, len(numbers))):
        return f"0 to {numbers[-1]}"
    return f"{', '.join(numbers[:-1])} and {numbers[-1]}"
