"""Opens files in a chosen share mode: on Windows, unlike elsewhere, an open file may be protected from replacement.

Python's ``open()`` shares reading and writing there, but not deletion: the kit would itself cause the refusals that it
counts. Source: CreateFileW and "Creating and Opening Files" in Microsoft's Win32 reference. While a file is being
renamed, an open may briefly fail with winerror 5 or 32 in any share mode; callers decide what that means.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from conformance.system.file_kinds import LARGEST, NotAFile, kind_at, require_regular

if TYPE_CHECKING:
    from pathlib import Path  # not at run time: implementations of the kit import this module at every start

__all__ = ["HELD", "PAUSE_SECONDS", "Sharing", "hold", "open_shared", "read_rest", "read_shared", "require_deletable"]

Sharing = Literal["none", "read", "read-write", "read-write-delete"]
"""What other processes may do while the file is open. Python's and the C library's ``open()`` use ``read-write``."""

HELD = (5, 32, 33)
"""Windows errors for a file in use: ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION."""

PAUSE_SECONDS = 0.002 if sys.platform == "win32" else 0.0
"""Between two reads of a polling reader: on Windows, reading without pause would leave no moment for a replace."""

_CHUNK = 1 << 20
_READ, _DELETE = 0x80000000, 0x00010000  # access: GENERIC_READ, DELETE
_SHARES: dict[Sharing, int] = {"none": 0, "read": 1, "read-write": 3, "read-write-delete": 7}


def open_shared(path: str | Path, sharing: Sharing = "read-write-delete") -> int:
    """Open an existing file for reading bytes; no child inherits it. ``sharing`` has no effect outside Windows.

    Returns a descriptor, which the caller closes. Raises OSError with the file's name (on Windows with ``winerror``).
    """
    return _open(str(path), _READ, sharing)


def read_shared(path: str | Path) -> bytes:
    """All bytes of a regular file, read so that others may replace or remove it meanwhile.

    It is how the kit reads whatever a judged program may have touched. Raises NotAFile for anything else than a regular
    file, without waiting for it, and for more than `LARGEST` bytes; OSError as `open_shared`.
    """
    try:
        with open(path, "rb", buffering=0, opener=lambda name, _: open_shared(name)) as file:
            return read_rest(file.fileno())
    except (FileNotFoundError, NotAFile):
        raise
    except OSError as error:
        if (kind := kind_at(path)) is not None:
            raise NotAFile(kind) from error
        raise


def read_rest(descriptor: int, begun: bytes = b"") -> bytes:
    """All bytes of an open regular file that has been read as far as ``begun``. Raises NotAFile as `read_shared`."""
    left = require_regular(descriptor) - len(begun)
    pieces, length = [begun] if begun else [], len(begun)
    # One byte more than there should be shows the end, or that the file has grown.
    while piece := os.read(descriptor, left + 1 if left >= 0 else _CHUNK):
        pieces.append(piece)
        length += len(piece)
        left -= len(piece)
        if length > LARGEST:
            raise NotAFile("a file of more than 16 MiB")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


@contextmanager
def hold(path: str | Path, sharing: Sharing) -> Iterator[None]:
    """Inside the block the file is open for reading, in this share mode. Raises OSError as `open_shared`."""
    descriptor = open_shared(path, sharing)
    try:
        yield
    finally:
        os.close(descriptor)


def require_deletable(path: str | Path) -> None:
    """Raise OSError (winerror 32) when the file is open without sharing deletion, so that a replace would be refused.

    Outside Windows it only requires that the file can be opened.
    """
    os.close(_open(str(path), _DELETE, "read-write-delete"))


if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes

    _OPEN_EXISTING = 3
    _kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    _create_file = _kernel32.CreateFileW
    _create_file.restype = wintypes.HANDLE
    _create_file.argtypes = [
        wintypes.LPCWSTR,  # name
        wintypes.DWORD,  # access
        wintypes.DWORD,  # share mode
        wintypes.LPVOID,  # security: NULL, so that no child inherits the handle
        wintypes.DWORD,  # what to do when the file exists, or does not
        wintypes.DWORD,  # flags and attributes
        wintypes.HANDLE,  # template
    ]
    _close_handle = _kernel32.CloseHandle
    _close_handle.argtypes = [wintypes.HANDLE]

    def _open(path: str, access: int, sharing: Sharing) -> int:
        handle = _create_file(path, access, _SHARES[sharing], None, _OPEN_EXISTING, 0, None)
        if handle == wintypes.HANDLE(-1).value:
            code = ctypes.get_last_error()
            raise OSError(None, ctypes.FormatError(code).strip(), path, code)
        try:
            return msvcrt.open_osfhandle(handle, os.O_RDONLY | os.O_BINARY | os.O_NOINHERIT)
        except OSError:
            _close_handle(handle)
            raise

else:

    def _open(path: str, access: int, sharing: Sharing) -> int:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)  # neither waits nor takes over
