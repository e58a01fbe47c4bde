"""Records what reaches a disk while programs write to a file system on it."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.contract.errors import Inconclusive, Unmeasured
from conformance.runner.room import blaming_room, require_room
from stress.disk import Disk, loop_device, make_file_system, require_means
from stress.powercut.blocks.file_systems import FileSystem
from stress.powercut.blocks.fuse import DISK, serving
from stress.powercut.blocks.history import ACKNOWLEDGED, BEGUN, History, history_of
from stress.powercut.blocks.log import Event, read_log
from stress.powercut.blocks.recorder import mark
from stress.powercut.blocks.rounds import Round
from stress.powercut.blocks.states import START

__all__ = ["FOLDER", "NEIGHBOUR", "TARGET", "Recording", "WriteOne", "Writers", "copy_image", "record"]

_PIECE = 1 << 20  # bytes

FOLDER, TARGET, NEIGHBOUR = "writes", "status.json", "neighbour"

WriteOne = Callable[[Path, Mapping[str, Any]], None]
"""Writes a document to a path and returns when that was acknowledged; raises ImplementationError otherwise."""
Writers = Callable[[], contextlib.AbstractContextManager[WriteOne]]
"""Starts a writer, and ends it with the block."""


@dataclass(frozen=True)
class Recording:
    """What was written to a disk in a round: the ``image`` before everything in ``log``, whose index is ``events``."""

    file_system: FileSystem
    round: Round
    image: Path
    log: Path
    events: Sequence[Event]
    history: History


@contextlib.contextmanager
def record(file_system: FileSystem, played: Round, writers: Writers, parent: Path) -> Iterator[Recording]:
    """Make a file system in a new folder, and record a round on it. The files are removed at the end of the block.

    Raises Unmeasured where this machine cannot, ImplementationError when a write fails, OSError; and Inconclusive,
    whatever the block has raised, where ``parent`` is full.
    """
    with tempfile.TemporaryDirectory(dir=parent) as name, blaming_room(parent):
        folder = Path(name)
        image, written, log = folder / "image", folder / "written", folder / "log"
        _make(file_system, image)
        copy_image(image, written)
        with _mounted(file_system, folder, written, log) as (disk, place):
            _play(disk, place, played, writers)
            disk.unmount()
        require_room(parent)  # else the disk may have failed after an answer, which is in no log
        written.unlink()
        events = read_log(log)
        yield Recording(file_system, played, image, log, events, history_of(events, exists=played.exists))


def _make(file_system: FileSystem, image: Path) -> None:
    kind = file_system.kind
    command = (require_means(kind), *kind.make[1:], str(image))
    with image.open("wb") as file:
        file.truncate(kind.size)
    make_file_system(command)


def copy_image(image: Path, copy: Path) -> None:
    """Copy an image into a new file, with holes where it has nothing but zeros. Raises OSError."""
    with image.open("rb") as source, copy.open("wb") as target:
        target.truncate(image.stat().st_size)
        while piece := source.read(_PIECE):
            if piece.strip(b"\0"):
                target.seek(source.tell() - len(piece))
                target.write(piece)


@contextlib.contextmanager
def _mounted(file_system: FileSystem, folder: Path, image: Path, log: Path) -> Iterator[tuple[Disk, Path]]:
    """The file system in the image, mounted, while everything that reaches the image is recorded."""
    point = folder / "mounted"
    point.mkdir()
    with serving("stress.powercut.blocks.recorder", folder, image, log) as server, contextlib.ExitStack() as stack:
        try:
            device = stack.enter_context(loop_device(server.place / DISK))
        except OSError as error:
            raise Unmeasured(f"no loop device can be used here: {error}") from error
        _require_flushes(device)
        disk = Disk(file_system.kind, point, device)
        stack.callback(disk.detach)
        try:
            disk.mount()
        except OSError as error:
            raise Unmeasured(f"{file_system.name} cannot be mounted here: {error}") from error
        yield disk, server.place


def _require_flushes(device: str) -> None:
    """Raise Inconclusive unless the kernel turns what must be durable into flushes, which the recorder sees."""
    queue = Path("/sys/block") / Path(device).name / "queue"
    cache, fua = ((queue / name).read_text(encoding="ascii").strip() for name in ("write_cache", "fua"))
    if (cache, fua) != ("write back", "0"):
        raise Inconclusive(f"{device} has the cache {cache!r} and FUA {fua!r}: flushes of a disk cannot be seen there")


def _play(disk: Disk, place: Path, played: Round, writers: Writers) -> None:
    folder = disk.place / FOLDER
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        ready = [stack.enter_context(writers()) for _ in range(played.writers)]
        first = folder if played.exists else disk.place
        ready[0](first / TARGET, played.status(0, 0))
        disk.sync()
        mark(place, START)
        failures: list[BaseException] = []
        threads = [
            threading.Thread(target=_write_all, args=(disk, place, played, writer, write, failures))
            for writer, write in enumerate(ready)
        ]
        with _neighbour(disk.place / NEIGHBOUR) if played.beside_syncs else contextlib.nullcontext():
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        if failures:
            raise failures[0]


def _write_all(
    disk: Disk, place: Path, played: Round, writer: int, write: WriteOne, failures: list[BaseException]
) -> None:
    try:
        for sequence in range(1, played.writes + 1):
            status = played.status(writer, sequence)
            mark(place, f"{BEGUN} {writer} {sequence}")
            write(disk.place / FOLDER / TARGET, status)
            mark(place, f"{ACKNOWLEDGED} {writer} {sequence}")
            if writer == 0 and sequence % 2 == 0:
                _sync_neighbour(disk.place / NEIGHBOUR)
    except BaseException as error:  # for the thread that waits
        failures.append(error)


@contextlib.contextmanager
def _neighbour(path: Path) -> Iterator[None]:
    """Another program that syncs all the time, until the end of the block. Raises OSError when it could not."""
    ended = threading.Event()
    failures: list[OSError] = []

    def sync() -> None:
        try:
            while not ended.is_set():
                _sync_neighbour(path)
        except OSError as error:  # for the thread that waits
            failures.append(error)

    _sync_neighbour(path)
    thread = threading.Thread(target=sync)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if failures:
        raise failures[0]


def _sync_neighbour(path: Path) -> None:
    """Another program writes a file of its own and syncs it. That commits the log, and with it the changes of names."""
    with path.open("ab", buffering=0) as file:
        file.write(b"neighbour")
        os.fsync(file.fileno())
