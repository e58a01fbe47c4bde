"""What an error message names: real messages of many languages, and messages that name no such error."""

from __future__ import annotations

import errno
import os
import sys

import pytest

from conformance.system.error_names import ErrorName, error_of, names_a_holder, names_error
from conformance.system.share_modes import HELD

DENIED, SHARING, LOCK = "ERROR_ACCESS_DENIED", "ERROR_SHARING_VIOLATION", "ERROR_LOCK_VIOLATION"
USED = "The process cannot access the file because it is being used by another process"
LOCKED = "The process cannot access the file because another process has locked a portion of the file"

# Message and what it names. Above each language, where the text was found: the language's source, or an issue that
# quotes what a program printed. The words of Windows itself come from winerror.h.
OF_A_HOLDER = {
    # Python: OSError_str in cpython/Objects/exceptions.c; python/cpython#137077; zaxtyson/LanZouCloud-API#108;
    # Python 2: platformio/platformio-core#2423
    "PermissionError: [WinError 5] Access is denied: 'file1.txt' -> 'file2.txt'": "WinError 5",
    f"PermissionError: [WinError 32] {USED}: 'C:\\\\a' -> 'C:\\\\b'": "WinError 32",
    "[WinError 5] Acceso denegado: 'C:\\\\a' -> 'C:\\\\b'": "WinError 5",
    "[WinError 32] 另一个程序正在使用此文件\uff0c进程无法访问。: 'D:/a.mobi'": "WinError 32",
    "[Errno 13] Permission denied: 'C:\\\\Users\\\\user\\\\Pictures'": "Errno 13",
    "PermissionError(13, 'Permission denied')": "Errno 13",
    "[Error 5] Acesso negado": "error 5",
    # Rust: Display and Debug of io::Error in rust/library/std/src/io/error.rs; actions/runner-images#4367,
    # sdbds/musubi-tuner-scripts#16
    "Access is denied. (os error 5)": "os error 5",
    "Zugriff verweigert (os error 5)": "os error 5",
    "另一个程序正在使用此文件\uff0c进程无法访问。 (os error 32)": "os error 32",
    f"{LOCKED}. (os error 33)": "os error 33",
    'Os { code: 5, kind: PermissionDenied, message: "Zugriff verweigert" }': "os error 5",
    'Os { code: 32, kind: Uncategorized, message: "" }': "os error 32",
    "permission denied": "EACCES",
    "resource busy": "EBUSY",
    # Go: LinkError in go/src/os/file.go, PathError in io/fs/fs.go, Errno in syscall/syscall_windows.go; golang/go#32188
    "rename C:\\Temp\\renameio\\blob.bin327530772.tmp C:\\Temp\\renameio\\blob.bin: Access is denied.": DENIED,
    f"rename a.tmp a: {USED}.": SHARING,
    f"write a: {LOCKED}.": LOCK,
    "open /run/status.json: permission denied": "EACCES",
    # Node: UV_ERRNO_MAP in libuv/include/uv.h; nodejs/node#29481, juampi92/auto-updater#17
    "EPERM: operation not permitted, rename 'C:\\Temp\\dest.txt-0.tmp' -> 'C:\\Temp\\dest.txt'": "EPERM",
    "EBUSY: resource busy or locked, rename 'a.tmp' -> 'a'": "EBUSY",
    "EACCES: permission denied, open 'a'": "EACCES",
    "{ errno: -4048, syscall: 'rename' }": "Errno 4048",
    "operation not permitted": "EPERM",
    # Java: jdk/src/java.base/windows/classes/sun/nio/fs/WindowsException.java; fflewddur/archivo#49,
    # stanfordnlp/CoreNLP#399; FileOutputStream: OpenLiberty/open-liberty#15812
    "java.nio.file.AccessDeniedException: a.tmp -> a": DENIED,
    f"java.nio.file.FileSystemException: C:\\a.tmp -> C:\\a: {USED}.": SHARING,
    f"java.io.IOException: {LOCKED}": LOCK,
    f"java.io.FileNotFoundException: C:\\state\\.plugin-cfg.xml ({USED})": SHARING,
    "java.io.FileNotFoundException: C:\\status.json (Access is denied)": DENIED,
    # .NET: runtime/src/libraries/Common/src/System/IO/Win32Marshal.cs and its resources
    # UnauthorizedAccess_IODenied_Path, UnauthorizedAccess_IODenied_NoPathName and IO_SharingViolation_File;
    # Thealexbarney/LibHac#277
    "Access to the path 'C:\\x\\status.json' is denied.": DENIED,
    "Access to the path is denied.": DENIED,
    "System.UnauthorizedAccessException: Der Zugriff auf den Pfad wurde verweigert.": DENIED,
    "The process cannot access the file 'C:\\x\\status.json' because it is being used by another process.": SHARING,
    "HResult: 0x80070020": "0x80070020",
    "HRESULT 0x80070005 (E_ACCESSDENIED)": "0x80070005",
    "HResult=-2147024864": "0x80070020",
    "HResult=-2147024863": "0x80070021",
    # PowerShell: dfinke/ImportExcel#1434, and its MethodInvocationException around what .NET says
    f"Move-Item : {USED}.": SHARING,
    'Exception calling "Replace" with "3" argument(s): "Access to the path \'C:\\x\\a\' is denied."': DENIED,
    # C: strerror of glibc; of musl, musl/src/errno/__strerror.h
    "a: Permission denied": "EACCES",
    "Device or resource busy": "EBUSY",
    "rename: Resource busy": "EBUSY",
    "Operation not permitted": "EPERM",
    "errno=13": "Errno 13",
    "rename failed with errno 16": "Errno 16",
    # C and C++ programs on Windows: arvidn/libtorrent#6312, get-ntmu/NTMU#5
    "CreateFile() error 32 (0x00000020)": "error 32",
    "Failed to move file 'C:\\Fonts\\a.ttf' to 'C:\\Fonts\\a.ttf.old.0'. Error: 32": "error 32",
    "GetLastError() = 33": "WinError 33",
    "ReplaceFile: ERROR_SHARING_VIOLATION": SHARING,
    # C++: _Sys_errtab and _Winerror_message in STL/stl/src/syserror.cpp
    'rename: Access is denied.: "a.tmp", "a"': DENIED,
    "device or resource busy": "EBUSY",
    # NTSTATUS: [MS-ERREF] 2.3, as in xrdp/common/ms-erref.h; Samba writes NT_ before it
    "NtSetInformationFile: 0xc0000043": "0xC0000043",
    "STATUS_SHARING_VIOLATION": "STATUS_SHARING_VIOLATION",
    "NT_STATUS_ACCESS_DENIED": "STATUS_ACCESS_DENIED",
    "STATUS_DELETE_PENDING": "STATUS_DELETE_PENDING",
    # Ruby: rubygems/bundler#5272, oneclick/rubyinstaller#246
    "Errno::EACCES: Permission denied @ rb_file_s_rename - (C:/Temp/a.tmp, C:/Temp/a)": "EACCES",
    # PHP: php_win_err in php-src/win32/winutil.c; php/php-src#7910
    "rename(newfile.php,C:\\Users\\John\\bug.php): Access is denied (code: 5)": "error 5",
    "rename(a.tmp,a): Zugriff verweigert (code: 32)": "error 32",
    # Swift, Foundation: swiftlang/swift-foundation#1084, lionheart/openradar-mirror#16182
    'Error Domain=NSCocoaErrorDomain Code=513 "You don\'t have permission."UserInfo={NSFilePath=C:\\a, '
    "NSUnderlyingError=Win32Error(code: 5)}": "error 513",
    '{Error Domain=NSPOSIXErrorDomain Code=13 "Permission denied"}': "Errno 13",
    # Kotlin/Native: kotlinx-io/core/mingw/src/files/MingwFileSystem.kt
    "Move failed with error code: 5": "error 5",
    # Dart: TheLastGimbus/GooglePhotosTakeoutHelper#139, jonataslaw/get_storage#54, flutter/flutter#31729
    "Cannot rename file to 'C:\\a.JPG', path = 'C:\\b.JPG' (OS Error: Access is denied.\n, errno = 5)": "os error 5",
    "lock failed, path = 'C:\\Documents/The_Box.gs' (OS Error: Zugriff verweigert.\r\n, errno = 33)": "os error 33",
    "(OS Error: Operation not permitted, errno = 1)": "os error 1",
    # Zig: ziglang/zig#18594
    "error: failed to rename compilation results ('C:\\zig-cache\\tmp\\30') into local cache: AccessDenied": DENIED,
    "error.AccessDenied": DENIED,
    # Haskell: haskell/cabal#6494
    r'MoveFileEx "\\\\?\\D:\\a.tmp" Just "\\\\?\\D:\\a": permission denied (Access is denied.)': DENIED,
    # OCaml: dbuenzli/bos#59
    "rename .\\bos-701c75.tmp to w.out: Permission denied": "EACCES",
    'Unix.Unix_error(Unix.EACCES, "rename", "a.tmp")': "EACCES",
    # Erlang and Elixir: {error, posix()} of file:rename/2; elixir-lang/elixir#8606
    "{:error, :eacces}": "EACCES",
    "{error,eperm}": "EPERM",
    # D: CyberShadow/DustMite#10
    "Attempting to rename file start.reduced.inprogress to start.reduced: Access is denied.": DENIED,
    # Wine: winerror.mc, as in reactos/dll/win32/kernelbase/wine/winerror.mc
    "rename a.tmp a: Access denied.": DENIED,
    "rename a.tmp a: Sharing violation.": SHARING,
    "rename a.tmp a: Lock violation.": LOCK,
}

