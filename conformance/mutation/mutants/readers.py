"""Readers that accept what they must refuse, refuse what they must accept, or leave traces (clauses RDR)."""

from __future__ import annotations

import contextlib
import json
import math
import os
import stat
import time
from collections.abc import Mapping
from typing import Any

from conformance.mutation.honest import DEFAULTS, MEMBERS, SIZE_LIMIT, Honest
from conformance.mutation.registry import mutant


@mutant("decode", caught_by="RDR-01")
def ascii_documents_only(self: Honest, data: bytes) -> str:
    """Refuses documents with text that is not ASCII."""
    return data.decode("ascii")


@mutant("check", caught_by="RDR-01")
def loss_rounded_by_reader(self: Honest, members: Any) -> dict[str, Any]:
    """Rounds the loss to four decimal places."""
    found = Honest.check(self, members)
    return {**found, "loss": round(found["loss"], 4)}


@mutant("gather", caught_by="RDR-01")
def only_in_the_usual_order(self: Honest, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuses documents whose members are not in its own order."""
    members = Honest.gather(self, pairs)
    if list(members) != list(MEMBERS):
        raise ValueError("the members are in a different order")
    return members


@mutant("read", caught_by="RDR-02")
def empty_object_for_missing(self: Honest, path: str) -> dict[str, Any] | None:
    """Returns {} when there is no file."""
    return Honest.read(self, path) if os.path.lexists(path) else {}


@mutant("parse", caught_by="RDR-03")
def defaults_for_empty_file(self: Honest, data: bytes) -> dict[str, Any] | None:
    """Returns an idle status for an empty file."""
    if not data.strip():
        return {"status": "idle", **DEFAULTS, "timestamp": int(time.time())}
    return Honest.parse(self, data)


@mutant("parse", caught_by="RDR-04")
def raise_on_torn_document(self: Honest, data: bytes) -> dict[str, Any] | None:
    """Raises for a document that cannot be parsed."""
    with contextlib.suppress(RecursionError):
        return self.check(json.loads(self.decode(data), object_pairs_hook=self.gather))
    return None


@mutant("parse", caught_by="RDR-04")
def repair_cut_document(self: Honest, data: bytes) -> dict[str, Any] | None:
    """Adds the missing brace to a truncated document, and accepts the result."""
    return Honest.parse(self, data) or Honest.parse(self, data + b"}")


@mutant("check_number", caught_by="RDR-05")
def nan_taken(self: Honest, name: str, value: Any) -> None:
    """Accepts NaN as a number."""
    if not (isinstance(value, float) and math.isnan(value)):
        Honest.check_number(self, name, value)


@mutant("check_number", caught_by="RDR-05")
def infinity_taken(self: Honest, name: str, value: Any) -> None:
    """Accepts 1e400, which is infinite as a double."""
    if value != math.inf:
        Honest.check_number(self, name, value)


@mutant("gather", caught_by="RDR-05")
def duplicates_taken(self: Honest, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Accepts two members with the same name, and uses the last."""
    return dict(pairs)


@mutant("decode", caught_by="RDR-05")
def byte_order_mark_taken(self: Honest, data: bytes) -> str:
    """Accepts a document that begins with a byte-order mark."""
    return data.decode("utf-8-sig")


@mutant("check_names", caught_by="RDR-05")
def seventh_member_taken(self: Honest, members: dict[str, Any]) -> dict[str, Any]:
    """Ignores members that it does not know."""
    return Honest.check_names(self, {name: members[name] for name in MEMBERS if name in members})


@mutant("check_names", caught_by="RDR-05")
def missing_members_filled_in(self: Honest, members: dict[str, Any]) -> dict[str, Any]:
    """Fills in the defaults for missing members."""
    return Honest.check_names(self, {**DEFAULTS, **members})


@mutant("decode", caught_by="RDR-05")
def wrong_bytes_replaced(self: Honest, data: bytes) -> str:
    """Replaces bytes that are not UTF-8 with replacement characters."""
    return data.decode("utf-8", "replace")


@mutant("parse", caught_by="RDR-05")
def first_document_taken(self: Honest, data: bytes) -> dict[str, Any] | None:
    """Accepts the first document and ignores what follows it."""
    with contextlib.suppress(ValueError, RecursionError):
        text = self.decode(data).lstrip(" \t\r\n")
        return self.check(json.JSONDecoder(object_pairs_hook=self.gather).raw_decode(text)[0])
    return None


@mutant("parse", caught_by="RDR-06", outcome="error")
def death_of_deep_nesting(self: Honest, data: bytes) -> dict[str, Any] | None:
    """Catches only ValueError, and dies of the RecursionError that a deeply nested document causes."""
    with contextlib.suppress(ValueError):
        return self.check(json.loads(self.decode(data), object_pairs_hook=self.gather))
    return None


@mutant("parse", caught_by="RDR-06")
def failure_of_many_digits(self: Honest, data: bytes) -> dict[str, Any] | None:
    """Catches only the parser's own errors, not the ValueError that int() raises for 4,301 digits."""
    try:
        json.loads(self.decode(data))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        return None
    return Honest.parse(self, data)


@mutant("load", caught_by="RDR-07")
def any_size_read(self: Honest, path: str) -> bytes | None:
    """Reads a file of any size."""
    with contextlib.suppress(OSError):
        found = os.stat(path)
        if stat.S_ISREG(found.st_mode) and found.st_size <= 64 * SIZE_LIMIT:
            with open(path, "rb") as file:
                return file.read()
    return None


@mutant("load", caught_by="RDR-08", outcome="error")
def blocked_by_fifo(self: Honest, path: str) -> bytes | None:
    """Opens any kind of file, and waits for the writer of a FIFO."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        data = file.read(SIZE_LIMIT + 1)
        return data if len(data) <= SIZE_LIMIT else None
    return None


@mutant("poll", caught_by="RDR-09")
def last_valid_forgotten(self: Honest, path: str) -> tuple[dict[str, Any] | None, bool]:
    """Returns nothing when the file is bad, instead of the last valid status."""
    found = self.read(path)
    return found, found is not None


@mutant("poll", caught_by="RDR-09")
def stale_called_fresh(self: Honest, path: str) -> tuple[dict[str, Any] | None, bool]:
    """Calls the kept status fresh."""
    status, _ = Honest.poll(self, path)
    return status, status is not None


@mutant("poll", caught_by="RDR-09")
def one_status_for_all_paths(self: Honest, path: str) -> tuple[dict[str, Any] | None, bool]:
    """Keeps one status for all paths."""
    found = self.read(path)
    if found is not None:
        self.memory["last"] = found
    return self.memory.get("last"), found is not None


@mutant("poll", caught_by="RDR-10")
def never_recovers(self: Honest, path: str) -> tuple[dict[str, Any] | None, bool]:
    """Stops looking at a file after it was bad once."""
    if path in self.memory:
        return self.memory[path], False
    status, fresh = Honest.poll(self, path)
    if status is not None and not fresh:
        self.memory[path] = status
    return status, fresh


@mutant("poll", caught_by="RDR-10")
def change_seen_by_size_and_time(self: Honest, path: str) -> tuple[dict[str, Any] | None, bool]:
    """Reads the file again only when its size or its time has changed."""
    try:
        found = os.stat(path)
    except OSError:
        return Honest.poll(self, path)
    mark = (found.st_size, found.st_mtime_ns)
    if path not in self.memory or self.memory[path][0] != mark:
        self.memory[path] = mark, Honest.poll(self, path)
    answer: tuple[dict[str, Any] | None, bool] = self.memory[path][1]
    return answer


@mutant("load", caught_by="RDR-11")
def file_kept_open(self: Honest, path: str) -> bytes | None:
    """Keeps the file open after reading it."""
    data = Honest.load(self, path)
    if data is not None:
        os.open(path, os.O_RDONLY)
    return data


@mutant("load", caught_by="RDR-12")
def lock_file_made(self: Honest, path: str) -> bytes | None:
    """Creates a lock file beside the target while it reads."""
    lock = f"{path}.lock"
    with contextlib.suppress(OSError), open(lock, "ab"):
        pass
    data = Honest.load(self, path)
    with contextlib.suppress(OSError):
        os.unlink(lock)
    return data


@mutant("load", caught_by="RDR-12")
def target_touched(self: Honest, path: str) -> bytes | None:
    """Updates the times of the file that it has read, to mark it as seen."""
    data = Honest.load(self, path)
    with contextlib.suppress(OSError):
        os.utime(path)
    return data


@mutant("read", caught_by="RDR-12")
def unusable_file_removed(self: Honest, path: str) -> dict[str, Any] | None:
    """Removes a file that holds no valid document, to clear the way for the next writer."""
    found = Honest.read(self, path)
    if found is None and os.path.isfile(path):
        with contextlib.suppress(OSError):
            os.unlink(path)
    return found


@mutant("progress", caught_by="RDR-13")
def progress_above_hundred(self: Honest, status: Mapping[str, Any]) -> float:
    """Reports more than 100 % when the epoch is above the total."""
    return float(status["epoch"] / status["total_epochs"] * 100) if status["total_epochs"] else 0.0


@mutant("progress", caught_by="RDR-13")
def progress_of_a_fraction(self: Honest, status: Mapping[str, Any]) -> float:
    """Reports 0.83 for 83 %."""
    return Honest.progress(self, status) / 100


@mutant("progress", caught_by="RDR-13")
def division_by_zero(self: Honest, status: Mapping[str, Any]) -> float:
    """Divides by a total of 0 epochs as floating-point units do: reports 100 % for x / 0 and NaN for 0 / 0."""
    if status["total_epochs"] == 0:
        return 100.0 if status["epoch"] else math.nan
    return Honest.progress(self, status)


@mutant("load", caught_by="RDR-14")
def read_in_two_opens(self: Honest, path: str) -> bytes | None:
    """Reads the first half, closes the file, and opens it again for the second half."""
    first = Honest.load(self, path)
    second = Honest.load(self, path)
    if first is None or second is None:
        return None
    middle = len(first) // 2
    return first[:middle] + second[middle:]


@mutant("load", caught_by="RDR-14")
def cached_by_size_and_second(self: Honest, path: str) -> bytes | None:
    """Opens the file again only when its size, or the whole second of its time, has changed."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    mark = found.st_size, int(found.st_mtime)
    if self.memory.get(path, (None, None))[0] != mark:
        self.memory[path] = mark, Honest.load(self, path)
    data: bytes | None = self.memory[path][1]
    return data


@mutant("load", caught_by="RDR-14")
def cached_for_a_moment(self: Honest, path: str) -> bytes | None:
    """Opens the file again only when 50 ms have passed since the last time."""
    now = time.monotonic()
    if now >= self.memory.get(path, (0.0, None))[0]:
        self.memory[path] = now + 0.05, Honest.load(self, path)
    data: bytes | None = self.memory[path][1]
    return data


@mutant("load", caught_by="RDR-14")
def temp_taken_for_newer_document(self: Honest, path: str) -> bytes | None:
    """Reads a newer *.tmp beside the target instead when that already holds a whole document."""
    with contextlib.suppress(OSError):
        published = os.stat(path).st_mtime_ns
        for name in os.listdir(os.path.dirname(path)):
            temp = os.path.join(os.path.dirname(path), name)
            if name.endswith(".tmp") and os.stat(temp).st_mtime_ns >= published:
                data = Honest.load(self, temp)
                if data is not None and self.parse(data) is not None:
                    return data
    return Honest.load(self, path)


@mutant("load", caught_by="RDR-14")
def temp_taken_for_missing_document(self: Honest, path: str) -> bytes | None:
    """Reads a *.tmp in the folder instead when there is no target."""
    folder = os.path.dirname(path)
    if not os.path.lexists(path) and os.path.isdir(folder):
        for name in os.listdir(folder):
            if name.endswith(".tmp"):
                return Honest.load(self, os.path.join(folder, name))
    return Honest.load(self, path)
