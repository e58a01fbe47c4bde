"""The option ``--valid KIND|CMD``: what decides whether a file is whole."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable

import click

from conformance.commands.judge.formats import KINDS, command_validator, missing_reader, validator
from conformance.contract.errors import did_you_mean

__all__ = ["chosen_validator", "valid_option"]


def valid_option() -> Callable[[Callable[..., int]], Callable[..., int]]:
    """``--valid KIND|CMD``; see `chosen_validator`."""
    text = f"What is whole: {', '.join(KINDS)}, or a command that exits 0 for it ({{path}}, else stdin)."
    return click.option("--valid", metavar="KIND|CMD", help=text)


def chosen_validator(text: str) -> Callable[[bytes], bool] | None:
    """What the option names; None for an empty text. Raises click.UsageError."""
    if not text:
        return None
    if text in KINDS:
        if package := missing_reader(text):
            raise click.UsageError(f"--valid {text}: needs the package {package}")
        return validator(text)
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise click.UsageError(f"--valid {text}: {error}") from error
    if not words or shutil.which(words[0]) is None:
        near = did_you_mean(text, KINDS)
        raise click.UsageError(f"--valid {text}: is neither a kind ({', '.join(KINDS)}) nor a command{near}")
    return command_validator(words)
