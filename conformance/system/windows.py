"""What the kit has to know about Windows apart from share modes: names and attributes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["is_there", "verbatim"]


def verbatim(path: Path) -> Path:
    r"""The path in the form that Windows does not interpret (``\\?\``), so that any name works, however long."""
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
        """Whether a file of this name exists, without opening it: an open could get in another process's way."""
        return _attributes_of(path) != _NO_ATTRIBUTES or ctypes.get_last_error() not in _NOT_FOUND

else:

    def is_there(path: str) -> bool:
        """Whether a file of this name exists, without opening it."""
        return os.path.lexists(path)
