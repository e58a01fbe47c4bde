"""The few calls of Windows that Python does not offer, each as one typed function.

Elsewhere, and on a fake Windows without system libraries, the same functions do what Python can.
"""

import codecs
import ctypes
import os
import struct
import sys
from typing import Any

__all__ = ["open_shared", "own_times", "rename_posix", "times_of"]

# Without O_BINARY the C library turns every \n into \r\n; without O_NOINHERIT a child holds the file.
OWN_FLAGS: int = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)

if sys.platform == "win32" and hasattr(ctypes, "WinDLL"):
    import msvcrt
    from ctypes import wintypes

    _GENERIC_READ, _DELETE, _QUERY = 0x80000000, 0x00010000, 0x00101000  # _QUERY: limited information, and waiting
    _SHARE_ALL = 0x7  # read, write, delete
    _OPEN_EXISTING = 3
    _OF_ANY_KIND = 0x02200000  # FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT: the name itself
    _INVALID = ctypes.c_void_p(-1).value
    _FILE_RENAME_INFO_EX = 22
    _REPLACE, _POSIX_SEMANTICS = 0x1, 0x2
    # ERROR_INVALID_FUNCTION, _NOT_SUPPORTED, _INVALID_PARAMETER, _CALL_NOT_IMPLEMENTED: FAT, SMB, an old Windows, Wine.
    _CANNOT = (1, 50, 87, 120)
    _NO_SUCH_PROCESS = 87  # ERROR_INVALID_PARAMETER
    _STILL_RUNNING = 258  # WAIT_TIMEOUT

    _encode_name = codecs.getencoder("utf-16-le")  # now: at a rename nothing may be left to import

    _library = ctypes.WinDLL("kernel32", use_last_error=True)

    def _function(name: str, result: Any, *arguments: Any) -> Any:
        function = getattr(_library, name)
        function.argtypes, function.restype = arguments, result
        return function

    _Handle, _Number, _Text = wintypes.HANDLE, wintypes.DWORD, wintypes.LPCWSTR
    _Pointer, _Truth = ctypes.c_void_p, wintypes.BOOL
    _create_file = _function("CreateFileW", _Handle, _Text, _Number, _Number, _Pointer, _Number, _Number, _Handle)
    _set_information = _function("SetFileInformationByHandle", _Truth, _Handle, ctypes.c_int, _Pointer, _Number)
    _close = _function("CloseHandle", _Truth, _Handle)
    _open_process = _function("OpenProcess", _Handle, _Number, _Truth, _Number)
    _current_process = _function("GetCurrentProcess", _Handle)
    _process_times = _function("GetProcessTimes", _Truth, _Handle, _Pointer, _Pointer, _Pointer, _Pointer)
    _wait = _function("WaitForSingleObject", _Number, _Handle, _Number)

    def open_shared(path: str) -> int:
        """Open ``path`` for reading so that others may replace, rename and delete it meanwhile.

        Returns a descriptor that translates no bytes and that no child inherits.

        Raises:
            OSError: the system's error, with ``winerror``.
        """
        handle = _create_file(path, _GENERIC_READ, _SHARE_ALL, None, _OPEN_EXISTING, 0, None)
        if handle == _INVALID:
            raise _last_error(path)
        try:
            return msvcrt.open_osfhandle(handle, os.O_RDONLY | OWN_FLAGS)
        except BaseException:
            _close(handle)
            raise

    def rename_posix(temp: str, target: str) -> bool:
        """Rename as POSIX does: at once, also over a target held open by programs that share delete.

        Returns False when the system, or this file system, cannot; nothing has changed then.

        Raises:
            OSError: the system's error, with both names and ``winerror``; nothing has changed.
        """
        handle = _create_file(temp, _DELETE, _SHARE_ALL, None, _OPEN_EXISTING, _OF_ANY_KIND, None)
        if handle == _INVALID:
            raise _last_error(temp, target)
        try:
            name, _ = _encode_name(target, "surrogatepass")
            # FILE_RENAME_INFO: flags, a folder's handle, bytes of the name, the name; its NUL is not counted.
            information = struct.pack("@LPL", _REPLACE | _POSIX_SEMANTICS, 0, len(name)) + name + bytes(4)
            if _set_information(handle, _FILE_RENAME_INFO_EX, information, len(information)):
                return True
            if ctypes.get_last_error() in _CANNOT:
                return False
            raise _last_error(temp, target)
        finally:
            _close(handle)

    def own_times() -> int:
        """When this process was created, in units of 100 nanoseconds since 1601."""
        return _created(_current_process())

    def times_of(process: int) -> int | None:
        """When the running process ``process`` was created, as :func:`own_times`; None when there is none.

        Raises:
            OSError: it cannot be determined.
        """
        handle = _open_process(_QUERY, False, process)
        if not handle:
            if ctypes.get_last_error() == _NO_SUCH_PROCESS:
                return None
            raise _last_error()
        try:
            return _created(handle) if _wait(handle, 0) == _STILL_RUNNING else None
        finally:
            _close(handle)

    def _created(process: int) -> int:
        times = [wintypes.FILETIME() for _ in range(4)]
        if not _process_times(process, *map(ctypes.byref, times)):
            raise _last_error()
        return times[0].dwHighDateTime << 32 | times[0].dwLowDateTime

    def _last_error(*names: str) -> OSError:
        number = ctypes.get_last_error()
        first, second = (*names, None, None)[:2]
        return OSError(0, ctypes.FormatError(number).strip(), first, number, second)

else:

    def open_shared(path: str) -> int:
        """Open ``path`` for reading; there are no share modes."""
        return os.open(path, os.O_RDONLY | OWN_FLAGS)

    def rename_posix(temp: str, target: str) -> bool:
        """Always False: this is not Windows."""
        return False

    def own_times() -> int:
        """Always 0: this is not Windows."""
        return 0

    def times_of(process: int) -> int | None:
        """Always raises OSError: this is not Windows."""
        raise OSError("not Windows")
