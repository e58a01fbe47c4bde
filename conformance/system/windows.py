"""What the kit has to know about Windows beside share modes: names, attributes, and how a refusal is told."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from conformance.system.share_modes import HELD

__all__ = ["is_there", "names_a_refusal", "verbatim"]

# How languages tell ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION: by the system's number (Rust
# "os error 5", Python "WinError 5", .NET 0x80070005), by the C library's name (Node "EPERM"), or by words (Go, Java).
_NUMBERS = re.compile(r"(?:error|code|errno)\W{0,3}(?:5|13|32|33)\b|\b0x800700(?:05|20|21)\b", re.IGNORECASE)
_NAMES = re.compile(r"\b(?:EACCES|EPERM|EBUSY|(?:ERROR|STATUS)_(?:ACCESS_DENIED|SHARING_VIOLATION|LOCK_VIOLATION))\b")
_WORDS = re.compile(
    r"access\b.{0,400}\bdenied|AccessDenied|permission denied|operation not permitted|resource busy|"
    r"sharing violation|used by another process|locked a portion of the file",
    re.IGNORECASE,
)


def names_a_refusal(message: str) -> bool:
    """Whether the message of an answer says that the system refused because of others: as number, name or words.

    The words may be English, or those of the running Windows in its own language.
    """
    if _NUMBERS.search(message) or _NAMES.search(message) or _WORDS.search(message):
        return True
    return any(words in message for words in _words_of_this_system())


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

    def _words_of_this_system() -> list[str]:
        return [ctypes.FormatError(number).strip() for number in HELD]

else:

    def is_there(path: str) -> bool:
        """Whether there is a file of this name, without opening it."""
        return os.path.lexists(path)

    def _words_of_this_system() -> list[str]:
        return []
