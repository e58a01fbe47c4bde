"""Makes the cuts: an implementation writes to a real file system, which is cut off, recovered and looked at."""

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

from conformance.errors import ImplementationError, Inconclusive, Violation
from conformance.oracle.payload import encode, make_status
from conformance.oracle.snapshot import snapshot
from conformance.runner.run import Run
from conformance.subject.client import Implementation, ServeImplementation, start
from conformance.subject.protocol import Answer
from conformance.subject.requests import Request, publish_request
from stress.disk import Disk
from stress.powercut.cuts import RandomCut
from stress.powercut.reaper import end_descendants
from stress.powercut.verdict import Finding, judge, require_document

__all__ = [
    "Bench",
    "Cutter",
    "Row",
    "begin_write",
    "cut_at_random",
    "fresh_folder",
    "look",
    "refused",
    "require_that_losses_show",
]


@dataclass
class Bench:
    """What all cuts of a case share. ``implementation`` is the process that wrote last, after the last recovery."""

    run: Run
    disk: Disk
    implementation: Implementation | None = None

    def writer(self) -> Implementation:
        """A running implementation."""
        if self.implementation is None or not self.implementation.usable:
            self.implementation = start(self.run.manifest, self.run.launch_options())
        return self.implementation

    def stop(self) -> None:
        """End it, as a power cut does."""
        if self.implementation is not None:
            self.implementation.kill()
            self.implementation = None
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
    """A write that fails on a file system that is not cut off."""
    return ImplementationError(f"could not write to a file system that works: {answer.message}")


@dataclass
class Row:
    """How far a row of writes has come: the number of the last one asked for, and of the last one answered with ok."""

    asked: int = 0
    answered: int = 0


@dataclass
class Cutter:
    """Cuts a disk off once. ``begun`` and ``acknowledged`` are how far the row had come when the cut began.

    With ``neighbour`` another file of the file system is written and synced right before, as other programs do all the
    time: that commits the log, and with it what the implementation did to names, whether its data was synced or not.
    """

    disk: Disk
    row: Row
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
                # It grows: a sync of a file that did not change would commit nothing.
                os.write(descriptor, b"neighbour")
                os.fsync(descriptor)
            self.begun, self.acknowledged = self.row.asked, self.row.answered
            self.began = True
            self.disk.cut(descriptor)

    def cut_later(self, seconds: float) -> None:
        """Cut after so many seconds, in a thread."""

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
    """Let the implementation write a document of this size for the first time, and make all that there is durable.

    Returns the target and the document that it holds; None: it was not to exist, and the first write went elsewhere.
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
        row = Row()
        cutter = Cutter(bench.disk, row, cut.neighbour)
        try:
            _write_until_cut(bench, cut, target, statuses[:-1], row, cutter, cut.delay * duration)
        finally:
            cutter.wait()
        asked = [first, *statuses[: row.asked]]
        finding = look(bench, cut.described(), target, asked, cutter, statuses[-1])
        return dataclasses.replace(finding, number=cut.number)


def _write_until_cut(
    bench: Bench,
    cut: RandomCut,
    target: Path,
    statuses: list[dict[str, Any]],
    row: Row,
    cutter: Cutter,
    seconds: float,
) -> None:
    writer = bench.writer()
    requests = [bench.request(target, status) for status in statuses]
    numbers: list[int] = []
    if cut.pipelined and isinstance(writer, ServeImplementation):
        row.asked = len(requests)
        numbers = [writer.send(operation, **fields) for operation, fields in requests]
    for index, (operation, fields) in enumerate(requests):
        if index == cut.answers:
            cutter.cut_later(seconds)
        if cutter.began:
            return
        row.asked = max(row.asked, index + 1)
        try:
            if numbers:
                assert isinstance(writer, ServeImplementation)
                answer = writer.receive(numbers[index])
            else:
                answer = writer.request(operation, **fields)
        except ImplementationError:
            if cutter.began:
                return  # what becomes of a process whose file system dies is not the question here
            raise
        if answer.ok:
            row.answered = index + 1
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
    """End the implementation, let the file system recover, look at the target, and let a new process write."""
    bench.stop()
    bench.disk.recover()
    found, listing = snapshot(target), tuple(sorted(os.listdir(target.parent)))
    return Finding(
        cut=cut,
        asked=asked,
        acknowledged=cutter.acknowledged,
        begun=cutter.begun,
        target=found,
        listing=listing,
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
    """A new folder on the disk, gone at the end; nothing of it is certain to be on the disk yet."""
    folder = disk.place / "writes"
    folder.mkdir()
    try:
        yield folder
    finally:
        # After a failure the file system may be cut off still; it is not used any more then.
        shutil.rmtree(folder, ignore_errors=True)


def require_that_losses_show(disk: Disk) -> None:
    """The positive control: a replace without fsync, by the kit itself, must show as torn on this very disk, and what
    was synced must come back. Raises Inconclusive.
    """
    with fresh_folder(disk) as folder:
        old, new = make_status(0, 0, 4096), make_status(0, 1, 4096)
        synced, target, temp = folder / "synced.json", folder / "status.json", folder / "status.tmp"
        for path in (synced, target):
            path.write_text(encode(old), encoding="utf-8")
        disk.sync()
        temp.write_text(encode(new), encoding="utf-8")
        temp.replace(target)
        cutter = Cutter(disk, Row(asked=1), neighbour=True)
        cutter.cut()
        disk.recover()
        kinds = [
            judge(Finding("control", [old, new], 0, 1, snapshot(path), (), ""), "replace").kind
            for path in (synced, target)
        ]
        if kinds != ["kept", "torn"]:
            raise Inconclusive(
                f"the positive control was not caught: on this {disk.kind.name} a synced file was {kinds[0]}, and one "
                f"that was replaced without a sync {kinds[1]}, instead of kept and torn; cuts here prove nothing"
            )
