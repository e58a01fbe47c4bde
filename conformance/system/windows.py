"""What the kit has to know about Windows beside share modes: names and attributes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["is_there", "verbatim"]


def verbatim(path: Path) -> Path:
    r"""The path as Windows takes it without interpretation: reserved, dotted and long names, too (``\\?\``)."""
    if sys.platform == "win32":
        if not str(path).startswith("\\\\?\\"):
            return Path(f"\\\\?\\{os.path.abspath(path.parent)}\\{path.name}")
    return path


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _attributes_of = ctypes.WinDLL("kernel32", use_last_error=True).GetFileAttributesW
    _attributes_of.argtypes = [wintypes.LPCWSTR]
    _attributes_of.restype = wintypes.DWORD
    _NO_ATTRIBUTES = 0xFFFFFFFF
    _NOT_FOUND = (2, 3)  # ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND

    def is_there(path: str) -> bool:
        """Whether there is a file of this name, without opening it: a program that asks stands in nobody's way."""
        return _attributes_of(path) != _NO_ATTRIBUTES or ctypes.get_last_error() not in _NOT_FOUND

else:

    def is_there(path: str) -> bool:
        """Whether there is a file of this name, without opening it."""
        return os.path.lexists(path)
