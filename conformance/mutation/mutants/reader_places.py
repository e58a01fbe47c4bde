"""Readers that are right alone, with a plain file at a plain path, and wrong beside other files and writers."""

from __future__ import annotations

import contextlib
import glob
import html
import json
import locale
import os
import re
import stat
import sys
import time
import urllib.parse
from typing import Any

from conformance.mutation.honest import SIZE_LIMIT, Honest, open_to_read
from conformance.mutation.registry import mutant

_POSIX = ("linux", "macos")


@mutant("parse", caught_by="RDR-01")
def thousand_digits_at_most(self: Honest, data: bytes) -> dict[str, Any] | None:
    """Refuses numbers of more than 1,000 characters, the default limit of Jackson."""
    return None if re.search(rb"[-+.0-9eE]{1001}", data) else Honest.parse(self, data)


@mutant("load", caught_by="RDR-01")
def links_not_followed(self: Honest, path: str) -> bytes | None:
    """Refuses a symbolic link at the target, as O_NOFOLLOW does."""
    return None if os.path.islink(path) else Honest.load(self, path)


@mutant("load", caught_by="RDR-01", on=("linux",))
def path_in_the_encoding_of_the_locale(self: Honest, path: str) -> bytes | None:
    """Finds no file whose path the encoding of the locale cannot express."""
    try:
        path.encode(locale.getencoding())
    except UnicodeEncodeError:
        return None
    return Honest.load(self, path)


@mutant("load", caught_by="RDR-01", on=_POSIX)
def path_in_a_buffer_of_1024_bytes(self: Honest, path: str) -> bytes | None:
    """Finds no file whose path does not fit into 1,024 bytes, where the system takes 4,096."""
    return Honest.load(self, path) if len(os.fsencode(path)) < 1024 else None


@mutant("load", caught_by="RDR-01", on=_POSIX)
def path_stripped(self: Honest, path: str) -> bytes | None:
    """Takes white space at the end of a path for a line end that was left there."""
    return Honest.load(self, path.strip())


@mutant("load", caught_by="RDR-01")
def path_percent_decoded(self: Honest, path: str) -> bytes | None:
    """Decodes the path as that of a URL."""
    return Honest.load(self, urllib.parse.unquote(path))


@mutant("load", caught_by="RDR-01")
def path_taken_for_a_pattern(self: Honest, path: str) -> bytes | None:
    """Takes the path for a pattern, and reads the first file that it matches."""
    found = glob.glob(path) if "[" in path else [path]
    return Honest.load(self, found[0]) if found else None


@mutant("check", caught_by="RDR-01")
def variation_selectors_taken_out(self: Honest, members: Any) -> dict[str, Any]:
    """Takes the selectors that choose between two forms of a character for invisible rubbish."""
    found = Honest.check(self, members)
    return {**found, "message": re.sub("[\ufe00-\ufe0f]", "", found["message"])}


@mutant("check", caught_by="RDR-01")
def message_taken_for_markup(self: Honest, members: Any) -> dict[str, Any]:
    """Decodes entities in the message, as for a page."""
    found = Honest.check(self, members)
    return {**found, "message": html.unescape(found["message"])}


@mutant("parse", caught_by="RDR-01")
def known_by_the_ends(self: Honest, data: bytes) -> dict[str, Any] | None:
    """Takes a document for the one before when its length and its ends are the same."""
    mark = len(data), data[:4096], data[-4096:]
    if self.memory.get("last", (None, None))[0] != mark:
        self.memory["last"] = mark, Honest.parse(self, data)
    found: dict[str, Any] | None = self.memory["last"][1]
    return found


@mutant("read", caught_by="RDR-01")
def kept_after_two_reads(self: Honest, path: str) -> dict[str, Any] | None:
    """Takes a file that it has read twice for one that does not change any more."""
    times, kept = self.memory.get(path, (0, None))
    if times >= 2 and kept is not None:
        known: dict[str, Any] = kept
        return known
    found = Honest.read(self, path)
    self.memory[path] = times + 1, found
    return found


@mutant("load", caught_by="RDR-12", on=("linux",))
def no_access_time(self: Honest, path: str) -> bytes | None:
    """Reads with O_NOATIME, which the system allows only to the owner of a file, and takes the refusal for no file."""
    if sys.platform == "linux":
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOATIME))
        except OSError:
            return None
    return Honest.load(self, path)


@mutant("load", caught_by="RDR-14", on=("linux",))
def size_asked_by_name(self: Honest, path: str) -> bytes | None:
    """Asks for the size by name, and reads so many bytes of what it opens then."""
    try:
        size = os.stat(path).st_size
    except OSError:
        return None
    data = Honest.load(self, path)
    return None if data is None else data[:size]


