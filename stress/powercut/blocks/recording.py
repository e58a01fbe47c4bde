"""Records what reaches a disk while programs write to a file system on it."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from conformance.contract.errors import ImplementationError, Inconclusive, Unmeasured
from conformance.runner.room import blaming_room, require_room
from stress.disk import Disk, loop_device, make_file_system, require_means
from stress.powercut.blocks.file_systems import FileSystem
from stress.powercut.blocks.fuse import DISK, serving
from stress.powercut.blocks.history import ACKNOWLEDGED, BEGUN, History, history_of
from stress.powercut.blocks.log import Event, read_log
from stress.powercut.blocks.recorder import mark
from stress.powercut.blocks.rounds import Round
from stress.powercut.blocks.states import START
from stress.powercut.blocks.syncs import NEIGHBOUR, syncs_of
from stress.powercut.blocks.watch import OWN_SECONDS, LeftUnusable, Watch, watched

__all__ = ["FOLDER", "NEIGHBOUR", "TARGET", "Between", "Recording", "WriteOne", "Writers", "copy_image", "record"]

_PIECE = 1 << 20  # bytes

FOLDER, TARGET = "writes", "status.json"

Between = Callable[[], None]
"""What another program does while a writer is held."""


class WriteOne(Protocol):
    """Writes a document to a path."""

    def __call__(self, target: Path, status: Mapping[str, Any], between: Between | None = None, /) -> None:
        """Return when it was acknowledged. The writer is held after its calls for ``between``, if there is one.

        Raises ImplementationError where it was not acknowledged; Unmeasured, TraceError where it cannot be held.
        """


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

    Raises Unmeasured where this machine cannot, TraceError where the writer cannot be held, Inconclusive when the
    disk's server fails or a disk of this machine is too slow, ImplementationError when a write fails, LeftUnusable when
    the file system cannot be used or unmounted after it, OSError; and Inconclusive, whatever the block has raised,
    where ``parent`` is full.
    """
    with tempfile.TemporaryDirectory(dir=parent) as name, blaming_room(parent):
        folder = Path(name)
        image, written, log = folder / "image", folder / "written", folder / "log"
        _make(file_system, image)
        copy_image(image, written)
        with _mounted(file_system, folder, written, log) as bench:
            _play(bench, played, writers)
            _unmount(bench)
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


@dataclass(frozen=True)
class _Bench:
    """A disk that is mounted while it is recorded, and the folder of the recorder."""

    disk: Disk
    place: Path
    watch: Watch

    def mark(self, text: str) -> None:
        """Put a mark into the log."""
        with self.watch.step("a mark in the log", OWN_SECONDS):
            mark(self.place, text)

    def sync_neighbour(self, way: int = 0) -> None:
        """Another program writes a file of its own and syncs, in one of the ways of `syncs_of`; the first one is that
        of the file alone. Raises LeftUnusable: before the writes it could.
        """
        syncs = syncs_of(self.disk.kind.name)
        with self.watch.step("the sync of another file", OWN_SECONDS):
            try:
                syncs[way % len(syncs)](self.disk.place)
            except OSError as error:
                text = f"the file system is no longer writable for other programs, after its writes: {error.strerror}"
                raise LeftUnusable(text) from error


@contextlib.contextmanager
def _mounted(file_system: FileSystem, folder: Path, image: Path, log: Path) -> Iterator[_Bench]:
    """The file system in the image, mounted, while everything that reaches the image is recorded."""
    point = folder / "mounted"
    point.mkdir()
    with (
        serving("stress.powercut.blocks.recorder", folder, image, log) as server,
        watched(point, server) as watch,
        contextlib.ExitStack() as stack,
    ):
        with watch.step("the mount", OWN_SECONDS):
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
        try:
            yield _Bench(disk, server.place, watch)
        except BaseException:
            watch.let_go()  # or it could not be unmounted
            raise


def _unmount(bench: _Bench) -> None:
    bench.watch.require_thawed()
    with bench.watch.step("the unmount", OWN_SECONDS):
        try:
            bench.disk.unmount()
        except OSError as error:
            text = (
                f"the file system cannot be unmounted after the writes: {error.strerror}; does anything still use it?"
            )
            raise LeftUnusable(text) from error


def _require_flushes(device: str) -> None:
    """Raise Inconclusive unless the kernel turns what must be durable into flushes, which the recorder sees."""
    queue = Path("/sys/block") / Path(device).name / "queue"
    cache, fua = ((queue / name).read_text(encoding="ascii").strip() for name in ("write_cache", "fua"))
    if (cache, fua) != ("write back", "0"):
        raise Inconclusive(f"{device} has the cache {cache!r} and FUA {fua!r}: flushes of a disk cannot be seen there")


def _play(bench: _Bench, played: Round, writers: Writers) -> None:
    place, watch = bench.disk.place, bench.watch
    folder = place / FOLDER
    with contextlib.ExitStack() as stack:
        ready = [stack.enter_context(writers()) for _ in range(played.writers)]
        with watch.step("the first folder", OWN_SECONDS):
            folder.mkdir()
        first = (folder if played.exists else place) / TARGET
        with watch.step("the first write"):
            ready[0](first, played.status(0, 0))
        with watch.step("the sync of the file system", OWN_SECONDS):
            bench.disk.sync()
        if not first.exists():
            raise ImplementationError("it acknowledged the first write, but no file is there")
        bench.mark(START)
        failures: list[BaseException] = []
        threads = [
            threading.Thread(target=_write_all, args=(bench, played, writer, write, failures))
            for writer, write in enumerate(ready)
        ]
        with _neighbour(bench) if played.beside_syncs and not played.held else contextlib.nullcontext():
            try:
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            except BaseException:
                watch.let_go()  # Ctrl-C: no thread may wait for the disk any more
                raise
        if failures:
            if all(isinstance(error, ImplementationError) for error in failures):
                _require_usable(bench)  # else that is what is to be said
            raise failures[0]


def _require_usable(bench: _Bench) -> None:
    bench.watch.require_thawed()
    bench.sync_neighbour()


def _write_all(bench: _Bench, played: Round, writer: int, write: WriteOne, failures: list[BaseException]) -> None:
    try:
        for sequence in range(1, played.writes + 1):
            status = played.status(writer, sequence)
            bench.mark(f"{BEGUN} {writer} {sequence}")
            # One way within a document: a sync of everything would hide what that of the names alone shows later.
            between = (partial(bench.sync_neighbour, sequence),) if played.held else ()
            with bench.watch.step("a write"):
                write(bench.disk.place / FOLDER / TARGET, status, *between)
            bench.mark(f"{ACKNOWLEDGED} {writer} {sequence}")
            if writer == 0 and sequence % 2 == 0:
                bench.sync_neighbour()
    except BaseException as error:  # for the thread that waits
        failures.append(error)


@contextlib.contextmanager
def _neighbour(bench: _Bench) -> Iterator[None]:
    """Another program that syncs all the time, until the end of the block. Raises what `_Bench.sync_neighbour` does,
    when it could not.
    """
    ended = threading.Event()
    failures: list[BaseException] = []

    def sync() -> None:
        try:
            for way in itertools.count():
                if ended.is_set():
                    return
                bench.sync_neighbour(way)
        except BaseException as error:  # for the thread that waits
            failures.append(error)

    bench.sync_neighbour()
    thread = threading.Thread(target=sync)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if failures:
        raise failures[0]
