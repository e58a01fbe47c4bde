"""Removes a folder that a judged program may have filled, or may still be changing.

Nothing outside the folder is touched: no symbolic link or junction is followed, neither at the top nor below. On Linux
and macOS everything is reached from descriptors, so that an exchange meanwhile changes nothing; on Linux no mount is
entered, and what is mounted inside is unmounted first.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

from conformance.system.windows import verbatim

if sys.platform != "win32":
    from conformance.system import removal_posix

__all__ = ["remove_folder"]


def remove_folder(folder: Path, identity: tuple[int, int] | None = None) -> None:
    """Remove a folder with everything in it, closed folders, read-only files and odd names included.

    A symbolic link or a file in the folder's place is removed itself. ``folder`` must be resolved: on Linux a link
    among the folders above it has been put there since, and is an error. With ``identity``, its device and inode,
    anything else in its place is left alone.

    Raises FileNotFoundError when it does not exist, OSError when something is left, which names it and says why
    (ESTALE: it is not the folder of that ``identity``).
    """
    if sys.platform == "win32":
        path = verbatim(folder)
        if identity is not None and (path.lstat().st_dev, path.lstat().st_ino) != identity:
            raise OSError(errno.ESTALE, "is not the same folder any more", str(folder))
        _remove_on_windows(path)
    else:
        removal_posix.remove(folder, identity)


if sys.platform == "win32":

    def _remove_on_windows(path: Path) -> None:
        """With read-only files made writable; junctions and symbolic links are removed and not entered."""
        if _is_link(path):
            path.rmdir() if path.is_dir() else path.unlink()
            return
        path.chmod(stat.S_IRWXU)
        if not path.is_dir():
            path.unlink()
            return
        with os.scandir(path) as entries:
            found = [Path(entry.path) for entry in entries]
        for inner in found:
            _remove_on_windows(inner)
        path.rmdir()

    def _is_link(path: Path) -> bool:
        """Whether it is a symbolic link or a junction: a reparse point that stands for another name."""
        tag = getattr(path.lstat(), "st_reparse_tag", 0)
        return path.is_symlink() or tag == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1)
