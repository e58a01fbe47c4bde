"""A working folder of a case's own, in which an implementation finds what it finds in its manifest's folder."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

__all__ = ["mirror"]


def mirror(folder: Path, working: Path) -> set[str]:
    """Put a link to each entry of ``folder`` into ``working``, or a copy where links cannot be made.

    Returns their names. Raises OSError.
    """
    names = set()
    for entry in folder.iterdir():
        _link_or_copy(entry, working / entry.name)
        names.add(entry.name)
    return names


def _link_or_copy(entry: Path, mirrored: Path) -> None:
    with contextlib.suppress(OSError):
        mirrored.symlink_to(entry, target_is_directory=entry.is_dir())
    if os.path.lexists(mirrored):  # Wine reports success, but makes no link
        return
    if entry.is_dir():
        shutil.copytree(entry, mirrored)
    else:
        shutil.copy(entry, mirrored)
