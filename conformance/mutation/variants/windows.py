"""Unusual but correct ways to deal with files that other processes hold open on Windows."""

from __future__ import annotations

import os
import random
import sys
import time

from conformance.mutation.honest import SIZE_LIMIT, Honest
from conformance.mutation.registry import variant

ONLY = ("windows",)


@variant("replace", doubted_by=("FLT-*", "CON-*", "MET-*", "WIN-*"), on=ONLY)
def waits_grow(self: Honest, temp: str, target: str) -> None:
    """Waits longer after each refusal, from one millisecond to 50, and gives up after two seconds."""
    _replace(temp, target, shortest=0.001, longest=0.05, seconds=2.0)


@variant("replace", doubted_by=("FLT-*", "CON-*", "MET-*", "WIN-*"), on=ONLY)
def waits_are_long(self: Honest, temp: str, target: str) -> None:
    """Waits 20 to 100 milliseconds after each refusal, and gives up after four seconds."""
    _replace(temp, target, shortest=0.02, longest=0.1, seconds=4.0)


def _replace(temp: str, target: str, *, shortest: float, longest: float, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    wait = shortest
    while True:
        try:
            os.replace(temp, target)
            return
        except PermissionError:
            if time.monotonic() > deadline or os.path.isdir(target):
                raise
        time.sleep(wait * random.uniform(0.5, 1.0))  # jitter, so that two writers do not keep colliding
        wait = min(2 * wait, longest)


@variant("load", doubted_by=("RDR-*", "WIN-*"), on=ONLY)
def reads_by_handle(self: Honest, path: str) -> bytes | None:
    """Reads with ReadFile from a handle that shares everything, and retries for a moment when refused."""
    if sys.platform != "win32":
        raise NotImplementedError
    import ctypes
    from ctypes import wintypes

    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel32.CreateFileW.restype = wintypes.HANDLE
    for _ in range(100):
        handle = kernel32.CreateFileW(ctypes.c_wchar_p(path), 0x80000000, 7, None, 3, 0, None)
        if handle != wintypes.HANDLE(-1).value:
            break
        if ctypes.get_last_error() not in (5, 32) or os.path.isdir(path):
            return None
        time.sleep(0.002)
    else:
        return None
    try:
        buffer = ctypes.create_string_buffer(SIZE_LIMIT + 1)
        size = wintypes.DWORD()
        if not kernel32.ReadFile(wintypes.HANDLE(handle), buffer, len(buffer), ctypes.byref(size), None):
            return None
        return buffer.raw[: size.value] if size.value <= SIZE_LIMIT else None
    finally:
        kernel32.CloseHandle(wintypes.HANDLE(handle))
