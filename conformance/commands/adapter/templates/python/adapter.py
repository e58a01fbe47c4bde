"""What `pulse conformance` judges: `Judged.replace` passes each request on to your writer."""

from __future__ import annotations

import contextlib
import os
import secrets


class Judged:
    """The kit makes one of these, and calls its methods."""

    name = "mine"

    def replace(self, path: str, text: str) -> None:
        """Replace the file at ``path`` by this text. OSError is an answer; let your writer raise it."""
        save(path, text)  # YOUR WRITER: import it and call it here; then remove `save` below


def save(path: str, text: str) -> None:
    """A stand-in, so that everything runs from the start. It keeps no mode: each file becomes 0600."""
    folder = os.path.dirname(path) or "."
    temp = os.path.join(folder, f".{secrets.token_hex(8)}.tmp")
    try:
        descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        try:
            rest = memoryview(text.encode())
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        except BaseException:
            with contextlib.suppress(OSError):
                os.close(descriptor)
            raise
        os.close(descriptor)
        os.replace(temp, path)
    except FileExistsError:  # a file of another program
        raise
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temp)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    if not hasattr(os, "O_DIRECTORY"):  # Windows
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
