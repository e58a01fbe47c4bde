"""How much room there is for a run, on the disk and for open files: without any, no answer ``io`` says anything."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from conformance.contract.errors import Inconclusive, ManifestError, NotApplicable

__all__ = [
    "DESCRIPTORS",
    "NEEDED",
    "blaming_room",
    "full_text",
    "is_about_room",
    "is_full",
    "require_descriptors",
    "require_room",
    "warning_of",
]

NEEDED = 4 << 20  # bytes: a document of 1 MiB before a write, its temp, and what another worker writes meanwhile
COMFORTABLE = 64 << 20  # bytes: what a whole run needs with several workers, their findings and standard errors
DESCRIPTORS = 128
"""Files that a process of the kit may have open at a time: pipes of programs, folders, and what Python opens."""
_ERRORS = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


def _free(folder: Path) -> int | None:
    """Free bytes of the folder's file system; None when the system does not say."""
    if not os.path.isdir(folder):
        return None
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def is_full(folder: Path, needed: int = NEEDED) -> bool:
    """Whether so little room is left (``needed`` bytes) that a write may fail for that reason alone."""
    free = _free(folder)
    return free is not None and free < needed


def is_about_room(error: BaseException | None) -> bool:
    """Whether an exception of the kit's own, or what it came from, says that there is no room."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _ERRORS:
            return True
        error = error.__cause__ or error.__context__
    return False


def full_text(folder: Path) -> str:
    """What to tell the user."""
    free = _free(folder) or 0
    return f"the folder of the run is full ({free >> 10:,} KiB free in {folder}): choose another with --dir or TMPDIR"


def require_room(folder: Path) -> None:
    """Raise Inconclusive when the folder of the run is full."""
    if is_full(folder):
        raise Inconclusive(full_text(folder))


@contextlib.contextmanager
def blaming_room(folder: Path) -> Iterator[None]:
    """For a block that fails where a folder is full: raise Inconclusive instead of what it raises then.

    It is for those that clean up behind it: afterwards there may be room again.
    """
    try:
        yield
    except (Inconclusive, NotApplicable):
        raise
    except Exception as error:
        if is_full(folder):
            raise Inconclusive(full_text(folder)) from error
        raise


def warning_of(folder: Path) -> str:
    """A line for the start of a run when little room is left; empty when there is enough."""
    free = _free(folder)
    if free is None or free >= COMFORTABLE:
        return ""
    return (
        f"warning: only {free >> 10:,} KiB are free in {folder}: what fails once there are less than "
        f"{NEEDED >> 10:,} KiB is inconclusive; --dir names another folder"
    )


def require_descriptors() -> None:
    """Raise ManifestError where so few files may be open that the kit, or any program, would fail for that alone."""
    if sys.platform != "win32":
        import resource

        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if 0 <= allowed < DESCRIPTORS:  # unlimited is -1 on some systems
            raise ManifestError(
                f"a process may have only {allowed} files open here, and the kit needs {DESCRIPTORS}: "
                f"raise the limit (ulimit -n {DESCRIPTORS}, or more)"
            )
