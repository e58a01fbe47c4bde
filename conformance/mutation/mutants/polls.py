"""Readers whose read is right, and whose poll, or what they keep between two of them, is not (clauses RDR)."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from collections.abc import Mapping
from typing import Any

from conformance.mutation.honest import MEMBERS, SIZE_LIMIT, Honest, open_to_read
from conformance.mutation.registry import mutant

_POSIX = ("linux", "macos")
Polled = tuple[dict[str, Any] | None, bool]


@mutant("poll", caught_by="RDR-09")
def polled_with_a_laxer_parser(self: Honest, path: str) -> Polled:
    """Polls with a parser of its own, which looks for the six members and not at their values."""
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(self.load(path) or b"")
        if isinstance(found, dict) and found.keys() == set(MEMBERS):
            self.kept[path] = found
            return found, True
    return self.kept.get(path), False


@mutant("poll", caught_by="RDR-09", outcome="error")
def death_of_a_deep_poll(self: Honest, path: str) -> Polled:
    """Looks into the file before it reads it, and dies of the RecursionError that a deeply nested document causes."""
    with contextlib.suppress(ValueError):
        json.loads(self.load(path) or b"")
    return Honest.poll(self, path)


@mutant("poll", caught_by="RDR-09", on=_POSIX)
def poll_that_waits_for_a_fifo(self: Honest, path: str) -> Polled:
    """Waits for the writer of a FIFO for 2 s before it gives up."""
    with contextlib.suppress(OSError):
        if stat.S_ISFIFO(os.stat(path).st_mode):
            time.sleep(2.0)
    return Honest.poll(self, path)


@mutant("poll", caught_by="RDR-09")
def forgotten_after_ten_polls(self: Honest, path: str) -> Polled:
    """Forgets the last valid status when ten polls in a row found none."""
    status, fresh = Honest.poll(self, path)
    self.memory[path] = 0 if fresh else self.memory.get(path, 0) + 1
    if self.memory[path] == 10:
        self.kept.pop(path, None)
    return status, fresh


@mutant("poll", caught_by="RDR-09")
def sixteen_paths_kept(self: Honest, path: str) -> Polled:
    """Keeps the last valid status of sixteen paths, and forgets the oldest for the next one."""
    status, fresh = Honest.poll(self, path)
    if len(self.kept) > 16:
        del self.kept[next(iter(self.kept))]
    return status, fresh


@mutant("poll", caught_by="RDR-09")
def one_hundred_and_twenty_eight_paths_kept(self: Honest, path: str) -> Polled:
    """Keeps the last valid status of 128 paths, as a cache does that is given no size of its own."""
    status, fresh = Honest.poll(self, path)
    if len(self.kept) > 128:
        del self.kept[next(iter(self.kept))]
    return status, fresh


def _kept_as(self: Honest, path: str, key: str) -> Polled:
    """Poll with this key for what is kept."""
    found = self.read(path)
    if found is not None:
        self.kept[key] = found
    return self.kept.get(key), found is not None


@mutant("poll", caught_by="RDR-09", on=("linux",))
def kept_by_path_in_lower_case(self: Honest, path: str) -> Polled:
    """Takes two paths that differ only in case for one, where they are two files."""
    return _kept_as(self, path, path.lower())


@mutant("poll", caught_by="RDR-09")
def kept_by_the_last_name(self: Honest, path: str) -> Polled:
    """Takes files of one name in different folders for one."""
    return _kept_as(self, path, os.path.basename(path))


@mutant("poll", caught_by="RDR-09", on=_POSIX)
def kept_by_the_beginning_of_the_path(self: Honest, path: str) -> Polled:
    """Takes two paths with the same first 255 characters for one."""
    return _kept_as(self, path, path[:255])


@mutant("poll", caught_by="RDR-10")
def polled_with_a_stricter_parser(self: Honest, path: str) -> Polled:
    """Takes documents whose members are not in its own order for none when it polls."""
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(self.load(path) or b"")
        if isinstance(found, dict) and list(found) != list(MEMBERS):
            return self.kept.get(path), False
    return Honest.poll(self, path)


@mutant("poll", caught_by="RDR-10")
def only_a_change_is_fresh(self: Honest, path: str) -> Polled:
    """Calls a document fresh only if it says something else than the one before."""
    before = self.kept.get(path)
    status, fresh = Honest.poll(self, path)
    return status, fresh and status != before


@mutant("poll", caught_by="RDR-10")
def change_polled_by_the_ends(self: Honest, path: str) -> Polled:
    """Parses the file again only when its length, or one of its ends, has changed; its read always does."""
    data = self.load(path)
    if data is None:
        return Honest.poll(self, path)
    mark = len(data), data[:4096], data[-4096:]
    if path not in self.memory or self.memory[path][0] != mark:
        self.memory[path] = mark, Honest.poll(self, path)
    answer: Polled = self.memory[path][1]
    return answer


@mutant("poll", caught_by="RDR-14", on=("linux",))
def polled_in_two_opens(self: Honest, path: str) -> Polled:
    """Polls the first half, and opens the file again for the second half; its read opens it once."""
    first, second = self.load(path), self.load(path)
    if first is None or second is None:
        return self.kept.get(path), False
    found = self.parse(first[: len(first) // 2] + second[len(first) // 2 :])
    if found is not None:
        self.kept[path] = found
    return self.kept.get(path), found is not None


@mutant("load", caught_by="RDR-11")
def large_file_kept_open(self: Honest, path: str) -> bytes | None:
    """Leaves the read of a file over the limit without closing it."""
    with contextlib.suppress(OSError, ValueError):
        descriptor = open_to_read(path)
        if os.fstat(descriptor).st_size > SIZE_LIMIT:
            return None
        os.close(descriptor)
    return Honest.load(self, path)


@mutant("load", caught_by="RDR-11", on=_POSIX)
def other_kinds_kept_open(self: Honest, path: str) -> bytes | None:
    """Leaves the read of what is no regular file without closing it."""
    with contextlib.suppress(OSError, ValueError):
        descriptor = open_to_read(path)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        os.close(descriptor)
    return Honest.load(self, path)


@mutant("progress", caught_by="RDR-13")
def multiplied_before_it_is_divided(self: Honest, status: Mapping[str, Any]) -> float:
    """Multiplies the epoch by 100 first, which is infinite for the largest ones."""
    if status["total_epochs"] == 0:
        return 0.0
    return min(100.0, max(0.0, float(status["epoch"] * 100 / status["total_epochs"])))
