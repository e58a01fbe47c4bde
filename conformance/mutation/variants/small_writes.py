"""Writers whose calls come late or seldom, correctly."""

from __future__ import annotations

import errno
import os

from conformance.mutation.honest import Honest
from conformance.mutation.registry import SENDING, WAY_OF_WRITING, variant

_BUFFER = 2 * 1024 * 1024  # bytes: more than any document


@variant("fill_temp", doubted_by=WAY_OF_WRITING)
def written_by_its_close(self: Honest, temp: str, target: str, data: bytes) -> None:
    """Puts the document into a buffer that only the close writes, and then syncs the closed temp."""
    with open(temp, "xb", buffering=_BUFFER) as file:
        file.write(data)
    descriptor = os.open(temp, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    try:
        self.sync(descriptor)
        self.keep_metadata(temp, target)
    finally:
        os.close(descriptor)


@variant("send", doubted_by=SENDING)
def write_tried_again(self: Honest, descriptor: int, data: bytes) -> None:
    """Tries a write that failed with EIO once more, and reports the error only when it lasts."""
    rest = memoryview(data)
    while rest:
        try:
            taken = os.write(descriptor, rest)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            taken = os.write(descriptor, rest)
        rest = rest[taken:]


@variant("send", doubted_by=SENDING)
def pieces_of_changing_size(self: Honest, descriptor: int, data: bytes) -> None:
    """Writes pieces whose size is another one in each write, so that no write makes the calls of the one before."""
    turn = self.memory["turn"] = (self.memory.get("turn", 0) + 1) % 5
    size = 1000 + 700 * turn
    for start in range(0, len(data), size):
        Honest.send(self, descriptor, data[start : start + size])


@variant("send", doubted_by=SENDING)
def buffer_released(self: Honest, descriptor: int, data: bytes) -> None:
    """Empties its buffer after each write, failed or not, which Python refuses while anything holds a piece of it."""
    buffer = bytearray(data)
    try:
        with memoryview(buffer) as view:
            done = 0
            while done < len(data):
                done += os.write(descriptor, view[done:])
    finally:
        buffer.clear()
