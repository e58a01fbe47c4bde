"""What the processes of one run tell each other: notes under a seal that nothing else can make.

An implementation runs as the user who judges it, and may write wherever the kit may: whatever lies in a file is
believed only when it bears the run's seal. Its key is in the memory of the kit's processes alone, and reaches the
workers through pytest-xdist's own channel. A note without the seal is no note: it is made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Notes"]

_ENDING = ".note"
# To open whatever lies there without waiting for it, and without being led elsewhere.
_READING = os.O_RDONLY
for _name in ("O_NONBLOCK", "O_NOFOLLOW", "O_BINARY", "O_CLOEXEC"):
    _READING |= getattr(os, _name, 0)
_MOST_BYTES = 256 << 20
_TRIES = 1000
_LOCK_TRIES = 12_000  # two minutes
_SECONDS_BETWEEN_TRIES = 0.01


def _new_key() -> bytes:
    return secrets.token_bytes(32)


@dataclass(frozen=True)
class Notes:
    """The notes of a run, by name; values are what JSON can hold, None excepted.

    They are in ``folder``, where all workers find them, or without one in the memory of this process.
    """

    folder: Path | None = None
    key: bytes = field(default_factory=_new_key, repr=False)
    _own: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def read(self, name: str) -> Any:
        """The note of this name; None where there is none that this run has written."""
        text = self._own.get(name) if self.folder is None else self._unsealed(name)
        return None if text is None else json.loads(text)

    def write(self, name: str, value: Any) -> None:
        """Write a note, in place of an earlier one. Raises OSError."""
        text = json.dumps(value)
        if self.folder is None:
            self._own[name] = text
            return
        descriptor, temp = tempfile.mkstemp(dir=self.folder)
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(f"{self._seal(name, text)}\n{text}")
        _replace(temp, self.folder / f"{name}{_ENDING}")

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """The note of this name, which the first process that needs it makes while others wait. Raises what ``make``
        raises, and OSError.
        """
        if (found := self.read(name)) is not None:
            return found
        with self._locked(name):
            if (found := self.read(name)) is None:
                self.write(name, make())
                found = self.read(name)
        if found is None:
            raise OSError(f"{self.folder}: the note {name} was changed by another program while it was written")
        return found

    def names(self, prefix: str) -> list[str]:
        """The names of the notes that begin with ``prefix``, sorted."""
        if self.folder is None:
            return sorted(name for name in self._own if name.startswith(prefix))
        found = (name.removesuffix(_ENDING) for name in os.listdir(self.folder) if name.endswith(_ENDING))
        return sorted(name for name in found if name.startswith(prefix) and self._unsealed(name) is not None)

    def _seal(self, name: str, text: str) -> str:
        # With the name, so that no note stands for another.
        return hmac.new(self.key, f"{name}\0{text}".encode(), hashlib.sha256).hexdigest()

    def _unsealed(self, name: str) -> str | None:
        assert self.folder is not None
        try:
            descriptor = os.open(self.folder / f"{name}{_ENDING}", _READING)
        except OSError:
            return None
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST_BYTES:
            os.close(descriptor)
            return None
        with open(descriptor, "rb") as file:
            seal, _, text = file.read(_MOST_BYTES).partition(b"\n")
        try:
            note = text.decode("utf-8")
        except ValueError:
            return None
        return note if hmac.compare_digest(seal, self._seal(name, note).encode("ascii")) else None

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        if self.folder is None:
            yield
            return
        with (self.folder / f"{name}.lock").open("a") as file:
            # A judged program may hold it, too: then the note is made twice at worst.
            with contextlib.suppress(OSError):
                _lock(file.fileno())  # until the file is closed
            yield


def _lock(descriptor: int) -> None:
    """Raises OSError when another process has the lock for too long."""
    for _ in range(_LOCK_TRIES):
        with contextlib.suppress(OSError):
            _lock_at_once(descriptor)
            return
        time.sleep(_SECONDS_BETWEEN_TRIES)
    _lock_at_once(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _lock_at_once(descriptor: int) -> None:
        # Not LK_LOCK: it waits for ten seconds only, looks once a second, and under Wine fails with no errno at all.
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _replace(temp: str, note: Path) -> None:
        for _ in range(_TRIES):
            with contextlib.suppress(PermissionError):  # another process of the kit is reading it
                os.replace(temp, note)
                return
            time.sleep(_SECONDS_BETWEEN_TRIES)
        os.replace(temp, note)

else:
    import fcntl

    def _lock_at_once(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    _replace = os.replace
