"""What a command wrote outside of the copy, in words: what it means, and how it can be judged. Pure functions."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

__all__ = ["notes_on"]

_SHOWN = 5
_VARIABLES = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "HOME")  # the first that leads to a file counts
_PASSED_OVER = (".cache", ".npm")  # in the home folder: what is lost there is made again


def notes_on(
    outside: Sequence[str], folder: Path, words: Sequence[str], environment: Mapping[str, str], options: Sequence[str]
) -> list[str]:
    """Notes on these files. ``folder`` was copied, ``words`` are the command, and ``options`` those to repeat."""
    notes = []
    own = [name for name in outside if PurePosixPath(name).is_relative_to(folder.as_posix())]
    if own:
        notes.append(f"it wrote {_listed(own)} itself, not the copy: its path is absolute; use a relative path")
    rest = [name for name in outside if name not in own]
    if rest:
        notes.append(f"it also writes outside of the folder, which is not judged: {_listed(rest)}")
    if variable := next(filter(None, (_leading_to(name, environment) for name in rest)), ""):
        command = ["pulse", "judge", *options, "--", "sh", "-c", f'{variable}=$PWD exec "$@"', "sh", *words]
        notes.append(f"to judge it: {shlex.join(command)}")
    return notes


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def _leading_to(name: str, environment: Mapping[str, str]) -> str:
    """The variable by which a program finds a file; empty for one that none leads to, or that is a cache."""
    path = PurePosixPath(name)
    for variable in _VARIABLES:
        start = environment.get(variable, "")
        if not start.startswith("/") or start == "/" or not path.is_relative_to(start):
            continue
        return "" if path.relative_to(start).parts[0] in _PASSED_OVER else variable
    return ""
