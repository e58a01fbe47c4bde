"""What the tests ask about Wine: it has the share rules of Windows, but not every call; the tests say which."""

import ctypes
import sys

import pytest

__all__ = ["long_names_are_refused", "under_wine"]


def under_wine() -> bool:
    """Whether this Windows is Wine, on which a few calls of Windows are missing."""
    if sys.platform == "win32":
        return hasattr(ctypes.WinDLL("ntdll"), "wine_get_version")
    return False


long_names_are_refused = pytest.mark.skipif(under_wine(), reason="Wine calls a file missing whose name is too long")
