"""The one recogniser of what an error message names: which error of the system, and whether another process caused it.

Implementations are written in any language, so an answer's message is the only place where the system's error is found:
as a number (Python ``WinError 5``, Rust ``os error 5``, .NET ``0x80070020``), as a symbol (Node ``EPERM``), or in words
(Go, Java). Quoted paths are ignored, and so are names and numbers that are part of a longer name.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from conformance.system.share_modes import HELD

__all__ = ["ErrorName", "error_of", "names_a_holder", "names_error"]


@dataclass(frozen=True)
class ErrorName:
    """An error as a message names it; different spellings of one name are equal.

    ``numbering`` says whose number ``name`` is: ``Errno`` of the C library, ``WinError`` of Windows, ``os error`` of
    the system that the program runs on, ``error`` when the message does not say. It is empty when ``name`` is a symbol
    such as ``EXDEV`` or ``ERROR_SHARING_VIOLATION``, an HRESULT or an NTSTATUS.
    """

    numbering: str
    name: str

    def __str__(self) -> str:
        return f"{self.numbering} {self.name}".strip()


def error_of(message: str) -> ErrorName | None:
    """The first error that a message names by number or symbol, else the one it describes in words, else None.

    Words are recognised only for the errors that `names_a_holder` looks for.
    """
    text = _without_quoted_paths(message)
    return next(_numbers_and_symbols(text), None) or next(_in_words(text), None)


def names_a_holder(message: str) -> bool:
    """Whether a message names an error that Windows gives when another process has the file open.

    These are ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION, and what C libraries turn them
    into. A message in words may be English or in the language of the running Windows.
    """
    text = _without_quoted_paths(message)
    return any(_is_of_a_holder(name) for name in _numbers_and_symbols(text)) or any(True for _ in _in_words(text))


def names_error(message: str, error: int) -> bool:
    """Whether a message names this errno of the running system: by symbol, by number or in the C library's words."""
    text = _without_quoted_paths(message)
    if os.strerror(error).lower() in text.lower():
        return True
    return any(_is_errno(name, error) for name in _numbers_and_symbols(text))


# Neither inside a longer name, nor a component of a path, nor the stem of a file name.
_START = r"(?<![\w\\/-])"
_START_OF_SYMBOL = r"(?<![\w\\/])(?<![\w\\/.]-)"
_END = r"(?![\\/-]?\w|\.\w|,\d)"
_NUMBER = r"(?:0x[0-9a-f]+|\d+)"
_GAP = r"[^\w.\n]{0,3}"

