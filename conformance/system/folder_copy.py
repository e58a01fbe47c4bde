"""Copies a folder that someone else has filled: within limits, and without following links round and round."""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import os
import shutil
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from conformance.system.file_kinds import kind_of
from conformance.system.report_files import report_files

__all__ = ["DEEPEST", "MOST_BYTES", "MOST_ENTRIES", "copy_folder"]

MOST_BYTES = 2 << 30
MOST_ENTRIES = 200_000  # files and folders
DEEPEST = 100  # folders in each other


@dataclass(frozen=True)
class _Folder:
    """A folder to be copied, and the one that it was found in."""

    source: Path
    target: Path
    depth: int
    parent: _Folder | None

    def above(self, found: os.stat_result) -> _Folder | None:
        """This folder, or the nearest one above it, that is ``found``."""
        folder: _Folder | None = self
        while folder is not None and not os.path.samestat(folder.source.stat(), found):
            folder = folder.parent
        return folder


def copy_folder(
    source: Path,
    target: Path,
    *,
    ignore: Collection[str] = (),
    ignore_with: Collection[str] = (),
    most_bytes: int = MOST_BYTES,
    most_entries: int = MOST_ENTRIES,
    outside: bool = True,
) -> None:
    """Copy a folder with its modes and times, without entries whose names match a pattern in ``ignore``, and without
    reports of the kit and folders in which there is nothing else. Nor is a folder copied that has every one of the
    names ``ignore_with``, such as one in which the copy is to lie.

    What a link leads to is copied, and nothing for one that leads nowhere. A link to a folder that it is in becomes a
    link to the copy of that folder. Without ``outside`` a link that leads out of the folder stays one, to the same
    place, and nothing is copied from there. Raises OSError for more than ``most_bytes`` or ``most_entries``, for
    folders more than `DEEPEST` deep, and for anything that is neither a file nor a folder.
    """
    left, entries, top = most_bytes, 0, source.resolve()
    folders = [_Folder(source, target, 0, None)]
    made: list[_Folder] = []
    without: set[Path] = set()  # copies of folders from which a report or a folder was left out
    while folders:
        folder = folders.pop()
        names = os.listdir(folder.source)
        if ignore_with and folder.parent and set(ignore_with) <= set(names):
            without.add(folder.parent.target)
            continue
        folder.target.mkdir()
        made.append(folder)
        if reports := report_files(folder.source, names):
            without.add(folder.target)
        for name in sorted(names):
            if name in reports or any(fnmatch.fnmatch(name, pattern) for pattern in ignore):
                continue
            path, copy = folder.source / name, folder.target / name
            try:
                found = path.stat()
            except OSError:
                if path.is_symlink():
                    continue
                raise
            if not outside and path.is_symlink() and not path.resolve().is_relative_to(top):
                copy.symlink_to(path.resolve())
                continue
            entries += 1
            if entries > most_entries:
                raise _too_much(source, f"more than {most_entries:,} files and folders")
            if stat.S_ISDIR(found.st_mode):
                if path.is_symlink() and (above := folder.above(found)):
                    with contextlib.suppress(OSError):  # such as on Windows, for most users
                        copy.symlink_to(os.path.relpath(above.target, folder.target), target_is_directory=True)
                    continue
                if folder.depth == DEEPEST:
                    raise _too_much(source, f"folders more than {DEEPEST} deep")
                # Where a link leads, not by its name: a path may go through 40 links at most (path_resolution(7)).
                source_of = path.resolve() if path.is_symlink() else path
                folders.append(_Folder(source_of, copy, folder.depth + 1, folder))
                continue
            if kind := kind_of(found.st_mode):
                raise OSError(errno.EINVAL, f"{kind} cannot be copied", str(path))
            left -= found.st_size
            if left < 0:
                raise _too_much(source, f"more than {most_bytes >> 20:,} MiB")
            shutil.copy2(path, copy)
    for folder in reversed(made):
        if folder.target in without and folder.parent and not os.listdir(folder.target):
            folder.target.rmdir()  # that of a report and of nothing else
            without.add(folder.parent.target)
            continue
        shutil.copystat(folder.source, folder.target)


def _too_much(source: Path, what: str) -> OSError:
    return OSError(errno.EFBIG, f"{what}; put what the program needs into a folder of its own", str(source))
