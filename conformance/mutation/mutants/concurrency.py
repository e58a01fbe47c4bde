"""Writers that are correct alone and wrong under concurrency (clauses CON)."""

from __future__ import annotations

import contextlib
import os
import threading
import time

from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant


@mutant("publish", caught_by="CON-01")
def in_place_in_pieces(self: Honest, path: str, data: bytes) -> None:
    """Writes into the target, 64 KiB at a time."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        for start in range(0, len(data), 65536):
            os.write(descriptor, data[start : start + 65536])
    finally:
        os.close(descriptor)


@mutant("replace", caught_by="CON-01")
def temp_left_now_and_then(self: Honest, temp: str, target: str) -> None:
    """Leaves a second file behind after every twentieth write."""
    os.replace(temp, target)
    self.memory["writes"] = self.memory.get("writes", 0) + 1
    if self.memory["writes"] % 20 == 0:
        os.close(self.create(f"{temp}.left.tmp"))


@mutant("temp_name", caught_by="CON-01")
def one_temp_for_all_processes(self: Honest, target: str) -> str:
    """Uses one fixed temp name: removes any file of that name, then creates its own."""
    temp = f"{target}.tmp"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temp)
    return temp


@mutant("publish", caught_by="CON-01")
def one_temp_opened_by_all(self: Honest, path: str, data: bytes) -> None:
    """Fills one temp that other writers may have open too, and reports success when one of them has renamed it."""
    target = self.resolve(path)
    temp = f"{target}.tmp"
    descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        with contextlib.suppress(FileNotFoundError):
            self.keep_metadata(temp, target)
        self.send(descriptor, data)
        self.sync(descriptor)
    finally:
        os.close(descriptor)
    with contextlib.suppress(FileNotFoundError):
        os.replace(temp, target)


@mutant("publish", caught_by="CON-01")
def large_document_appended(self: Honest, path: str, data: bytes) -> None:
    """Publishes the first 64 KiB with a replace, and appends the rest to the target piece by piece."""
    size = 64 * 1024
    Honest.publish(self, path, data[:size])
    for start in range(size, len(data), size):
        with open(path, "ab", buffering=0) as file:
            file.write(data[start : start + size])


@mutant("temp_name", caught_by="CON-02")
def all_temps_removed(self: Honest, target: str) -> str:
    """Removes every *.tmp in the folder before it creates its own, other writers' temps included."""
    folder = os.path.dirname(target)
    for name in os.listdir(folder):
        if name.endswith(".tmp"):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, name))
    return Honest.temp_name(self, target)


@mutant("discard", caught_by="CON-02")
def all_temps_removed_on_failure(self: Honest, temp: str) -> None:
    """Cleans up after a failed write by removing every *.tmp in the folder, other writers' temps included."""
    folder = os.path.dirname(temp)
    for name in os.listdir(folder):
        if name.endswith(".tmp"):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, name))


@mutant("temp_name", caught_by="CON-02")
def siblings_share_a_temp(self: Honest, target: str) -> str:
    """Names the temp after the target's stem, and removes any file that already has that name."""
    temp = f"{os.path.splitext(target)[0]}.tmp"
    if temp != target:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temp)
    return temp


@mutant("publish", caught_by="CON-03")
def acknowledged_before_published(self: Honest, path: str, data: bytes) -> None:
    """Answers ok at once and publishes a little later, in a thread."""

    def later() -> None:
        time.sleep(0.02)
        with contextlib.suppress(OSError):
            Honest.publish(self, path, data)

    threading.Thread(target=later, daemon=True).start()


@mutant("publish", caught_by="CON-03")
def every_tenth_write_dropped(self: Honest, path: str, data: bytes) -> None:
    """Answers ok but skips every tenth write of a target."""
    self.memory[path] = self.memory.get(path, 0) + 1
    if self.memory[path] % 10 > 0:
        Honest.publish(self, path, data)


@mutant("publish", caught_by="CON-03")
def published_after_the_next(self: Honest, path: str, data: bytes) -> None:
    """Holds back every tenth document of a target, and publishes it after the next one."""
    count, held = self.memory.get(path, (0, None))
    if count % 10 == 9:
        self.memory[path] = count + 1, data
        return
    Honest.publish(self, path, data)
    if held is not None:
        Honest.publish(self, path, held)
    self.memory[path] = count + 1, None


@mutant("temp_name", caught_by="CON-04")
def temp_named_after_process(self: Honest, target: str) -> str:
    """Names the temp after the process, so that two of its threads share one."""
    return os.path.join(os.path.dirname(target), f".{os.getpid()}.tmp")