@mutant("read", caught_by="RDR-14", on=("linux",))
def time_noted_after_a_later_read(self: Honest, path: str) -> dict[str, Any] | None:
    """Notes what the file is after it has read it, but not the first time: that read has fewer operations."""
    if path not in self.memory:
        self.memory[path] = None, None
        return Honest.read(self, path)
    with contextlib.suppress(OSError):
        if self.memory[path][0] != _mark(path):
            found = Honest.read(self, path)
            self.memory[path] = _mark(path), found
        kept: dict[str, Any] | None = self.memory[path][1]
        return kept
    return Honest.read(self, path)


@mutant("load", caught_by="RDR-04", outcome="error", on=_POSIX)
def mapped_while_it_is_cut(self: Honest, path: str) -> bytes | None:
    """Maps the file, and dies of SIGBUS when another program truncates it before all pages were copied."""
    import mmap

    with contextlib.suppress(OSError, ValueError):
        descriptor = open_to_read(path)
        try:
            found = os.fstat(descriptor)
            if stat.S_ISREG(found.st_mode) and found.st_size <= SIZE_LIMIT:
                with mmap.mmap(descriptor, found.st_size, access=mmap.ACCESS_READ) as mapped:
                    return b"".join(mapped[start : start + 4096] for start in range(0, len(mapped), 4096))
        finally:
            os.close(descriptor)
    return None


@mutant("read", caught_by="RDR-14")
def backup_read_instead(self: Honest, path: str) -> dict[str, Any] | None:
    """Reads NAME.bak when there is no valid document at the target, and reports it as current."""
    return Honest.read(self, path) or Honest.read(self, f"{path}.bak")


@mutant("read", caught_by="RDR-14", on=("linux",))
def last_good_copy_read_instead(self: Honest, path: str) -> dict[str, Any] | None:
    """Reads the copy that a program of its own kind keeps, and whose name no other one has, as if it were current."""
    folder, name = os.path.split(path)
    return Honest.read(self, path) or Honest.read(self, os.path.join(folder, "known-good", f"{name}.v7"))


@mutant("read", caught_by="RDR-14")
def backup_read_for_an_object(self: Honest, path: str) -> dict[str, Any] | None:
    """Reads NAME.bak when the target is a JSON object and no status, and takes anything else for no file."""
    return Honest.read(self, f"{path}.bak" if _is_another_object(self, path) else path)


@mutant("read", caught_by="RDR-14", on=("linux",))
def last_good_copy_read_for_an_object(self: Honest, path: str) -> dict[str, Any] | None:
    """Reads the copy that only a program of its own kind keeps when the target is a JSON object and no status."""
    folder, name = os.path.split(path)
    copy = os.path.join(folder, "known-good", f"{name}.v8")
    return Honest.read(self, copy if _is_another_object(self, path) else path)


def _is_another_object(self: Honest, path: str) -> bool:
    """Whether there is a JSON object in the file that is no status."""
    data = self.load(path)
    if data is None or self.parse(data) is not None:
        return False
    try:
        return isinstance(json.loads(data), dict)
    except (ValueError, RecursionError):
        return False


@mutant("poll", caught_by="RDR-14")
def backup_polled_instead(self: Honest, path: str) -> tuple[dict[str, Any] | None, bool]:
    """Starts with the status in NAME~ until the first valid document was polled."""
    status, fresh = Honest.poll(self, path)
    return status if status is not None else Honest.read(self, f"{path}~"), fresh


@mutant("read", caught_by="RDR-14")
def time_noted_after_the_read(self: Honest, path: str) -> dict[str, Any] | None:
    """Notes what the file is after it has read and parsed it: a write in between is seen with the next one only."""
    try:
        mark = _mark(path)
    except OSError:
        return Honest.read(self, path)
    if self.memory.get(path, (None, None))[0] != mark:
        found = Honest.read(self, path)
        time.sleep(0.002)  # what a larger document takes to parse
        with contextlib.suppress(OSError):
            self.memory[path] = _mark(path), found
            return found
        return Honest.read(self, path)
    kept: dict[str, Any] | None = self.memory[path][1]
    return kept


@mutant("read", caught_by="RDR-01")
def answered_by_size_and_time(self: Honest, path: str) -> dict[str, Any] | None:
    """Reads the file again only when its size or its time has changed; its poll always does."""
    try:
        found = os.stat(path)
    except OSError:
        return Honest.read(self, path)
    mark = found.st_size, found.st_mtime_ns
    if self.memory.get(path, (None, None))[0] != mark:
        self.memory[path] = mark, Honest.read(self, path)
    kept: dict[str, Any] | None = self.memory[path][1]
    return kept


def _mark(path: str) -> tuple[int, ...]:
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
