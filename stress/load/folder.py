"""The folder of a run: which files are beside the targets, and what the targets hold when no process writes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from conformance.contract.errors import ManifestError, Violation
from conformance.runner.keeps import is_kept
from conformance.runner.target_folders import PREFIX
from conformance.system.file_kinds import NotAFile
from conformance.system.run_folders import new_folder as make_folder
from conformance.system.run_folders import remove_run_folder
from conformance.system.share_modes import read_shared
from stress.record import clock
from stress.record.reports import Look
from stress.record.violations import ObservedViolation, ViolationKind, evidence_of, verify

__all__ = ["look_at", "new_folder", "temps_in"]


@contextlib.contextmanager
def new_folder(parent: Path) -> Iterator[Path]:
    """A new folder inside ``parent``, removed at the end. Raises ManifestError when it cannot be made."""
    try:
        inner = make_folder(PREFIX, parent)
    except OSError as error:
        raise ManifestError(f"--dir {parent}: cannot make a folder there: {error}") from error
    try:
        yield inner
    finally:
        with contextlib.suppress(OSError):
            remove_run_folder(inner)


def look_at(target: Path) -> Look:
    """Read a target once."""
    begin = clock.nanoseconds()
    try:
        data = read_shared(target)
        identity = verify(data)
    except FileNotFoundError:
        end = clock.nanoseconds()
        text = "missing: there is no file at the target while no process writes"
        return Look(None, begin, end, ObservedViolation("missing", end, text))
    except NotAFile as error:
        end = clock.nanoseconds()
        text = f"missing: {error.strerror}, while no process writes"
        return Look(None, begin, end, ObservedViolation("missing", end, text))
    except Violation as violation:
        end = clock.nanoseconds()
        kind: ViolationKind = "torn" if str(violation).startswith("torn") else "mixed"
        text = f"{violation}, while no process writes"
        return Look(None, begin, end, ObservedViolation(kind, end, text, evidence_of(violation)))
    return Look(identity, begin, clock.nanoseconds(), None)


def temps_in(folder: Path, names: tuple[str, ...], keeps: Iterable[str]) -> tuple[str, ...]:
    """The names of all files in the folder that are neither targets nor kept beside one (patterns ``keeps``)."""
    keeps = tuple(keeps)
    return tuple(name for name in sorted(set(os.listdir(folder)) - set(names)) if not is_kept(name, keeps, names))
