"""Cuts at every boundary of a write: the implementation is held before each of its file operations, and cut off."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

from conformance.contract.errors import ImplementationError
from conformance.oracle.payload import make_status
from conformance.subject.client import Implementation
from conformance.subject.protocol import Answer
from conformance.syscalls.operations import operations_of
from conformance.syscalls.tracer.messages import Plan, Report, Rule
from conformance.syscalls.tracer.session import Boundary, start_traced
from stress.powercut.cuts import BOUNDARY_SIZE, CHAINS, BoundaryCut, boundary_cut
from stress.powercut.cutting import Bench, Cutter, Progress, begin_write, fresh_folder, look
from stress.powercut.prediction import Foreseen, Write, begun_before, foreseen_at_any_point, foreseen_at_end
from stress.powercut.recording import Recorded, acknowledged, before_write, files_in, record_writes
from stress.powercut.verdict import Finding

__all__ = ["cut_at_boundaries"]


def cut_at_boundaries(bench: Bench, only: int | None) -> Iterator[Finding]:
    """Cut before each operation of a write and after its answer, in every `stress.powercut.cuts.BoundaryCut` variation;
    or ``only`` the cut with this number.

    Raises Unmeasured where nothing can be traced, TraceError, and ImplementationError for what goes wrong before a cut.
    """
    recorded = record_writes(bench, (BOUNDARY_SIZE,))
    if only is not None:
        yield _cut_at_boundary(bench, boundary_cut(only), recorded)[0]
        return
    for chain in range(CHAINS):
        for boundary in itertools.count():
            finding, held = _cut_at_boundary(bench, boundary_cut(boundary * CHAINS + chain), recorded)
            yield finding
            if not held:
                break  # this cut came after the answer: the write has no further operation


def _cut_at_boundary(bench: Bench, cut: BoundaryCut, recorded: Recorded) -> tuple[Finding, bool]:
    """Make one cut. Returns what was found, and whether the implementation was held. A write that has no such operation
    is cut after its answer instead.
    """
    bench.stop()
    traced = start_traced(bench.run)
    bench.writing.implementation = traced.implementation
    try:
        with fresh_folder(bench.disk) as folder:
            target, first = begin_write(bench, folder, cut.size, exists=cut.exists)
            files = files_in(folder)
            progress = Progress()
            cutter = Cutter(bench.disk, progress, cut.neighbour)
            new, after_recovery = make_status(0, 1, cut.size), make_status(0, 2, cut.size)
            operation, fields = bench.request(target, new)

            def ask(implementation: Implementation) -> Answer:
                progress.asked = 1
                return implementation.request(operation, **fields)

            hold = Rule("hold", "before", first=cut.boundary, last=cut.boundary)
            held_at = ""

            def cut_off(boundary: Boundary) -> None:
                nonlocal held_at
                held_at = boundary.name
                cutter.cut()

            report = None
            try:
                outcome = traced.request(Plan(str(folder), (hold,)), ask, cut_off)
                report = outcome.report
            except ImplementationError:
                if not cutter.began:
                    raise
            if not cutter.began:
                progress.answered = acknowledged(outcome)
                cutter.cut()
            found = look(bench, cut.described(held_at), target, [first, new], cutter, after_recovery)
            held_before = cut.boundary if held_at else None
            foreseen = _foreseen(recorded[cut.size, cut.exists], report, held_before, folder, files)
            finding = dataclasses.replace(found, number=cut.number, boundary=cut.boundary, foreseen=foreseen)
            return finding, bool(held_at)
    finally:
        traced.kill()


def _foreseen(
    recorded: Write, report: Report | None, held_before: int | None, folder: Path, files: Mapping[str, int]
) -> Foreseen:
    """What the model allows for a write that was held, or not, from the operations of this write itself.

    There is no report when the implementation neither answered nor ended after the cut. The model is then asked about
    the write that was ``recorded``, and any moment in it. Raises TraceError.
    """
    if report is None:
        return foreseen_at_any_point(recorded)
    if held_before is None:
        operations = operations_of(report.calls, str(folder), files)
    else:
        operations = begun_before(report.calls, held_before, str(folder), tuple(files))
    target, new_length = folder / recorded.before.target, recorded.before.new_length
    return foreseen_at_end(Write(operations, before_write(target, files, new_length)))
