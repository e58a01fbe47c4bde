"""Defects that the first cases of a clause miss: only a later case catches them."""

from __future__ import annotations

import contextlib
import json
import locale
import os
import stat
import time
from collections.abc import Mapping
from typing import Any

from conformance.mutation.honest import SIZE_LIMIT, Honest
from conformance.mutation.registry import mutant

_STARTED = int(time.time())


@mutant("publish", caught_by="CON-01")
def every_fortieth_document_dropped(self: Honest, path: str, data: bytes) -> None:
    """Acknowledges a document whose timestamp is a multiple of 40, but keeps the previous one."""
    if json.loads(data)["timestamp"] % 40 or not os.path.exists(path):
        Honest.publish(self, path, data)


@mutant("publish", caught_by="CON-02")
def afraid_of_temps(self: Honest, path: str, data: bytes) -> None:
    """Refuses to write while any file beside the target looks like a temp."""
    if any(name.endswith(".tmp") for name in os.listdir(os.path.dirname(path) or ".")):
        raise BlockingIOError("another write seems to be under way")
    Honest.publish(self, path, data)


@mutant("sync_folder", caught_by="CON-02")
def temps_of_others_emptied(self: Honest, target: str) -> None:
    """Truncates every ".tmp" beside the target after a write."""
    folder = os.path.dirname(target)
    for name in os.listdir(folder):
        if name.endswith(".tmp") and name != os.path.basename(target):
            with contextlib.suppress(OSError):
                os.truncate(os.path.join(folder, name), 0)


@mutant("accept_status", caught_by="DOC-03")
def error_shown_as_done(self: Honest, value: Any) -> Any:
    """Writes "done" where "error" was asked for."""
    return "done" if Honest.accept_status(self, value) == "error" else value


@mutant("publish", caught_by="DOC-07")
def long_message_dropped(self: Honest, path: str, data: bytes) -> None:
    """Acknowledges a document of more than 32 KiB, but writes nothing."""
    if len(data) <= 32 * 1024:
        Honest.publish(self, path, data)


@mutant("write", caught_by="DOC-08")
def null_for_absent_timestamp(self: Honest, path: str, status: Mapping[str, Any]) -> None:
    """Writes null for a timestamp that was left out."""
    document = self.validate(status)
    if "timestamp" not in status:
        document["timestamp"] = None
    self.publish(path, self.serialise(document))


@mutant("publish", caught_by="FLT-01")
def skipped_when_as_long_as_last_written(self: Honest, path: str, data: bytes) -> None:
    """Acknowledges the document that it wrote last when the target still has its size."""
    with contextlib.suppress(OSError):
        if self.memory.get(path) == data and os.stat(path).st_size == len(data):
            return
    Honest.publish(self, path, data)
    self.memory[path] = data


@mutant("fill_in", caught_by="DOC-08")
def now_of_the_start(self: Honest, given: dict[str, Any]) -> dict[str, Any]:
    """Takes the time at which the program started for now, as a default argument of Python does."""
    return Honest.fill_in(self, {"timestamp": _STARTED, **given})


@mutant("fill_in", caught_by="DOC-08")
def now_never_before_the_last(self: Honest, given: dict[str, Any]) -> dict[str, Any]:
    """Takes the timestamp of its last document for now when that is later, so that timestamps never go back."""
    filled = Honest.fill_in(self, given)
    if "timestamp" not in given:
        filled["timestamp"] = max(filled["timestamp"], self.memory.get("last", 0))
    self.memory["last"] = filled["timestamp"]
    return filled


@mutant("accept_message", caught_by="DOC-07")
def noncharacters_refused(self: Honest, value: Any) -> Any:
    """Refuses U+FDD0 to U+FDEF, which are code points like others to JSON."""
    if any("\ufdd0" <= character <= "\ufdef" for character in value):
        raise ValueError("a noncharacter")
    return Honest.accept_message(self, value)


@mutant("write", caught_by="LIF-01")
def absent_members_kept(self: Honest, path: str, status: Mapping[str, Any]) -> None:
    """Takes absent members from the document that is there, as an update would."""
    older = Honest.read(self, path) or {}
    older.pop("timestamp", None)
    Honest.write(self, path, {**older, **status} if "status" in status else status)


