"""How another program syncs beside a writer. What each way commits differs from one file system to another."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from stress.disk import control, sync_all

__all__ = ["NEIGHBOUR", "Sync", "syncs_of"]

NEIGHBOUR = "neighbour"  # the file of the other program

Sync = Callable[[Path], None]
"""Writes to the other program's file on the file system that is mounted there, and syncs. Raises OSError."""

_BTRFS_START_SYNC, _BTRFS_WAIT_SYNC = 0x80089418, 0x40089416
_TEXT = b"neighbour"


def syncs_of(kind: str) -> Sequence[Sync]:
    """The ways in which other programs sync on a file system of this type (``ext4`` …), and in which it commits by
    itself, to be taken in turn.
    """
    return (_file, _names_alone, _everything, _names_alone) if kind == "btrfs" else (_file, _everything)


def _file(place: Path) -> None:
    """As a database does (fsync(2)). On ext4 and xfs that commits what all programs did to names and lengths."""
    with _written(place) as descriptor:
        os.fsync(descriptor)


def _everything(place: Path) -> None:
    """As sync(1) does (syncfs(2))."""
    with _written(place) as descriptor:
        sync_all(descriptor)


def _names_alone(place: Path) -> None:
    """As btrfs does by itself every 30 s: names and lengths, without data that have not reached the disk by then. An
    fsync(2) of another file commits nothing of that there.
    """
    with _opened(place) as descriptor:  # at once: after a rename the data are on their way
        transaction = control(descriptor, _BTRFS_START_SYNC, bytes(8))
        control(descriptor, _BTRFS_WAIT_SYNC, transaction)
        os.write(descriptor, _TEXT)


@contextlib.contextmanager
def _written(place: Path) -> Iterator[int]:
    with _opened(place) as descriptor:
        os.write(descriptor, _TEXT)
        yield descriptor


@contextlib.contextmanager
def _opened(place: Path) -> Iterator[int]:
    descriptor = os.open(place / NEIGHBOUR, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
