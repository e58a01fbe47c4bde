"""Makes the cuts: an implementation writes to a real file system, which is cut off, recovered and checked."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.contract.errors import ImplementationError, Inconclusive, Violation
from conformance.oracle.payload import encode, make_status
from conformance.oracle.snapshot import snapshot
from conformance.runner.case import Shared
from conformance.runner.keeps import not_kept
from conformance.runner.requests import Request, publish_request
from conformance.runner.run import Run
from conformance.subject.client import Implementation, ServeImplementation
from conformance.subject.protocol import Answer
from stress.disk import Disk
from stress.powercut.cuts import RandomCut
from stress.powercut.reaper import end_descendants
from stress.powercut.verdict import Finding, judge, require_document

__all__ = [
    "Bench",
    "Cutter",
    "Progress",
    "begin_write",
    "cut_at_random",
    "fresh_folder",
    "look",
    "refused",
    "require_that_losses_show",
]


@dataclass
class Bench:
    """What all cuts of a case share. ``writing`` is the process that wrote last since the last recovery."""

    run: Run
    disk: Disk
    writing: Shared

    def writer(self) -> Implementation:
        """A running implementation."""
        return self.writing.get()

    def stop(self) -> None:
        """End it, as a power cut does."""
        if self.writing.implementation is not None:
            self.writing.stop()
            self.writing.implementation = None
            end_descendants()

    def request(self, target: Path, status: Mapping[str, Any]) -> Request:
        """The request for a write of this status."""
        return publish_request(self.run.manifest.profile, target, status)

    def write(self, target: Path, status: Mapping[str, Any]) -> None:
        """Write and wait. Raises ImplementationError unless the answer is ok."""
        operation, fields = self.request(target, status)
        answer = self.writer().request(operation, **fields)
        if not answer.ok:
            raise refused(answer)


def refused(answer: Answer) -> ImplementationError:
    """The error of a write that fails on a file system that is not cut off."""
    return ImplementationError(f"could not write to a file system that works: {answer.message}")


@dataclass
class Progress:
    """How far a series of writes has come: the number of the last one requested, and of the last answered with ok."""

    asked: int = 0
    answered: int = 0


@dataclass
class Cutter:
    """Cuts a disk off once. ``begun`` and ``acknowledged`` are how far the writes had come when the cut began.

    With ``neighbour`` another file of the file system is written and synced right before, as other programs do all the
    time: that commits the log, and with it the implementation's changes of names, whether its data was synced or not.
    """

    disk: Disk
    progress: Progress
    neighbour: bool
    began: bool = False
    begun: int = 0
    acknowledged: int = 0
    failure: OSError | None = None
    _thread: threading.Thread | None = field(default=None, repr=False)

    def cut(self) -> None:
        """Cut now. Raises OSError."""
        with _neighbour(self.disk) as descriptor:
            if self.neighbour:
                # It grows, because a sync of an unchanged file would commit nothing.
                os.write(descriptor, b"neighbour")
                os.fsync(descriptor)
            self.begun, self.acknowledged = self.progress.asked, self.progress.answered
            self.began = True
            self.disk.cut(descriptor)

    def cut_later(self, seconds: float) -> None:
        """Cut after this many seconds, in a thread."""

        def wait_and_cut() -> None:
            time.sleep(seconds)
            try:
                self.cut()
            except OSError as error:
                self.failure = error

        self._thread = threading.Thread(target=wait_and_cut)
        self._thread.start()

    def wait(self) -> None:
        """Wait for the end of the cut. Raises the OSError of a cut that failed."""
        if self._thread is not None:
            self._thread.join()
        if self.failure is not None:
            raise self.failure


@contextlib.contextmanager
def _neighbour(disk: Disk) -> Iterator[int]:
    descriptor = os.open(disk.place / "neighbour", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def begin_write(bench: Bench, folder: Path, size: int, *, exists: bool) -> tuple[Path, dict[str, Any] | None]:
    """Let the implementation write a document of this size for the first time, and sync the disk.

    Returns the target and the document that it holds, or None if it was not to exist: then the first write went to
    a different file.
    """
    target, first = folder / "status.json", make_status(0, 0, size)
    bench.write(target if exists else bench.disk.place / "elsewhere.json", first)
    bench.disk.sync()
    return target, first if exists else None


def cut_at_random(bench: Bench, cut: RandomCut) -> Finding:
    """Make one cut at a random moment. Raises ImplementationError for what goes wrong before it."""
    with fresh_folder(bench.disk) as folder:
        begin = time.monotonic()
        target, first = begin_write(bench, folder, cut.size, exists=cut.exists)
        duration = time.monotonic() - begin
        statuses = [make_status(0, sequence, cut.size) for sequence in range(1, cut.writes + 2)]
        progress = Progress()
        cutter = Cutter(bench.disk, progress, cut.neighbour)
        try:
            _write_until_cut(bench, cut, target, statuses[:-1], progress, cutter, cut.delay * duration)
        finally:
            cutter.wait()
        asked = [first, *statuses[: progress.asked]]
        finding = look(bench, cut.described(), target, asked, cutter, statuses[-1])
        return dataclasses.replace(finding, number=cut.number)


def _write_until_cut(
    bench: Bench,
    cut: RandomCut,
    target: Path,
    statuses: list[dict[str, Any]],
    progress: Progress,
    cutter: Cutter,
    seconds: float,
) -> None:
    writer = bench.writer()
    requests = [bench.request(target, status) for status in statuses]
    numbers: list[int] = []
    if cut.pipelined and isinstance(writer, ServeImplementation):
        progress.asked = len(requests)
        numbers = [writer.send(operation, **fields) for operation, fields in requests]
    for index, (operation, fields) in enumerate(requests):
        if index == cut.answers:
            cutter.cut_later(seconds)
        if cutter.began:
            return
        progress.asked = max(progress.asked, index + 1)
        try:
            if numbers:
                assert isinstance(writer, ServeImplementation)
                answer = writer.receive(numbers[index])
            else:
                answer = writer.request(operation, **fields)
        except ImplementationError:
            if cutter.began:
                return  # how a process reacts to the loss of its file system is not tested here
            raise
        if answer.ok:
            progress.answered = index + 1
        elif not cutter.began:
            raise refused(answer)


def look(
    bench: Bench,
    cut: str,
    target: Path,
    asked: list[dict[str, Any] | None],
    cutter: Cutter,
    next_status: Mapping[str, Any],
) -> Finding:
    """End the implementation, recover the file system, check the target, and let a new process write."""
    bench.stop()
    bench.disk.recover()
    found, listing = snapshot(target), tuple(sorted(os.listdir(target.parent)))
    left = not_kept(bench.run, set(listing) - {target.name}, [target.name])
    return Finding(
        cut=cut,
        asked=asked,
        acknowledged=cutter.acknowledged,
        begun=cutter.begun,
        target=found,
        listing=listing,
        left=len(left),
        next_write=_next_write(bench, target, next_status),
    )


def _next_write(bench: Bench, target: Path, status: Mapping[str, Any]) -> str:
    try:
        bench.write(target, status)
        require_document(snapshot(target).data or b"", status, bench.run.manifest.profile)
    except (ImplementationError, Violation) as error:
        return f"the next write after the recovery: {error}"
    return ""


@contextlib.contextmanager
def fresh_folder(disk: Disk) -> Iterator[Path]:
    """A new folder on the disk, removed at the end; it is not certain to be on the disk yet."""
    folder = disk.place / "writes"
    folder.mkdir()
    try:
        yield folder
    finally:
        # After a failure the file system may still be cut off; it is not used any more then.
        shutil.rmtree(folder, ignore_errors=True)


def require_that_losses_show(disk: Disk) -> None:
    """The positive control: a replace without fsync, by the kit itself, must show as torn on this very disk, and what
    was synced must be kept. Raises Inconclusive.
    """
    with fresh_folder(disk) as folder:
        old, new = make_status(0, 0, 4096), make_status(0, 1, 4096)
        synced, target, temp = folder / "synced.json", folder / "status.json", folder / "status.tmp"
        for path in (synced, target):
            path.write_text(encode(old), encoding="utf-8")
        disk.sync()
        temp.write_text(encode(new), encoding="utf-8")
        temp.replace(target)
        cutter = Cutter(disk, Progress(asked=1), neighbour=True)
        cutter.cut()
        disk.recover()
        kinds = [
            judge(Finding("control", [old, new], 0, 1, snapshot(path), (), ""), "replace").kind
            for path in (synced, target)
        ]
        if kinds != ["kept", "torn"]:
            raise Inconclusive(
                f"the positive control was not caught: on this {disk.kind.name} a synced file was {kinds[0]}, and one "
                f"that was replaced without a sync was {kinds[1]}, not kept and torn; cuts here prove nothing"
            )
