"""Which files did the judging, and which were judged: SHA-256 of the kit's own files, and of a folder's."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from conformance.system.report_files import report_files

__all__ = ["POLICY", "FolderHashes", "file_hash", "folder_hashes", "kit_files"]

_KIT = Path(__file__).resolve().parents[1]
# What tools leave there, and what package managers and compilers make.
_LEFT_OUT = {"__pycache__", "node_modules", "target"}
POLICY = "audit.toml"
"""The policy of an audit, which may lie beside the manifest: no part of what is judged, and recorded by itself."""
MOST_FILES = 1_000
MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class FolderHashes:
    """The files of a folder: each by its path with ``/``, how many there are, and one hash of all of them.

    Without hashes, ``why_not`` says what was in the way.
    """

    each: Mapping[str, str] = field(default_factory=dict)
    count: int = 0
    sha256: str = ""
    why_not: str = ""


def file_hash(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def folder_hashes(folder: Path) -> FolderHashes:
    """Hash the files of a folder, without hidden ones, the policy of an audit, and what package managers, compilers and
    reports of the kit have left there.

    A folder of more than 1,000 files or 64 MiB, or with a file that cannot be read, has no hashes.
    """
    each: dict[str, str] = {}
    size = 0
    try:
        for path in _files(folder):
            if path == folder / POLICY:
                continue
            size += path.stat().st_size
            if len(each) == MOST_FILES or size > MOST_BYTES:
                return FolderHashes(why_not=f"more than {MOST_FILES:,} files or {MOST_BYTES >> 20} MiB")
            each[path.relative_to(folder).as_posix()] = file_hash(path)
    except OSError as error:
        return FolderHashes(why_not=f"cannot be read: {error.strerror or error}")
    return FolderHashes(each, len(each), _hash_of_all(each) if each else "")


@cache
def kit_files() -> str:
    """One hash of all files of the kit, but for the implementations that come with it: those are judged."""
    each: dict[str, str] = {}
    for package in (_KIT, _KIT.with_name("stress")):
        for path in _files(package, left_out=("implementations",) if package == _KIT else ()):
            each[path.relative_to(_KIT.parent).as_posix()] = file_hash(path)
    return _hash_of_all(each)


def _files(folder: Path, left_out: Collection[str] = ()) -> Iterator[Path]:
    """The regular files below a folder, in no particular order, without the folders ``left_out`` right in it."""
    for path, folders, names in os.walk(folder):
        wanted = (name for name in folders if name not in _LEFT_OUT and not name.startswith("."))
        folders[:] = [name for name in wanted if name not in left_out]
        left_out = ()
        reports = report_files(Path(path), names)
        for name in names:
            if (
                not name.startswith(".")
                and name not in reports
                and not name.endswith(".pyc")
                and os.path.isfile(file := os.path.join(path, name))
            ):
                yield Path(file)


def _hash_of_all(each: Mapping[str, str]) -> str:
    lines = "".join(f"{each[name]}  {name}\n" for name in sorted(each))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()
