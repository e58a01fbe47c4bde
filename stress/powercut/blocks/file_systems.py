"""The file systems on which every block can be cut: those of the kit, and what else this machine can make and mount."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stress.disk import KINDS, Kind, system_path

__all__ = ["FileSystem", "file_systems", "known_to_kernel"]

_SIZE = 520 << 20  # bytes; mkfs.ext3 takes a smaller one for a floppy disk, with blocks of 1 KiB
_XFS_COPY = "nouuid"  # xfs refuses a second file system of the same id, unless told so


@dataclass(frozen=True)
class FileSystem:
    """A file system with its mount options. ``kind.name`` is its type; ``copies`` are the options for its images, of
    which several may be mounted at once.
    """

    name: str
    kind: Kind
    copies: Kind


def _with(name: str, kind: Kind, options: str, copies: str = "") -> FileSystem:
    return FileSystem(
        name,
        dataclasses.replace(kind, options=options),
        dataclasses.replace(kind, options=",".join(filter(None, (options, copies)))),
    )


def file_systems(types: Iterable[str], path: str | None = None) -> Mapping[str, FileSystem]:
    """What can be cut at every block here, by name: ext4 in three ways, xfs, btrfs, and each other of these ``types``
    that has a command mkfs.TYPE. ``path`` is where commands are looked for (default: PATH and the system's folders).
    """
    ext4 = KINDS["ext4"]
    found = [
        _with("ext4", ext4, ext4.options),
        _with("ext4-auto_da_alloc", ext4, ""),
        _with("ext4-writeback", ext4, f"{ext4.options},data=writeback"),
        _with("xfs", KINDS["xfs"], "", _XFS_COPY),
        _with("btrfs", KINDS["btrfs"], ""),
    ]
    for name in types:
        make = f"mkfs.{name}"
        if name not in KINDS and shutil.which(make, path=path or system_path()):
            found.append(_with(name, Kind(name, _SIZE, (make,), "", make), ""))
    return {file_system.name: file_system for file_system in found}


def known_to_kernel(table: Path = Path("/proc/filesystems")) -> tuple[str, ...]:
    """The types of file systems on block devices that the running kernel has now (proc(5)); none where it has no such
    table.
    """
    try:
        lines = table.read_text(encoding="ascii").splitlines()
    except OSError:
        return ()
    return tuple(words[0] for words in map(str.split, lines) if len(words) == 1)
