"""The writers that are measured, each a function that publishes one status."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pulse import write_training_status

__all__ = ["WRITERS", "Write"]

Write = Callable[[Path, dict[str, Any]], None]
"""Publishes a status; raises OSError when it is lost."""


def _orders(path: Path, data: dict[str, Any]) -> None:
    """The algorithm of order 16.2-START, step by step; its clean-up is the ``try``/``finally`` that it asks for."""
    fd = tempfile.NamedTemporaryFile(  # noqa: SIM115 - the orders close it by hand: Windows wants that before the replace
        mode="w", encoding="utf-8", dir=path.parent, delete=False, suffix=".tmp"
    )
    try:
        json.dump(data, fd, indent=2, ensure_ascii=False)
        fd.flush()
        os.fsync(fd.fileno())
        fd.close()
        os.replace(fd.name, path)
    finally:
        fd.close()
        with contextlib.suppress(FileNotFoundError):  # it has been renamed
            os.unlink(fd.name)


def _reference(path: Path, data: dict[str, Any]) -> None:
    write_training_status(path, **data)


def _replace_file(path: Path, data: dict[str, Any]) -> None:
    """The temp is put in the target's place by ReplaceFileW, which is two renames and not one."""
    descriptor, temp = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with open(descriptor, "wb") as file:
            file.write(json.dumps(data).encode())
            file.flush()
            os.fsync(file.fileno())
        _call_replace_file(path, temp)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temp)


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _replace_file_w = ctypes.WinDLL("kernel32", use_last_error=True).ReplaceFileW
    _replace_file_w.restype = wintypes.BOOL
    _replace_file_w.argtypes = [
        wintypes.LPCWSTR,  # what is replaced
        wintypes.LPCWSTR,  # by what
        wintypes.LPCWSTR,  # the name of a backup
        wintypes.DWORD,  # flags
        wintypes.LPVOID,
        wintypes.LPVOID,
    ]

    def _call_replace_file(path: Path, temp: str) -> None:
        if not _replace_file_w(str(path), temp, None, 0, None, None):
            code = ctypes.get_last_error()
            raise OSError(None, ctypes.FormatError(code).strip(), temp, code, str(path))

else:

    def _call_replace_file(path: Path, temp: str) -> None:
        raise NotImplementedError("ReplaceFileW exists on Windows only")


WRITERS: Mapping[str, Write] = {"orders": _orders, "reference": _reference, "ReplaceFileW": _replace_file}
"""Name → writer."""
