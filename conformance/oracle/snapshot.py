"""What a path is at one moment, so that two moments can be compared."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from conformance.system.file_kinds import NotAFile, kind_of
from conformance.system.share_modes import read_shared

__all__ = ["Snapshot", "snapshot"]


@dataclass(frozen=True)
class Snapshot:
    """What a path is at one moment: its kind, identity, times and bytes (None unless it is a regular file that the kit
    reads: see `conformance.system.share_modes.read_shared`).
    """

    exists: bool
    kind: int = 0
    inode: int = 0
    mode: int = 0
    owner: tuple[int, int] = (0, 0)
    modified: int = 0  # nanoseconds
    data: bytes | None = None
    instead: str = ""  # what was there, in words, when it was to be read and could not be

    @property
    def what(self) -> str:
        """What is there in place of a regular file, as the subject of a sentence; empty for a regular file, or none."""
        return (kind_of(self.kind) or self.instead) if self.exists else ""

    def difference(self, later: Snapshot) -> str:
        """Say in words what changed, or return an empty string."""
        names = {
            "exists": "existence",
            "kind": "kind of file",
            "inode": "inode",
            "mode": "mode",
            "owner": "owner",
            "modified": "modification time",
            "data": "bytes",
        }
        return ", ".join(text for name, text in names.items() if getattr(self, name) != getattr(later, name))


def snapshot(path: Path) -> Snapshot:
    """Look at a path without following a symbolic link."""
    try:
        found = os.lstat(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return Snapshot(exists=False)
        raise
    data, instead = None, ""
    if stat.S_ISREG(found.st_mode):
        try:
            data = read_shared(path)
        except NotAFile as error:
            instead = error.kind
    return Snapshot(
        exists=True,
        kind=stat.S_IFMT(found.st_mode),
        inode=found.st_ino,
        mode=stat.S_IMODE(found.st_mode),
        owner=(found.st_uid, found.st_gid),
        modified=found.st_mtime_ns,
        data=data,
        instead=instead,
    )