# The same languages with a different error, and messages that only look as if they named one.
OF_NO_HOLDER = {
    "": None,
    "the status could not be saved": None,
    "OSError: write failed": None,
    "PermanentError": None,
    # other errors
    "OSError(5, 'Input/output error')": "Errno 5",
    "OSError: [Errno 28] No space left on device: 'x'": "Errno 28",
    "[Errno 5] Input/output error": "Errno 5",  # EIO, though 5 is ERROR_ACCESS_DENIED
    "[Errno 32] Broken pipe": "Errno 32",  # EPIPE, though 32 is ERROR_SHARING_VIOLATION
    "OSError: [WinError 53] The network path was not found": "WinError 53",
    "The data is invalid. (os error 13)": "os error 13",  # EACCES is 13, but Rust gives Windows' own numbers there
    "There is not enough space on the disk. (os error 112)": "os error 112",
    "EXDEV: cross-device link not permitted, rename 'a' -> 'b'": "EXDEV",
    "mv: cannot move: ENOSPC": "ENOSPC",
    "{error,enospc}": "ENOSPC",
    "java.io.IOException: No space left on device": None,
    "HRESULT: 0x80070070": "0x80070070",
    "0xC000007F": "0xC000007F",
    "STATUS_DISK_FULL": "STATUS_DISK_FULL",
    "ERROR_DISK_FULL": "ERROR_DISK_FULL",
    # longer numbers and names
    "os error 52": "os error 52",
    "error 53": "error 53",
    "error 55": "error 55",
    "errno 130": "Errno 130",
    "error 5.1": None,
    "error 5,000": None,
    "0x800700050": None,
    "EPERMANENT": None,
    "EACCESS": None,
    "NOT_EPERM": None,
    "STATUS_FILE is not set": None,
    "unexpected EOF": None,
    "ERROR: not written": None,
    # numbers of something else
    "gave up after 5 attempts": None,
    "failed after 32 retries in 2.0 s": None,
    "error: 5 attempts failed": None,
    "mv ended with exit code 5": None,
    "status code: 5": None,
    "line 13: it failed": None,
    # names of files
    "cannot write 'C:\\EPERM\\os error 5\\status.json': disk full": None,
    "cannot write 'C:\\access is denied\\status.json': disk full": None,
    'cannot write "./permission denied/status.json": disk full': None,
    "cannot write 'access denied.json': disk full": None,
    "cannot write access-denied.json: disk full": None,
    "open C:\\access denied\\status.json: There is not enough space on the disk.": None,
    "open /tmp/EPERM/status.json: no space left on device": None,
    "open EACCES.json: no space left on device": None,
    "open AccessDenied.json: no space left on device": None,
    "open 5: no space left on device": None,
    "open C:\\error 5\\status.json: disk full": None,
    "it has no access. The retry was denied": None,
}


