"""Files that an implementation keeps beside its targets on purpose, such as a lock file or a backup.

A manifest declares them (``[declares] keeps``). Those that it does not declare are one failure, of FLT-02, and not one
of every clause that looks at a folder: what is there after each successful write is no temp of any one of them.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from conformance.contract.errors import ImplementationError
from conformance.oracle.payload import make_status
from conformance.runner.requests import publish_request
from conformance.runner.run import Run
from conformance.subject.client import Implementation, start

__all__ = ["NAME", "is_kept", "kept_by", "not_kept", "undeclared"]

NAME = "{name}"
_LONGEST = 255  # bytes of a file name
_numbers = itertools.count()


def is_kept(name: str, patterns: Iterable[str], targets: Collection[str]) -> bool:
    """Whether a file is what a pattern says of one of the targets, ``{name}`` being the target's name.

    Where the whole name would be too long for a file system, the beginning of the target's name stands for it.
    """
    return any(_matches(name, pattern, target) for pattern in patterns for target in targets)


def _matches(name: str, pattern: str, target: str) -> bool:
    if name == pattern.replace(NAME, target):
        return True
    before, found, after = pattern.partition(NAME)
    if not found or len(os.fsencode(f"{before}{target}{after}")) <= _LONGEST:
        return False
    middle = name.removeprefix(before).removesuffix(after)
    return name == f"{before}{middle}{after}" and bool(middle) and target.startswith(middle)


def not_kept(run: Run, names: Iterable[str], targets: Collection[str]) -> frozenset[str]:
    """Of some names beside targets, those that are not kept there, declared or not."""
    declared = run.manifest.keeps
    left = frozenset(name for name in names if not is_kept(name, declared, targets))
    if not left:
        return left
    seen = undeclared(run)
    return frozenset(name for name in left if not is_kept(name, seen, targets))


def kept_by(run: Run) -> tuple[str, ...]:
    """The patterns of all files that stay beside a target, declared or not, for `is_kept`."""
    return (*run.manifest.keeps, *undeclared(run))


def undeclared(run: Run) -> tuple[str, ...]:
    """The patterns of files that stay beside a target after each successful write and that are not declared.

    Measured once per run: the same files are there after a second and after a third write. Empty when these writes
    fail, or when each leaves another file.
    """
    return tuple(run.notes.once("undeclared", lambda: _measured(run)))


def _measured(run: Run) -> list[str]:
    folder = run.folder / "cases" / f"keeps-{os.getpid()}-{next(_numbers)}"
    folder.mkdir(parents=True)
    target = folder / "target-of-three-writes.json"
    seen: list[frozenset[str]] = []
    try:
        implementation = start(run.manifest, run.launch_options())
        try:
            for sequence in range(3):
                if not _writes(implementation, run, target, sequence):
                    return []
                seen.append(frozenset(os.listdir(folder)) - {target.name})
        finally:
            implementation.kill()
    except (ImplementationError, OSError):
        return []
    if seen[1] != seen[2]:
        return []
    left = (name for name in sorted(seen[2]) if not is_kept(name, run.manifest.keeps, [target.name]))
    return [name.replace(target.name, NAME) for name in left]


def _writes(implementation: Implementation, run: Run, target: Path, sequence: int) -> bool:
    operation, fields = publish_request(run.manifest.profile, target, make_status(0, sequence))
    return implementation.request(operation, **fields).ok
