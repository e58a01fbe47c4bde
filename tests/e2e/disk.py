"""A small disk that can be filled up: a tmpfs of some pages, for root on Linux."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["available", "fill", "free", "small_disk"]

FILLER = "filler"


def available() -> bool:
    """Whether this process may mount a file system."""
    return sys.platform == "linux" and os.geteuid() == 0


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of 64 KiB at ``folder``. It is gone afterwards, whatever happens, and what was written to it.

    Raises:
        subprocess.CalledProcessError: it cannot be mounted.
    """
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "pulse-e2e", str(folder)], check=True)
    try:
        yield
    finally:
        # Lazily: a process that was killed may still have a file open there.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Leave no room at all."""
    with (folder / FILLER).open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def free(folder: Path) -> None:
    """Make room again."""
    (folder / FILLER).unlink()
