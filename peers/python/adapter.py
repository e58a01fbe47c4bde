"""Lets the conformance kit drive atomic-write libraries from PyPI, in mode ``python`` (SPEC.md, "Adapters").

Each class adds nothing to its library: no retry, no check, and only the options that its own documentation recommends
for replacing a file. The manifests beside this file name the class and install the library, one of them at a time.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["AtomicWriter", "Boltons", "Safer"]

# The manifest's `setup` installs the library beside this file.
sys.path.insert(0, str(Path(__file__).resolve().parent / "site"))


def _library(name: str) -> tuple[Any, str]:
    """A library and its version, imported now, because fake file systems do not have it; None for one not installed."""
    return (import_module(name), version(name)) if find_spec(name) else (None, "")


_boltons, _boltons_version = _library("boltons")
_fileutils: Any = import_module("boltons.fileutils") if _boltons else None
_safer, _safer_version = _library("safer")
_atomicwriter, _atomicwriter_version = _library("atomicwriter")


class Boltons:
    """``boltons.fileutils.atomic_save`` as a writer of profile ``replace``."""

    name = "boltons"
    version = _boltons_version

    def replace(self, path: str, text: str) -> None:
        """Replace the file with the UTF-8 bytes of ``text``. Raises OSError, and ValueError for invalid text."""
        data = text.encode("utf-8")
        with _fileutils.atomic_save(path) as file:
            file.write(data)


class Safer:
    """``safer.open`` as a writer of profile ``replace``."""

    name = "safer"
    version = _safer_version

    def replace(self, path: str, text: str) -> None:
        """Replace the file with the UTF-8 bytes of ``text``. Raises OSError, and ValueError for invalid text."""
        data = text.encode("utf-8")
        with _safer.open(path, "wb") as file:
            file.write(data)


class AtomicWriter:
    """``atomicwriter.AtomicWriter``, an extension written in Rust, as a writer of profile ``replace``."""

    name = "atomicwriter"
    version = _atomicwriter_version

    def replace(self, path: str, text: str) -> None:
        """Replace the file with the UTF-8 bytes of ``text``. Raises OSError, and ValueError for invalid text."""
        data = text.encode("utf-8")
        with _atomicwriter.AtomicWriter(path, overwrite=True) as file:
            file.write_bytes(data)
