"""What the tests ask about Wine: it has the share rules of Windows, but not every call; the tests say which."""

import ctypes
import sys

__all__ = ["under_wine"]


def under_wine() -> bool:
    """Whether this Windows is Wine, on which a few calls of Windows are missing."""
    if sys.platform == "win32":
        return hasattr(ctypes.WinDLL("ntdll"), "wine_get_version")
    return False
