"""The prepared folder: measured, copied once, and put back as it was before each run."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conformance.runner.clean_up import remove_left_folders, remove_or_say
from conformance.subject.forking import serving_forks
from conformance.system.removal import remove_folder
from conformance.system.run_folders import new_folder
from conformance.system.temporary_folder import temporary_folder

__all__ = ["MOST_BYTES", "MOST_FILES", "FolderError", "Measured", "Stage", "listing", "measured"]

MOST_FILES, MOST_BYTES = 10_000, 200 << 20  # of a prepared folder: each run starts from a copy of it


class FolderError(ValueError):
    """The prepared folder cannot be used. The message says why, and what to do."""


@dataclass(frozen=True)
class Measured:
    """What a folder holds: how many files and bytes, and whether there is anything that was not copied."""

    files: int
    size: int
    skipped: tuple[str, ...] = ()  # sockets, FIFOs and devices


def measured(folder: Path) -> Measured:
    """Count what would be copied. Raises FolderError for a folder that is too large, or cannot be read."""
    files, size = 0, 0
    skipped: list[str] = []
    try:
        for entry in _entries(folder):
            mode = entry.stat(follow_symlinks=False).st_mode
            files += 1
            if stat.S_ISREG(mode):
                size += entry.stat(follow_symlinks=False).st_size
                if not os.access(entry.path, os.R_OK):
                    raise FolderError(f"{entry.path}: cannot be read, so that the folder cannot be copied")
            elif not (stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
                skipped.append(os.path.relpath(entry.path, folder))
            if files > MOST_FILES or size > MOST_BYTES:
                raise FolderError(
                    f"{folder}: has more than {MOST_FILES:,} files or {MOST_BYTES >> 20} MiB, and is copied for each "
                    "run; name a smaller folder with --dir, with what the command needs and no more"
                )
    except OSError as error:
        raise FolderError(f"{folder}: cannot be copied: {error}") from error
    return Measured(files, size, tuple(skipped))


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(Path(entry.path))


def listing(root: Path) -> dict[str, int]:
    """Everything below a folder: relative name → length in bytes; names of folders end in ``/`` and have length 0."""
    found: dict[str, int] = {}
    for entry in _entries(root):
        name = Path(entry.path).relative_to(root).as_posix()
        is_folder = entry.is_dir(follow_symlinks=False)
        found[f"{name}/" if is_folder else name] = 0 if is_folder else entry.stat(follow_symlinks=False).st_size
    return found


class Stage:
    """The private temporary folder in which the command runs, always at the same path.

    ``root`` is what the tracer watches: ``root/work``, the copy of the prepared folder, and ``root/tmp``, which the
    command finds in TMPDIR. Use it in a ``with`` block, in which a fork server starts the runs; at its end everything
    is removed.
    """

    def __init__(self, prepared: Path) -> None:
        remove_left_folders()
        try:
            self._base = new_folder("pulse-judge-")
        except OSError as error:
            raise FolderError(
                f"{temporary_folder()}: cannot make a private folder there: {error}; see TMPDIR"
            ) from error
        self.root = self._base / "stage"
        self.work = self.root / "work"
        self.children = self._base / "children"
        self._template = self._base / "prepared"
        self._later = self._base / "later"
        self._serving = contextlib.ExitStack()
        try:
            self.children.mkdir()
            _copy(prepared, self._template)
            self.reset()
        except OSError as error:
            remove_or_say(self._base)
            raise FolderError(f"{prepared}: cannot be copied to {self._base}: {error}") from error

    def __enter__(self) -> Stage:
        self._serving.enter_context(serving_forks(self.children))
        return self

    def __exit__(self, *raised: object) -> None:
        self._serving.close()
        remove_or_say(self._base)

    def reset(self) -> None:
        """The folder as it was prepared, and an empty TMPDIR."""
        _remove(self.root)
        (self.root / "tmp").mkdir(parents=True)
        _copy(self._template, self.work)

    def keep(self) -> None:
        """What the last run left becomes the prepared folder; `put_back` undoes it."""
        self._template.rename(self._later)
        _copy(self.work, self._template)

    def put_back(self) -> None:
        """The folder as it was prepared before `keep`."""
        _remove(self._template)
        self._later.rename(self._template)


def _copy(folder: Path, to: Path) -> None:
    shutil.copytree(folder, to, symlinks=True, copy_function=_copied, ignore=_special)
    found = os.stat(folder)
    _keep_owner(to, found)


def _copied(source: str, to: str) -> str:
    shutil.copy2(source, to, follow_symlinks=False)
    _keep_owner(Path(to), os.lstat(source))
    return to


def _keep_owner(path: Path, found: os.stat_result) -> None:
    if sys.platform != "win32" and os.geteuid() == 0:
        os.chown(path, found.st_uid, found.st_gid, follow_symlinks=False)


def _special(folder: str, names: list[str]) -> list[str]:
    """What is neither a file nor a folder nor a symbolic link: to copy a FIFO would wait for its other end."""
    kinds = (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)
    return [name for name in names if stat.S_IFMT(os.lstat(os.path.join(folder, name)).st_mode) not in kinds]


def _remove(folder: Path) -> None:
    """Remove a folder in which a program has run. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        remove_folder(folder)
