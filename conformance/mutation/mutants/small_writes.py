"""Defects that large documents, single faults and single processes do not show (clauses FLT, KIL)."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time

from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant

_BUFFER = 64 * 1024  # bytes


@mutant("publish", caught_by="FLT-10", on=("linux",))
def temp_leaked_when_its_close_fails(self: Honest, path: str, data: bytes) -> None:
    """Removes the temp when a write fails, but a short document is written only by the close of its buffer."""
    target = self.resolve(path)
    temp = self.temp_name(target)
    file = open(temp, "xb", buffering=_BUFFER)  # noqa: SIM115  # the defect
    try:
        file.write(data)
    except BaseException:
        with contextlib.suppress(OSError):
            file.close()
        self.discard(temp)
        raise
    file.close()
    try:
        self.keep_metadata(temp, target)
        self.replace(temp, target)
    except BaseException:
        self.discard(temp)
        raise


@mutant("publish", caught_by="FLT-01")
def skipped_when_as_last_written(self: Honest, path: str, data: bytes) -> None:
    """Acknowledges a document that equals the last one that it wrote, whatever the file holds by now."""
    if self.memory.get(path) != data:
        Honest.publish(self, path, data)
        self.memory[path] = data


@mutant("create", caught_by="FLT-01", outcome="error", on=("linux",))
def waits_for_a_descriptor(self: Honest, temp: str) -> int:
    """Tries for ever to open the temp while the process has no free descriptor."""
    while True:
        try:
            return Honest.create(self, temp)
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise
            time.sleep(0.001)


# Windows does not remove the temp of a process that is killed either, but there no case kills a process so often.
if sys.platform != "win32":

    @mutant("temp_name", caught_by="KIL-02", on=("linux",))
    def names_counted_from_zero(self: Honest, target: str) -> str:
        """Counts its temps from zero, so that a new process meets the temp of a killed one and is refused."""
        number = self.memory["temps"] = self.memory.get("temps", -1) + 1
        return os.path.join(os.path.dirname(target), f".{number}.tmp")


if sys.platform != "win32":

    @mutant("send", caught_by="VIS-06", on=("linux",))
    def whole_vectors_counted(self: Honest, descriptor: int, data: bytes) -> None:
        """Writes two halves by one writev, and goes on after the half in which the system stopped."""
        half = len(data) // 2
        if os.writev(descriptor, [data[:half], data[half:]]) <= half:
            Honest.send(self, descriptor, data[half:])

    @mutant("send", caught_by="VIS-06", on=("linux",))
    def last_byte_taken_for_written(self: Honest, descriptor: int, data: bytes) -> None:
        """Takes a write for whole when a byte is missing, as one that counts a final NUL does."""
        rest = memoryview(data)
        while len(rest) > 1:
            rest = rest[os.write(descriptor, rest) :]
        if len(data) == 1:
            Honest.send(self, descriptor, data)


@mutant("publish", caught_by="FLT-10", on=("linux",))
def first_document_started_on_a_full_disk(self: Honest, path: str, data: bytes) -> None:
    """Keeps the beginning of a first document that there was no room for, so that there is something to read."""
    try:
        Honest.publish(self, path, data)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EFBIG) and not os.path.lexists(path) and len(data) > _BUFFER:
            with contextlib.suppress(OSError), open(path, "xb") as file:
                file.write(data[:1024])
        raise
