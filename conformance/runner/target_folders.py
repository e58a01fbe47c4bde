"""The folders that the kit makes for targets, and what an implementation does to the folders themselves.

A writer that renames, replaces or removes the folder of its target breaks VIS-01, and everything else that the kit then
finds in a folder that is not its own follows from that: it is one failure, and never an error of the kit.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path

from conformance.contract.errors import Violation
from conformance.system.file_kinds import kind_of
from conformance.system.removal import remove_folder

__all__ = ["FOLDER_OF_A_CASE", "PREFIX", "TargetFolders"]

# Of the folder of a run, which implementations see: it is that of no program in particular, so that none can tell who
# asks by it.
PREFIX = "run-"
FOLDER_OF_A_CASE = re.compile(
    rf"(?:[A-Za-z]:)?[^\s\"'`]*{PREFIX}[a-z0-9_]{{8}}[/\\]+cases[/\\]+[\w.-]+[/\\]*"  # as `tempfile.mkdtemp` names it
)
_MOST_PINNED = 50  # a case that writes into hundreds of folders must not use up the kit's descriptors


@dataclass(frozen=True)
class _Made:
    """What a folder was when the kit had made it. While ``descriptor`` is open, no other folder gets its inode."""

    device: int
    inode: int
    descriptor: int | None

    @staticmethod
    def of(folder: Path, *, pinned: bool) -> _Made | None:
        """``pinned`` keeps it open. None where there is no folder, or only a link to one. Raises OSError."""
        found = os.lstat(folder)
        if not stat.S_ISDIR(found.st_mode):
            return None
        descriptor = None
        if pinned and sys.platform != "win32":
            with contextlib.suppress(OSError):
                descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        return _Made(found.st_dev, found.st_ino, descriptor)

    def close(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)


def _became_of(folder: Path, made: _Made) -> str:
    """What became of a folder, in words; empty when it is still there."""
    try:
        found = os.lstat(folder)
    except (FileNotFoundError, NotADirectoryError):
        return "the folder of the target is gone: it was renamed away or removed"
    if not stat.S_ISDIR(found.st_mode):
        return f"the folder of the target was replaced by {kind_of(found.st_mode) or 'a file'}"
    if (found.st_dev, found.st_ino) != (made.device, made.inode):
        return "the folder of the target was replaced by another folder"
    return ""


@dataclass
class TargetFolders:
    """The folders of one process of the kit that exist now, and what was found to have become of any since `forget`."""

    made: dict[Path, _Made] = field(default_factory=dict)
    found: str = ""

    def make(self, folder: Path) -> None:
        """Make a folder for a target. Raises OSError."""
        folder.mkdir()
        self.watch(folder)

    def watch(self, folder: Path) -> None:
        """Know a folder that the kit has made already; a link to one, or nothing, is not watched."""
        if folder in self.made:
            return
        with contextlib.suppress(OSError):
            if made := _Made.of(folder, pinned=len(self.made) < _MOST_PINNED):
                self.made[folder] = made

    def remove(self, folder: Path) -> None:
        """Remove a folder, or what is in its place, after a last look at it. Raises OSError."""
        self.look()
        for inside in [one for one in self.made if folder in (one, *one.parents)]:
            self.made.pop(inside).close()
        with contextlib.suppress(FileNotFoundError):  # that it is gone has just been seen
            remove_folder(folder)

    def look(self) -> str:
        """What became of a folder, in words; empty when all are still there."""
        with contextlib.suppress(OSError):  # such as a parent that may not be searched
            for folder, made in self.made.items():
                self.found = self.found or _became_of(folder, made)
        return self.found

    def require_kept(self) -> None:
        """Raise Violation when a folder is not the one that the kit had made."""
        if self.look():
            raise Violation(self.found)

    def forget(self) -> None:
        """What was made and found concerns no later case."""
        for made in self.made.values():
            made.close()
        self.made, self.found = {}, ""
