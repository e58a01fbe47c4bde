"""What happens to the names in a folder, in order, without tracing any process: inotify(7), so Linux only.

The kernel queues an event before the system call that caused it returns. So after an answer every event of that
write is in the queue, whatever the language, and there is nothing to wait for.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from conformance.contract.errors import Unmeasured

__all__ = ["Event", "FolderWatch", "publishes", "writes_to"]

_KINDS = {
    0x2: "modify",
    0x4: "attributes",
    0x8: "close-write",
    0x10: "close-read",
    0x20: "open",
    0x40: "moved-from",
    0x80: "moved-to",
    0x100: "create",
    0x200: "delete",
}
_QUEUE_OVERFLOW = 0x4000
_HEADER = struct.Struct("iIII")


@dataclass(frozen=True)
class Event:
    """One event: its kind (a value of `_KINDS`), the name in the folder, and the cookie that joins a rename's two."""

    kind: str
    name: str
    cookie: int = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def changes(self) -> bool:
        """Whether it changes anything; opening and reading do not."""
        return self.kind not in ("open", "close-read")


class FolderWatch:
    """A context manager that records the events of one folder, of all kinds or of some. Raises Unmeasured where inotify
    does not exist.

    ``watching`` counts those of this process that are open.
    """

    watching = 0

    def __init__(self, folder: Path, kinds: Collection[str] = tuple(_KINDS.values())) -> None:
        self._descriptor = _start_watching(folder, sum(bit for bit, kind in _KINDS.items() if kind in kinds))
        FolderWatch.watching += 1

    def __enter__(self) -> FolderWatch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        FolderWatch.watching -= 1
        os.close(self._descriptor)

    def events(self) -> tuple[Event, ...]:
        """The events since the last call, in order. Raises OSError when the kernel had to drop some."""
        found: list[Event] = []
        while True:
            try:
                block = os.read(self._descriptor, 1 << 16)
            except BlockingIOError:
                return tuple(found)
            position = 0
            while position < len(block):
                _, mask, cookie, length = _HEADER.unpack_from(block, position)
                name = block[position + _HEADER.size : position + _HEADER.size + length].rstrip(b"\0")
                position += _HEADER.size + length
                if mask & _QUEUE_OVERFLOW:
                    raise OSError("inotify dropped events: its queue was full")
                found.extend(Event(kind, os.fsdecode(name), cookie) for bit, kind in _KINDS.items() if mask & bit)


def _start_watching(folder: Path, mask: int) -> int:
    if sys.platform != "linux":
        raise Unmeasured("needs inotify, which only Linux has")
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0 or libc.inotify_add_watch(descriptor, os.fsencode(folder), mask) < 0:
        number = ctypes.get_errno()
        if descriptor >= 0:
            os.close(descriptor)
        raise OSError(number, f"inotify: {os.strerror(number)}")
    return descriptor


def publishes(events: tuple[Event, ...], target: str) -> tuple[Event, ...]:
    """The events that gave the target's name a new file: renamed, linked or created there."""
    return tuple(event for event in events if event.name == target and event.kind in ("moved-to", "create"))


def writes_to(events: tuple[Event, ...], target: str) -> tuple[Event, ...]:
    """The events that touched the target itself instead of replacing it: opened for writing, changed, removed, moved.

    Two patterns look like that but are not. The second half of an exchange (renameat2 with RENAME_EXCHANGE) moves the
    old file away *after* the new one has its name. And a temp that is closed only after the replace is closed under the
    target's name: such closes count only up to the number of opens since then that were not a reader's.
    """
    of_target = [(position, event) for position, event in enumerate(events) if event.name == target]
    arrivals = [position for position, event in of_target if event.kind in ("moved-to", "create")]
    arrived = arrivals[-1] if arrivals else len(events)
    since = [event.kind for position, event in of_target if position > arrived]
    opened_for_writing = since.count("open") - since.count("close-read")
    found = []
    for position, event in of_target:
        if event.kind == "close-write" and position > arrived:
            opened_for_writing -= 1
            if opened_for_writing < 0:
                continue
        if event.kind == "moved-from" and _is_second_half_of_exchange(events, position):
            continue
        if event.kind in ("modify", "close-write", "delete", "moved-from"):
            found.append(event)
    return tuple(found)


def _is_second_half_of_exchange(events: tuple[Event, ...], position: int) -> bool:
    if position < 2 or position + 1 >= len(events):
        return False
    source, arrived, back = events[position - 2], events[position - 1], events[position + 1]
    return (
        (source.kind, arrived.kind, back.kind) == ("moved-from", "moved-to", "moved-to")
        and source.cookie == arrived.cookie
        and arrived.name == events[position].name
        and back.name == source.name
    )