@pytest.mark.parametrize(("message", "name"), OF_A_HOLDER.items())
def test_every_language_names_an_error_of_another_process(message: str, name: str) -> None:
    assert names_a_holder(message)
    assert str(error_of(message)) == name


@pytest.mark.parametrize(("message", "name"), OF_NO_HOLDER.items())
def test_another_error_is_no_sign_of_another_process(message: str, name: str | None) -> None:
    assert not names_a_holder(message)
    found = error_of(message)
    assert (found and str(found)) == name


def test_spellings_of_one_name_are_equal() -> None:
    assert error_of("errno: 28") == error_of("[Errno 28] No space left on device") == ErrorName("Errno", "28")
    assert error_of("0x80070020") == error_of("-2147024864") == error_of("error 0x80070020")
    assert error_of("Error: 0x20") == error_of("error code 32")
    assert error_of("NT_STATUS_SHARING_VIOLATION") == error_of("STATUS_SHARING_VIOLATION")


def test_the_first_name_counts_and_words_count_last() -> None:
    assert str(error_of("EXDEV: rename failed, then EPERM")) == "EXDEV"
    assert str(error_of("Permission denied (os error 13)")) == "os error 13"


@pytest.mark.skipif(sys.platform != "win32", reason="only Windows has its own words for errors")
@pytest.mark.parametrize("number", HELD)
def test_the_words_of_the_running_windows_are_known_in_its_language(number: int) -> None:
    if sys.platform == "win32":
        import ctypes

        assert names_a_holder(f"rename a.tmp a: {ctypes.FormatError(number)}")


