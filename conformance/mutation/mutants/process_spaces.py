"""Writers that take a process id, or a number that they count themselves, for something unique."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading

from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant


@mutant("temp_name", caught_by="CON-01", on=("linux",))
def temp_named_after_process_and_count(self: Honest, target: str) -> str:
    """Names the temp after the process id and the number of the write, which another container has, too."""
    self.memory["writes"] = self.memory.get("writes", 0) + 1
    return os.path.join(os.path.dirname(target), f".{os.getpid()}-{self.memory['writes']}.tmp")


@mutant("publish", caught_by="CON-01", on=("linux",))
def process_id_opened_without_excl(self: Honest, path: str, data: bytes) -> None:
    """Names the temp after the process id, one at a time, and opens it even if a writer elsewhere has it open."""
    target = self.resolve(path)
    temp = os.path.join(os.path.dirname(target), f".{os.getpid()}.tmp")
    with self.memory.setdefault("lock", threading.Lock()):
        descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            with contextlib.suppress(FileNotFoundError):
                self.keep_metadata(temp, target)
            self.send(descriptor, data)
            self.sync(descriptor)
        finally:
            os.close(descriptor)
        self.replace(temp, target)


@mutant("temp_name", caught_by="CON-01", on=("linux",))
def unseen_process_taken_for_dead(self: Honest, target: str) -> str:
    """Removes temps of processes that it cannot see, such as those outside its container."""
    folder = os.path.dirname(target)
    for name in os.listdir(folder):
        if (found := re.fullmatch(r"\.(\d+)-[0-9a-f]{16}\.tmp", name)) and sys.platform != "win32":
            try:
                os.kill(int(found[1]), 0)
            except ProcessLookupError:
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(folder, name))
    return os.path.join(folder, f".{os.getpid()}-{os.urandom(8).hex()}.tmp")


@mutant("publish", caught_by="CON-02")
def count_of_each_target(self: Honest, path: str, data: bytes) -> None:
    """Locks each target, and names temps by the process and the count of this target's writes: those of two targets
    are the same.
    """
    target = self.resolve(path)
    lock, counts = self.memory.setdefault(target, (threading.Lock(), [0]))
    with lock:
        counts[0] += 1
        temp = os.path.join(os.path.dirname(target), f".{os.getpid()}-{counts[0]}.tmp")
        try:
            descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o666)
            try:
                self.send(descriptor, data)
                self.keep_metadata(temp, target)
                self.sync(descriptor)
            finally:
                os.close(descriptor)
            with contextlib.suppress(FileNotFoundError):  # taken for a repeated request
                self.replace(temp, target)
        except BaseException:
            self.discard(temp)
            raise
        self.sync_folder(target)
