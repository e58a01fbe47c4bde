"""The command that repeats what a result is about.

Options are declared once, as fields of a frozen dataclass with defaults (`conformance.runner.run.RunPlan`, the
`Scenario` of the stress harness); those that differ from their defaults become the options of the command.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["as_started", "changed_options", "repeat_command"]

# The command that an environment of tox.ini runs with the words after `--`.
_OF_TOX = {"conformance": "pulse conformance", "powercut": "pulse stress powercut", "stress": "pulse stress suite"}
# Modules that are a command, for `python -m`.
_OF_MODULE = {"conformance.cli": "pulse conformance", "stress": "pulse stress", "stress.cli": "pulse stress"}


def changed_options(
    plan: DataclassInstance,
    usual: DataclassInstance,
    *,
    names: Mapping[str, str] | None = None,
    leave_out: Collection[str] = (),
) -> list[tuple[str, Any]]:
    """The fields of ``plan`` that differ from ``usual``, as (option, value).

    An option is named as its field, with hyphens, unless ``names`` has another name for it.
    """
    named = names or {}
    return [
        (named.get(field.name, field.name.replace("_", "-")), getattr(plan, field.name))
        for field in dataclasses.fields(usual)
        if field.name not in leave_out and getattr(plan, field.name) != getattr(usual, field.name)
    ]


def repeat_command(command: str, options: Iterable[tuple[str, Any]]) -> str:
    """The command line ``command``, which may have options already, with these at its end: ``[("dir", Path("/tmp"))]``.

    A value None or False leaves its option out, and True is an option without a value. The members of a tuple have
    commas between them. An option of one letter, such as ``n``, has one hyphen.
    """
    return " ".join([command, *map(shlex.quote, _words(options))])


def _words(options: Iterable[tuple[str, Any]]) -> Iterator[str]:
    for name, value in options:
        if value is None or value is False:
            continue
        yield f"-{name}" if len(name) == 1 else f"--{name}"
        if isinstance(value, tuple):
            yield ",".join(map(str, value))
        elif isinstance(value, float):
            yield f"{value:g}"
        elif value is not True:
            yield str(value)


def as_started(
    command: str,
    arguments: Sequence[str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """A command line that begins with ``pulse``, for the user to type: ``pulse`` as this process was started, which may
    be ``tox -e conformance --`` or ``python -m pulse``.

    ``arguments`` and ``environment`` are those of this process, `sys.orig_argv` and `os.environ`.
    """
    given = sys.orig_argv if arguments is None else list(arguments)
    variables = os.environ if environment is None else environment
    of_tox = variables.get("TOX_ENV_NAME", "")
    program, rest = _program(given), command.removeprefix("pulse ")
    if of_tox == "wine":
        return f"tox -e wine -- {command}"
    if (known := _OF_TOX.get(of_tox)) and f"{command} ".startswith(f"{known} "):
        return f"tox -e {of_tox} --{command.removeprefix(known)}"
    if program is None or rest == command:
        return command
    found = None if of_tox else shutil.which("pulse", path=variables.get("PATH"))
    if isinstance(program, str):  # a module
        options = given[: given.index("-m") + 1]
        if found and "-P" in options and Path(found).parent == Path(given[0]).parent:
            return command  # as the kit starts itself: what `pulse` runs, and not what lies in the current folder
        python = shlex.join(options)
        known = _OF_MODULE.get(program, "")
        if known and f"{command} ".startswith(f"{known} "):
            return f"{python} {program}{command.removeprefix(known)}"
        return f"{python} pulse {rest}" if program == "pulse" or known else command
    same = found is not None and Path(found).parent == program.parent
    return command if same else f"{shlex.quote(str(program))} {rest}"


def _program(arguments: Sequence[str]) -> str | Path | None:
    """What Python runs: a module, by its name, the program ``pulse``, by its path, or neither of these."""
    words = list(arguments[1:])
    while words and words[0].startswith("-") and words[0] != "-m":
        words.pop(0)
    if len(words) > 1 and words[0] == "-m":
        return words[1]
    for word in [*words[:1], *arguments[:1]]:  # on Windows pulse.exe may be all that there is
        if Path(word).stem == "pulse":
            return Path(word)
    return None
