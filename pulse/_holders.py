"""Which programs have a file open, according to Windows: to name what blocks a rename."""

import ctypes
import sys

__all__ = ["holders"]

if sys.platform == "win32" and hasattr(ctypes, "WinDLL"):
    from ctypes import wintypes

    _MOST = 8  # programs to name

    class _Process(ctypes.Structure):
        """RM_PROCESS_INFO of the Restart Manager."""

        _fields_ = (
            ("process", wintypes.DWORD),
            ("started", wintypes.FILETIME),
            ("name", wintypes.WCHAR * 256),
            ("service", wintypes.WCHAR * 64),
            ("kind", ctypes.c_int),
            ("status", wintypes.ULONG),
            ("session", wintypes.DWORD),
            ("restartable", wintypes.BOOL),
        )

    def holders(path: str) -> list[str]:
        """Name and process id of at most eight programs that have ``path`` open now; none if unknown.

        Source: the Restart Manager (``RmRegisterResources``, ``RmGetList``), as used by installers.
        """
        try:
            manager = ctypes.WinDLL("rstrtmgr")
            session = wintypes.DWORD()
            key = ctypes.create_unicode_buffer(33)
            if manager.RmStartSession(ctypes.byref(session), 0, key):
                return []
            try:
                names = (wintypes.LPCWSTR * 1)(path)
                if manager.RmRegisterResources(session, 1, names, 0, None, 0, None):
                    return []
                found = (_Process * _MOST)()
                needed, given, reasons = wintypes.UINT(), wintypes.UINT(_MOST), wintypes.DWORD()
                if manager.RmGetList(session, *map(ctypes.byref, (needed, given)), found, ctypes.byref(reasons)):
                    return []
                return [f"{one.name} (process {one.process})" for one in found[: min(given.value, needed.value)]]
            finally:
                manager.RmEndSession(session)
        except OSError:  # a Windows without a Restart Manager
            return []

else:

    def holders(path: str) -> list[str]:
        """Always empty: this is not Windows."""
        return []
