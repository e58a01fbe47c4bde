"""Lets the conformance kit drive atomic-write libraries from PyPI, in mode ``python`` (SPEC.md, "Adapters").

Each class adds nothing to its library: no retry, no check, and only the options that its own documentation recommends
for replacing a file. The manifests beside this file name the class and install the library.
"""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import version
from pathlib import Path

# The manifest's `setup` installs the library beside this file.
sys.path.insert(0, str(Path(__file__).resolve().parent / "site"))

__all__ = ["AtomicWriter", "Boltons", "Safer"]


class Boltons:
    """``boltons.fileutils.atomic_save`` as a writer of profile ``replace``."""

    name = "boltons"

    def __init__(self) -> None:
        self.version = version("boltons")
        self._atomic_save = importlib.import_module("boltons.fileutils").atomic_save

    def replace(self, path: str, text: str) -> None:
        """Replace the file with the UTF-8 bytes of ``text``. Raises OSError, and ValueError for invalid text."""
        data = text.encode("utf-8")
        with self._atomic_save(path) as file:
            file.write(data)


class Safer:
    """``safer.open`` as a writer of profile ``replace``."""

    name = "safer"

    def __init__(self) -> None:
        self.version = version("safer")
        self._open = importlib.import_module("safer").open

    def replace(self, path: str, text: str) -> None:
        """Replace the file with the UTF-8 bytes of ``text``. Raises OSError, and ValueError for invalid text."""
        data = text.encode("utf-8")
        with self._open(path, "wb") as file:
            file.write(data)


class AtomicWriter:
    """``atomicwriter.AtomicWriter``, an extension written in Rust, as a writer of profile ``replace``."""

    name = "atomicwriter"

    def __init__(self) -> None:
        self.version = version("atomicwriter")
        self._writer = importlib.import_module("atomicwriter").AtomicWriter

    def replace(self, path: str, text: str) -> None:
        """Replace the file with the UTF-8 bytes of ``text``. Raises OSError, and ValueError for invalid text."""
        data = text.encode("utf-8")
        with self._writer(path, overwrite=True) as file:
            file.write_bytes(data)
