"""Builds the program of a bug report, and again when its source has changed: for repro.py beside this file.

It uses the standard library of Python 3.9 or later. subject.json beside this file says how the program is built.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conformance.commands.report_bug.driver import HERE, CannotTell, subject

__all__ = ["set_up"]

_RECORD = ".set-up"
_BESIDE = (_RECORD, "__pycache__", ".git")  # no source, and made by others than the build


def set_up() -> None:
    """Build the program, unless it is built from the source that is there. Raises CannotTell."""
    folder, commands = HERE / subject()["folder"], subject()["setup"]
    record = _recorded(folder / _RECORD)
    made = set(record["made"])
    if not commands or record["built"] == {"setup": commands, "source": _source(folder, made)}:
        return
    before = set(_paths(folder, made))
    complete = False
    try:
        _build(folder, commands)
        complete = True
    finally:
        made |= _first_of_each(set(_paths(folder, made)) - before, before)
        # The source as the build leaves it: one that writes some of it, such as a lock file, need not be run again.
        built = {"setup": commands, "source": _source(folder, made)} if complete else None
        text = json.dumps({"made": sorted(made), "built": built}, indent=2)
        (folder / _RECORD).write_text(f"{text}\n", encoding="utf-8")


def _build(folder: Path, commands: list[list[str]]) -> None:
    for command in commands:
        words = [sys.executable if word == "{python}" else word for word in command]
        try:
            code = subprocess.run(words, cwd=folder, check=False).returncode
        except OSError as error:
            raise CannotTell(f"the program cannot be built: {error}") from error
        if code:
            raise CannotTell(f"the program cannot be built: {words} ended with exit code {code}")


def _recorded(file: Path) -> dict[str, Any]:
    """What the last build made, and from what it built; ``built`` is None if it failed or there was none."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return {"made": [str(name) for name in found["made"]], "built": found["built"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {"made": [], "built": None}


def _source(folder: Path, made: set[str]) -> str:
    """A hash of the names and bytes of all files but those that a build made."""
    digest = hashlib.sha256()
    for name, path in sorted(_paths(folder, made).items()):
        if path.is_symlink() or not path.is_dir():
            data = os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
            digest.update(json.dumps([name, hashlib.sha256(data).hexdigest()]).encode("ascii"))
    return digest.hexdigest()


def _paths(folder: Path, made: set[str]) -> dict[str, Path]:
    """Everything in the folder by its name there, but what a build made."""
    return {path.relative_to(folder).as_posix(): path for path in _walk(folder, folder, made)}


def _walk(top: Path, folder: Path, made: set[str]) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in _BESIDE or path.relative_to(top).as_posix() in made:
            continue
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _walk(top, path, made)


def _first_of_each(new: set[str], before: set[str]) -> set[str]:
    """Of new names those whose folder was there before: ``node_modules``, and nothing of what is in it."""
    return {name for name in new if "/" not in name or name.rpartition("/")[0] in before}
