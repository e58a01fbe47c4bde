"""Writers that work in an unusual but correct way."""

from __future__ import annotations

import contextlib
import json
import os
import random
import threading
from collections.abc import Mapping
from typing import Any

from conformance.mutation.honest import Honest
from conformance.mutation.registry import SENDING, WAY_OF_WRITING, variant


@variant("write", doubted_by=("*",))
def plain(self: Honest, path: str, status: Mapping[str, Any]) -> None:
    """The honest base itself: nothing is unusual."""
    Honest.write(self, path, status)


@variant("serialise", doubted_by=("DOC-*", "LIF-*", "VIS-07"))
def sorted_with_indent(self: Honest, document: dict[str, Any]) -> bytes:
    """Sorts the members, indents them and ends with a line feed."""
    return (json.dumps(document, ensure_ascii=False, sort_keys=True, indent=4) + "\n").encode("utf-8")


@variant("serialise", doubted_by=("DOC-*", "REF-*", "LIF-*"))
def ascii_escapes_shuffled(self: Honest, document: dict[str, Any]) -> bytes:
    """Escapes all text that is not ASCII, and writes the members in a different order for each message."""
    document["message"].encode("utf-8")  # refuses lone surrogates, which escapes would carry
    members = sorted(document.items())
    random.Random(document["message"]).shuffle(members)
    return json.dumps(dict(members), separators=(",", ":")).encode("ascii")


@variant("serialise", doubted_by=("DOC-*", "LIF-*", "VIS-07"))
def exponents(self: Honest, document: dict[str, Any]) -> bytes:
    """Writes every float with an exponent and seventeen digits, and white space of every kind around the members."""
    members = []
    for name, value in document.items():
        text = f"{value:.16E}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
        members.append(f'"{name}"\t:\r\n{text}')
    return f"\n {{{' , '.join(members)}}} \r\n\t".encode()


@variant("send", doubted_by=SENDING)
def doubling_pieces(self: Honest, descriptor: int, data: bytes) -> None:
    """Writes one byte, then two, four, eight and so on."""
    size, start = 1, 0
    while start < len(data):
        start += os.write(descriptor, data[start : start + size])
        size *= 2


@variant("discard", doubted_by=("FLT-*", "MET-*"))
def temp_removed_after_the_answer(self: Honest, temp: str) -> None:
    """Leaves the removal of a failed write's temp, and the sync of its folder, to a thread that takes its time."""

    def later() -> None:
        threading.Event().wait(0.05)
        Honest.discard(self, temp)
        with contextlib.suppress(OSError):
            self.sync_folder(temp)

    if os.path.exists(temp):
        threading.Thread(target=later).start()


@variant("replace", doubted_by=("VIS-04", "FLT-*", "MET-*"))
def rename_tried_again(self: Honest, temp: str, target: str) -> None:
    """Retries a refused rename twice, as WIN-01 requires on Windows."""
    for attempt in range(3):
        try:
            os.replace(temp, target)
            return
        except PermissionError:
            if attempt == 2:
                raise


@variant("publish", doubted_by=WAY_OF_WRITING)
def closed_after_replace(self: Honest, path: str, data: bytes) -> None:
    """Keeps the temp open during the rename and closes it afterwards under its new name, as Rust's tempfile does."""
    if os.name == "nt":
        Honest.publish(self, path, data)
        return
    with self.guard(path, writing=True):
        target = self.resolve(path)
        temp = self.temp_name(target)
        try:
            descriptor = self.create(temp)
            try:
                self.send(descriptor, data)
                self.keep_metadata(temp, target)
                self.sync(descriptor)
                self.replace(temp, target)
            finally:
                os.close(descriptor)
        except FileExistsError:
            raise
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temp)
            raise
        self.sync_folder(target)


@variant("fill_temp", doubted_by=WAY_OF_WRITING)
def buffered_file_object(self: Honest, temp: str, target: str, data: bytes) -> None:
    """Writes the temp as text through a buffered file object, as most Python programs do."""
    with open(temp, "x", encoding="utf-8", newline="") as file:
        file.write(data.decode("utf-8"))
        file.flush()
        self.keep_metadata(temp, target)
        os.fsync(file.fileno())


@variant("publish", doubted_by=(*WAY_OF_WRITING, "CON-*"))
def worker_thread(self: Honest, path: str, data: bytes) -> None:
    """Publishes from a new thread, and answers when that has ended."""
    failures: list[BaseException] = []

    def work() -> None:
        try:
            Honest.publish(self, path, data)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


@variant("temp_name", doubted_by=(*WAY_OF_WRITING, "MET-*"))
def long_temp_name(self: Honest, target: str) -> str:
    """Gives the temp a name of 255 characters, with a leading space."""
    return os.path.join(os.path.dirname(target), f" {os.urandom(125).hex()}.tmp")