@pytest.mark.parametrize(
    ("text", "error", "named"),
    [
        ("OSError: [Errno 28] No space left on device: '/run/a'", errno.ENOSPC, True),  # Python
        ("ENOSPC: no space left on device, write", errno.ENOSPC, True),  # Node
        ("{ errno: -28, syscall: 'write' }", errno.ENOSPC, True),  # Node
        ("No space left on device (os error 28)", errno.ENOSPC, True),  # Rust
        ("failed (os error 28)", errno.ENOSPC, True),
        ("errno=28", errno.ENOSPC, True),  # C
        ("errno == 28", errno.ENOSPC, True),
        ("write returned -ENOSPC", errno.ENOSPC, True),
        ("-ENOSPC", errno.ENOSPC, True),
        ("error: 28 - the disk is full", errno.ENOSPC, True),
        ("cannot write my-ENOSPC", errno.ENOSPC, False),
        ("error: 28", errno.ENOSPC, True),
        ("Errno 28", errno.ENOSPC, True),
        ("write: EWOULDBLOCK", errno.EWOULDBLOCK, True),
        ("errno 280", errno.ENOSPC, False),
        ("ENOSPCX", errno.ENOSPC, False),
        ("line 28: it failed", errno.ENOSPC, False),
        ("Read-only file system", errno.ENOSPC, False),
        ("[WinError 28]", errno.ENOSPC, False),
        ("cannot write '/run/ENOSPC/a'", errno.ENOSPC, False),
        ("", errno.EIO, False),
        ("errno 5", errno.EIO, True),
        ("unlink: EIO", errno.EIO, True),
    ],
)
def test_an_errno_is_named_by_symbol_or_number(text: str, error: int, named: bool) -> None:
    assert names_error(text, error) is named


@pytest.mark.parametrize("form", ["write /run/a: {}", "java.io.IOException: {}", "a: write error: {}"])
def test_an_errno_is_named_in_the_words_of_the_c_library(form: str) -> None:
    assert names_error(form.format(os.strerror(errno.ENOSPC).lower()), errno.ENOSPC)
