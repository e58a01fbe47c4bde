"""The log of a recorded disk: every write, discard and flush, and marks of the requests and answers, in one order.

A record is a header of 13 bytes (kind, offset, length), then the data of a write or the text of a mark. Data is read
from the log's file when it is needed: an index of the records is all that is kept in memory.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

__all__ = ["Event", "EventKind", "append", "read_log"]

EventKind = Literal["write", "discard", "flush", "mark"]

_HEADER = struct.Struct("<cQI")
_CODES: dict[EventKind, bytes] = {"write": b"W", "discard": b"D", "flush": b"F", "mark": b"M"}
_KINDS = {code: kind for kind, code in _CODES.items()}


@dataclass(frozen=True)
class Event:
    """One record. ``offset`` and ``length`` say which bytes of the disk a write or discard is about; the data of a
    write begins at byte ``at`` of the log. ``text`` is that of a mark.
    """

    kind: EventKind
    offset: int = 0
    length: int = 0
    at: int = 0
    text: str = ""

    @property
    def changes(self) -> bool:
        """Whether it changes what is on the disk."""
        return self.kind in ("write", "discard")


def append(log: BinaryIO, kind: EventKind, offset: int = 0, length: int = 0, data: bytes = b"") -> None:
    """Append one record to an unbuffered file. Raises OSError."""
    record = memoryview(_HEADER.pack(_CODES[kind], offset, length) + data)
    while record:
        record = record[log.write(record) :]


def read_log(path: Path) -> tuple[Event, ...]:
    """The records of a log. Raises ValueError where it is not one, or ends within a record."""
    with path.open("rb") as log:
        return tuple(_events(log, path.stat().st_size))


def _events(log: BinaryIO, size: int) -> Iterator[Event]:
    while header := log.read(_HEADER.size):
        if len(header) < _HEADER.size or header[:1] not in _KINDS:
            raise ValueError(f"no record of a disk at byte {log.tell() - len(header)} of {size}: record it again")
        code, offset, length = _HEADER.unpack(header)
        kind, at = _KINDS[cast("bytes", code)], log.tell()
        text = log.read(length).decode("utf-8") if kind == "mark" else ""
        end = at + (length if kind in ("write", "mark") else 0)
        if end > size:
            raise ValueError(f"the log ends within a record, at byte {size} instead of {end}: record it again")
        log.seek(end)
        yield Event(kind, offset, length, at, text)