@mutant("serialise", caught_by="DOC-09")
def padded_with_spaces(self: Honest, document: dict[str, Any]) -> bytes:
    """Pads every document to 2 MiB with spaces."""
    return Honest.serialise(self, document).ljust(2 * SIZE_LIMIT)


@mutant("serialise", caught_by="DOC-10")
def escapes_by_locale(self: Honest, document: dict[str, Any]) -> bytes:
    """Escapes text that is not ASCII unless the locale's encoding is UTF-8."""
    honest = Honest.serialise(self, document)
    if "utf" in locale.getencoding().lower():
        return honest
    return json.dumps(document).encode("ascii")


@mutant("publish", caught_by="MET-08")
def folder_removed_then_io(self: Honest, path: str, data: bytes) -> None:
    """Removes an empty folder at the target and then answers io."""
    if os.path.isdir(path):
        with contextlib.suppress(OSError):
            os.rmdir(path)
        raise IsADirectoryError(path)
    Honest.publish(self, path, data)


@mutant("create", caught_by="MET-09")
def target_touched_when_read_only(self: Honest, temp: str) -> int:
    """Touches every file of a folder that allows no temp, and then answers io."""
    try:
        return Honest.create(self, temp)
    except PermissionError:
        folder = os.path.dirname(temp)
        for name in os.listdir(folder):
            os.utime(os.path.join(folder, name), (1, 1))
        raise


@mutant("replace", caught_by="MET-10")
def target_touched_when_busy(self: Honest, temp: str, target: str) -> None:
    """Touches a target that cannot be replaced, and then answers io."""
    try:
        os.replace(temp, target)
    except OSError:
        with contextlib.suppress(OSError):
            os.utime(target, (1, 1))
        raise


@mutant("resolve", caught_by="MET-04")
def link_above_replaced(self: Honest, path: str) -> str:
    """Replaces a symbolic link to the target's folder with a folder."""
    folder = os.path.dirname(path)
    if os.path.islink(folder):
        os.unlink(folder)
        os.mkdir(folder)
    return os.path.realpath(path)


@mutant("read", caught_by="RDR-04")
def nothing_read(self: Honest, path: str) -> dict[str, Any] | None:
    """Reads nothing, ever."""
    return None


@mutant("load", caught_by="RDR-08")
def gives_up_slowly(self: Honest, path: str) -> bytes | None:
    """Waits more than a second before it gives up on what is not a regular file."""
    with contextlib.suppress(OSError, ValueError):
        if not stat.S_ISREG(os.stat(path).st_mode):
            time.sleep(1.3)
    return Honest.load(self, path)


@mutant("poll", caught_by="RDR-09")
def poll_raises_on_invalid(self: Honest, path: str) -> tuple[dict[str, Any] | None, bool]:
    """Answers a poll of an invalid file with a failure."""
    found = self.read(path)
    if found is None and os.path.isfile(path):
        raise ValueError("not a valid status")
    return Honest.poll(self, path)


@mutant("progress", caught_by="RDR-13")
def progress_as_text(self: Honest, status: Mapping[str, Any]) -> Any:
    """Returns progress as text with a per cent sign."""
    return f"{Honest.progress(self, status):.2f}%"


@mutant("load", caught_by="RDR-14")
def null_when_replaced_meanwhile(self: Honest, path: str) -> bytes | None:
    """Returns nothing when the target is replaced during the read."""
    try:
        before = os.stat(path).st_ino
        data = Honest.load(self, path)
        return data if os.stat(path).st_ino == before else None
    except (OSError, ValueError):
        return None


@mutant("read", caught_by="RDR-14")
def every_fifth_read_is_old(self: Honest, path: str) -> dict[str, Any] | None:
    """Returns the first document that it read from a path again at every fifth read."""
    found = Honest.read(self, path)
    first = self.kept.setdefault(f"first {path}", found) if found is not None else None
    self.kept["count"] = {"reads": self.kept.get("count", {"reads": 0})["reads"] + 1}
    return first if self.kept["count"]["reads"] % 5 == 0 else found
