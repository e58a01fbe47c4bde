"""Records writes of an implementation on the disk that will be cut off, for the power-loss model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from conformance.contract.errors import ImplementationError
from conformance.oracle.payload import make_status
from conformance.oracle.snapshot import Snapshot, snapshot
from conformance.syscalls.operations import operations_of
from conformance.syscalls.powerloss.model import Before
from conformance.syscalls.tracer.calls import TraceError
from conformance.syscalls.tracer.messages import Plan
from conformance.syscalls.tracer.session import Outcome, Traced, start_traced
from stress.powercut.cutting import Bench, begin_write, fresh_folder, refused
from stress.powercut.prediction import Write

__all__ = ["Recorded", "acknowledged", "before_write", "data_of", "files_in", "record_writes"]

Recorded = Mapping[tuple[int, bool], Write]  # by the size of the documents in bytes, and whether there was a target


def record_writes(bench: Bench, sizes: Iterable[int]) -> Recorded:
    """Record a write of each size, over an older target and without one.

    Raises Unmeasured where nothing can be traced, TraceError, and ImplementationError when a write fails.
    """
    bench.stop()
    traced = start_traced(bench.run)
    bench.writing.implementation = traced.implementation
    try:
        return {
            (size, exists): _record(bench, traced, size, exists=exists) for size in sizes for exists in (True, False)
        }
    finally:
        traced.kill()
        bench.stop()


def _record(bench: Bench, traced: Traced, size: int, *, exists: bool) -> Write:
    with fresh_folder(bench.disk) as folder:
        target, _ = begin_write(bench, folder, size, exists=exists)
        files = files_in(folder)
        operation, fields = bench.request(target, make_status(0, 1, size))
        outcome = traced.request(Plan(str(folder)), lambda implementation: implementation.request(operation, **fields))
        acknowledged(outcome)
        new = data_of(snapshot(target))
        operations = operations_of(outcome.report.calls, str(folder), files)
        if not operations:
            raise TraceError("a write succeeded, but no operation on the target's folder was seen")
        return Write(operations, before_write(target, files, len(new)))


def data_of(found: Snapshot) -> bytes:
    """The bytes at the target after a write that was acknowledged. Raises ImplementationError unless it is a file."""
    if found.data is None:
        raise ImplementationError(f"acknowledged a write, but {found.what or 'no file'} is at the target")
    return found.data


def before_write(target: Path, files: Mapping[str, int], new_length: int) -> Before:
    """The folder before a write, for the model: from `files_in` and the length in bytes of the new document."""
    others = {name: length for name, length in files.items() if name != target.name}
    return Before(target.name, files.get(target.name), new_length, others)


def files_in(folder: Path) -> dict[str, int]:
    """Everything in a folder with its length in bytes, by names relative to it; those of folders end in ``/``."""
    return {
        path.relative_to(folder).as_posix() + "/" * (path.is_dir() and not path.is_symlink()): path.lstat().st_size
        for path in sorted(folder.rglob("*"))
    }


def acknowledged(outcome: Outcome) -> int:
    """The number of writes that an outcome without a cut acknowledges: one. Raises ImplementationError."""
    if outcome.answer is None:
        raise outcome.end or TraceError("neither an answer nor an end was recorded")
    if not outcome.answer.ok:
        raise refused(outcome.answer)
    return 1
