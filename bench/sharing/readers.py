"""The readers that are measured: ways of opening a file on Windows, and the programs that open it so."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from conformance.errors import Violation
from conformance.oracle import payload
from conformance.system.share_modes import Sharing, open_shared
from pulse import ReadOutcome, Status, read_status

__all__ = ["OPENERS", "WAYS", "Read", "Refused", "Torn", "Way", "error_code", "verify"]

Read = Callable[[Path, float], bytes | Status]
"""Reads the target once, takes a pause of some seconds, and returns the bytes or the values that it has read.

Raises FileNotFoundError, Refused or another OSError, before the pause; or Torn.
"""


class Torn(ValueError):
    """What was read is not one document."""


class Refused(OSError):
    """The system did not let the reader open the file; its text is the code."""


@dataclass(frozen=True)
class Way:
    """A way of opening.

    Attributes:
        name: as a table shows it.
        sharing: what others may do meanwhile.
        source: what says so, where no program is at hand.
        program: the name of the program in ``programs.json``; None where Python itself opens so.
        word: what the program is told, where it knows two ways; for Python the name of the opener.
    """

    name: str
    sharing: Sharing
    source: str
    program: str | None
    word: str


WAYS = (
    Way("C `fopen`", "read-write", "the C runtime's `_fsopen(_SH_DENYNO)`", "c", "fopen"),
    Way("Python `open()`", "read-write", "the C runtime's `_wopen`", None, "open"),
    Way("`pulse.read_status`", "read-write-delete", "`pulse/_windows.py`", None, "reference"),
    Way("Rust `std::fs::read`", "read-write-delete", "`OpenOptionsExt::share_mode`", "rust", "read"),
    Way("Go `os.ReadFile`", "read-write", "Go's `syscall.Open`", "go", "ReadFile"),
    Way("C# `File.ReadAllText`", "read", ".NET's `FileShare.Read`", "csharp", "File.ReadAllText"),
    Way("C# `FileStream`, `ReadWrite \\| Delete`", "read-write-delete", ".NET's `FileShare`", "csharp", "FileStream"),
    Way("Node `fs.readFileSync`", "read-write-delete", "libuv's `fs__open`", "node", "readFileSync"),
    Way("Java `FileInputStream`", "read-write", "OpenJDK's `io_util_md.c`", "java", "FileInputStream"),
    Way("Java `Files.readAllBytes`", "read-write-delete", "OpenJDK's `WindowsChannelFactory`", "java", "readAllBytes"),
)
"""The ways that the table compares."""


def error_code(error: OSError) -> str:
    """How the system refused: Windows' own number, or where Python does not tell it (``open()``) the errno's name."""
    number: int | None = getattr(error, "winerror", None)
    return str(number or errno.errorcode.get(error.errno or 0) or error)


def verify(read: bytes | Status) -> None:
    """Raise Torn when this is not one document, whole and unmixed."""
    try:
        if isinstance(read, bytes):
            payload.identify(read)
        else:
            payload.identify_values(read)
    except Violation as error:
        raise Torn(str(error)) from error


def _open(path: Path, pause: float) -> bytes:
    with open(path, "rb") as file:
        data = file.read()
    time.sleep(pause)
    return data


def _held_open(path: Path, pause: float) -> bytes:
    with open(path, "rb") as file:
        data = file.read()
        time.sleep(pause)
    return data


def _shared(sharing: Sharing) -> Read:
    def read(path: Path, pause: float) -> bytes:
        with open(open_shared(path, sharing), "rb", buffering=0) as file:
            data = file.readall()
        time.sleep(pause)
        return data

    return read


def _held_shared(path: Path, pause: float) -> bytes:
    with open(open_shared(path), "rb", buffering=0) as file:
        data = file.readall()
        time.sleep(pause)
    return data


def _reference(path: Path, pause: float) -> Status:
    reading = read_status(path)
    time.sleep(pause)
    if reading.outcome is ReadOutcome.MISSING:
        raise FileNotFoundError(reading.detail)
    if reading.outcome is ReadOutcome.UNREADABLE:
        told = re.search(r"(?:WinError|Errno) (\d+)", reading.detail)
        raise Refused(told[1] if told else reading.detail)
    if reading.status is None:
        raise Torn(reading.detail)
    return reading.status


OPENERS: Mapping[str, Read] = {
    "open": _open,
    "reference": _reference,
    "open, held": _held_open,
    "shared, held": _held_shared,
    "share read": _shared("read"),
    "share read-write": _shared("read-write"),
    "share read-write-delete": _shared("read-write-delete"),
}
"""Name → reader in Python."""