_NUMBERED = re.compile(
    rf"""
      {_START} WinError {_GAP} (?P<windows> {_NUMBER} ) {_END}                        # Python
    | {_START} (?:Win32 | Win32Exception | GetLastError) (?:[ ]?error)? (?:\(\))? {_GAP} (?:code{_GAP})?
      (?P<win32> {_NUMBER} ) {_END}                                                   # Swift, and C programs
    | {_START} os[ ]error [ ] (?P<system> {_NUMBER} ) {_END}                          # Rust
    | \b Os [ ] \{{ [ ] code: [ ] (?P<debug> \d+ ) {_END}                             # Rust, {{:?}}
    | {_START} OS[ ]Error: [^()]{{0,400}}? errno [ ]=[ ] (?P<dart> \d+ ) {_END}       # Dart: Windows' own number there
    | \b \w{{1,60}} Error \( (?P<repr> \d+ ), [ ]                                     # Python, repr of an OSError
    | NSPOSIXErrorDomain [ ] Code= (?P<posix> \d+ ) {_END}                            # Foundation
    | errno [^\w.\n]{{0,4}} (?P<errno> \d+ ) {_END}                                    # Python, Node, C programs
    | {_START} (?P<hex> 0x (?:8007[0-9a-f]{{4}} | c[0-9a-f]{{7}}) ) {_END}            # HRESULT of Windows, NTSTATUS
    | (?<!\w) (?P<decimal> -2147024[0-9]{{3}} ) {_END}                                # HRESULT as .NET prints it
    # After a colon the number must stand alone: "error: 5 attempts failed" counts something.
    | (?:error | (?<!exit[ ]) (?<!status[ ]) (?<!return[ ]) code)
      (?: [^\w.:\n]{{0,3}} (?P<plain> {_NUMBER} ) {_END}
        | {_GAP} (?P<alone> {_NUMBER} ) {_END} (?= \s* (?: $ | [()\]{{}}.,:;"'-] ) ) )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_NUMBERING = {
    "windows": "WinError",
    "win32": "WinError",
    "system": "os error",
    "debug": "os error",
    "dart": "os error",
    "posix": "Errno",
    "repr": "Errno",
    "errno": "Errno",
    "plain": "error",
    "alone": "error",
}

_SYMBOL = re.compile(
    # C programs print a negative errno as -ENOSPC.
    rf"{_START_OF_SYMBOL}(?:(?P<c>E[A-Z0-9]{{2,}})|(?P<windows>ERROR_[A-Z_]+|E_ACCESSDENIED)|(?:NT_)?(?P<status>STATUS_[A-Z_]+))"
    rf"{_END}|(?<=[:,])(?P<atom>e[a-z0-9]{{2,}}){_END}"  # Erlang and Elixir: {error,eacces}, :eacces
)
# The names of this system, and some of Linux, macOS, BSD and libuv: a program may use them on another system.
_C_NAMES = frozenset(
    (
        *(name for name in dir(errno) if name.startswith("E")),
        *("ECHARSET", "EDQUOT", "EFTYPE", "ENONET", "ENOTCAPABLE", "EREMOTEIO", "ESTALE", "EUCLEAN"),
    )
)
_STATUS_OF_A_HOLDER = (
    "STATUS_ACCESS_DENIED",
    "STATUS_SHARING_VIOLATION",
    "STATUS_FILE_LOCK_CONFLICT",
    "STATUS_LOCK_NOT_GRANTED",
    "STATUS_DELETE_PENDING",
)
_HEX_STATUS_OF_A_HOLDER = ("0xC0000022", "0xC0000043", "0xC0000054", "0xC0000055", "0xC0000056")  # in the same order
_STATUS = (*_STATUS_OF_A_HOLDER, "STATUS_DISK_FULL")  # only these: a program may have its own STATUS_FILE
_ERROR_OF_HELD = dict(
    zip(HELD, ("ERROR_ACCESS_DENIED", "ERROR_SHARING_VIOLATION", "ERROR_LOCK_VIOLATION"), strict=True)
)
_ERRNO_OF_A_HOLDER = {
    1: "EPERM",
    13: "EACCES",
    16: "EBUSY",
    4048: "EPERM",
    4092: "EACCES",
    4082: "EBUSY",
}  # 40xx: libuv
_HOLDERS = frozenset(
    {
        *((numbering, str(number)) for numbering in ("WinError", "os error", "error") for number in HELD),
        *(("Errno", str(number)) for number in _ERRNO_OF_A_HOLDER),
        ("error", "13"),  # a C program's errno; as an error of Windows it is ERROR_INVALID_DATA
        *(("", f"0x{0x80070000 + number:08X}") for number in HELD),
        *(("", name) for name in _ERRNO_OF_A_HOLDER.values()),
        *(("", name) for name in _ERROR_OF_HELD.values()),
        *(("", name) for name in (*_STATUS_OF_A_HOLDER, *_HEX_STATUS_OF_A_HOLDER, "E_ACCESSDENIED")),
    }
)

# A path may stand between "access" and "denied", but not the end of a sentence.
_WORDS = {
    "ERROR_ACCESS_DENIED": r"(?<!\.)access\b(?:[^.;\n]|\.(?=\S)){0,400}?(?<=\s)denied|AccessDenied(?:Exception|Error)?|"
    r"UnauthorizedAccessException|PermissionDenied|PermissionError",
    "ERROR_SHARING_VIOLATION": r"sharing ?violation|(?:used|use) by another process",
    "ERROR_LOCK_VIOLATION": r"lock ?violation|locked a portion of the file",
    "EACCES": r"permission denied",
    "EPERM": r"operation not permitted",
    "EBUSY": r"resource busy",
}
_IN_WORDS = {
    name: re.compile(rf"{_START}(?:{words})(?![\\/-]?\w|\.\w)", re.IGNORECASE) for name, words in _WORDS.items()
}

_LONGEST = 20_000  # characters of a message that are read, and 1,000 of a path: any program may have written it
_QUOTED = (
    re.compile(r"(?<!\w)'([^\n]{0,1000}?)'(?!\w)"),
    re.compile(r'"([^"\n]{0,1000})"'),
    re.compile("“([^”\n]{0,1000})”"),
)
_PATH = re.compile(r"(?:[A-Za-z]:)?[\\/].*|\.{1,2}[\\/].*|\S*[\\/]\S*|.*\.[a-z0-9]{1,5}", re.DOTALL)


def _without_quoted_paths(message: str) -> str:
    """The message without the paths that it quotes: a file may be named "access denied.json"."""
    message = message[:_LONGEST]
    for quoted in _QUOTED:
        message = quoted.sub(lambda found: " " if _is_path(found[1]) else found[0], message)
    return message


def _is_path(quoted: str) -> bool:
    # ": " joins a path and an error in a message that is quoted whole.
    return ": " not in quoted and _PATH.fullmatch(quoted) is not None


def _numbers_and_symbols(text: str) -> Iterator[ErrorName]:
    found = [*_NUMBERED.finditer(text), *_SYMBOL.finditer(text)]
    for match in sorted(found, key=lambda one: one.start()):
        group = match.lastgroup or ""
        name = _numbered(group, match[group]) if match.re is _NUMBERED else _symbol(group, match[group])
        if name is not None:
            yield name


def _numbered(group: str, written: str) -> ErrorName:
    number = int(written, 16 if written.lower().startswith("0x") else 10) % 2**32
    return ErrorName("", f"0x{number:08X}") if number >= 2**31 else ErrorName(_NUMBERING[group], str(number))


def _symbol(group: str, written: str) -> ErrorName | None:
    known = {"c": _C_NAMES, "atom": _C_NAMES, "status": _STATUS}.get(group)
    name = written.upper()
    return ErrorName("", name) if known is None or name in known else None


def _in_words(text: str) -> Iterator[ErrorName]:
    for name, words in _IN_WORDS.items():
        if words.search(text):
            yield ErrorName("", name)
    for number, words_here in _words_of_this_system().items():
        if words_here in text:
            yield ErrorName("", _ERROR_OF_HELD[number])


def _is_of_a_holder(name: ErrorName) -> bool:
    return (name.numbering, name.name) in _HOLDERS


def _is_errno(name: ErrorName, error: int) -> bool:
    if name.numbering:
        return name.numbering != "WinError" and int(name.name) == error
    return getattr(errno, name.name, None) == error


if sys.platform == "win32":
    import ctypes

    def _words_of_this_system() -> dict[int, str]:
        return {number: ctypes.FormatError(number).strip(" .\r\n") for number in HELD}

else:

    def _words_of_this_system() -> dict[int, str]:
        return {}
