"""VIS and PWR at sizes and names that nothing knows beforehand: each run draws them from its seed."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

from conformance.contract.errors import NotAnAnswer, Unmeasured, Violation
from conformance.oracle.document import STATUSES
from conformance.oracle.drawn import drawn_names, drawn_sizes, drawn_status
from conformance.oracle.payload import encode, make_status
from conformance.runner.case import Case
from conformance.syscalls.laboratory import Laboratory
from conformance.syscalls.order import faults_of_order
from conformance.syscalls.powerloss.model import judge
from conformance.syscalls.recording import annotated, before_of
from conformance.syscalls.target_state import NEW

pytestmark = pytest.mark.timeout(1800)

TARGETS = 6
LARGEST = (1 << 20) - 512  # bytes: the implementation may put white space between the members
SMALLEST = 128  # bytes: about those of a status with a short message
TRACED = 8  # sizes
_DRAWN = 0.7  # of the statuses; the others are as those of other cases
_LONG = 200  # bytes of a name that may leave no room for that of a temp


def publish_drawn(case: Case, target: Path, draw: random.Random, size: int, more: int) -> int:
    """Write a document that has ``size`` bytes in the file, if the implementation adds ``more`` to the kit's own form.

    Returns how many it has added.
    """
    if case.run.manifest.profile == "replace" and size < SMALLEST:
        text = "".join(draw.choices("abcdefg 0123456789.,:", k=size))
        case.require_ok(case.request("replace", path=str(target), text=text), f"a text of {size} bytes")
        case.require_bytes(target, {}, text)
        return more
    size = min(size - more, LARGEST)
    status = drawn_status(draw, size) if draw.random() < _DRAWN else make_status(0, draw.randrange(1000), size)
    case.require_ok(case.publish(target, status), f"a document of about {size:,} bytes")
    case.require_bytes(target, status)
    return target.stat().st_size - len(encode(status).encode("utf-8"))


def is_long(target: Path) -> bool:
    """Whether a name is so long that a write may fail for it, in whatever way: MET-05 says so, and no other clause."""
    return len(os.fsencode(target.name)) > _LONG


def is_refused(case: Case, target: Path) -> bool:
    try:
        return is_long(target) and not case.publish(target, make_status(0, 0, SMALLEST)).ok
    except NotAnAnswer:  # in mode oneshot an exit code that is no refusal
        return True


@pytest.mark.clause("VIS-01")
def test_whatever_the_size_and_the_name(case: Case) -> None:
    """The kit holds the old file open, which a write must leave as it was; see `conformance.oracle.witness`."""
    if sys.platform == "win32":
        raise Unmeasured("on Windows a file that the kit holds open may not be replaced")
    draw = random.Random(f"{case.run.seed} sizes and names")
    targets = [case.folder / name for name in drawn_names(draw, TARGETS)]
    more = 0
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
    targets = [target for target in targets if not is_refused(case, target)]
    for sequence, size in enumerate([SMALLEST] * TARGETS + drawn_sizes(draw)):
        target = targets[sequence % len(targets)]
        more = publish_drawn(case, target, draw, size, more)
        if case.in_place:
            name = target.relative_to(case.folder)
            raise Violation(
                f"the old file was written to instead of being replaced, by a document of {target.stat().st_size:,} "
                f"bytes at {name}",
                request=case.in_place,
            )
    case.counts["drawn sizes"] = sequence + 1


@pytest.mark.parametrize(
    "clause",
    [
        pytest.param(name, marks=pytest.mark.clause(name), id=name)
        for name in ("VIS-01", "VIS-02", "VIS-03", "VIS-04", "VIS-08", "PWR-01", "PWR-02")
    ],
)
def test_operations_whatever_the_size_and_the_name(case: Case, laboratory: Laboratory, clause: str) -> None:
    """What the other cases judge at the usual size, with the usual name."""
    draw = random.Random(f"{case.run.seed} traced sizes and names")
    sizes = [size for size in drawn_sizes(draw) if SMALLEST <= size <= LARGEST][:TRACED]
    for number, (size, name) in enumerate(zip(sizes, drawn_names(draw, TRACED), strict=True)):
        try:
            recording = laboratory.record_drawn(os.path.basename(name), size, NEW + number % len(STATUSES))
        except (Unmeasured, NotAnAnswer):
            if is_long(Path(name)):
                continue
            raise
        case.counts["operations"] = case.counts.get("operations", 0) + len(recording.operations)
        where = f"a document of {recording.place.target.stat().st_size:,} bytes at {os.path.basename(name)}"
        for fault in faults_of_order(recording.operations, recording.place.name, existed=True):
            if fault.clause == clause:
                trace = list(annotated(recording.operations, fault.operation))
                raise Violation(f"{fault.text} ({where})", trace=trace)
        if clause.startswith("PWR"):
            recording.require_followed()
            judgement = judge(recording.operations, before_of(recording))
            if found := judgement.torn if clause == "PWR-01" else judgement.lost:
                trace = list(annotated(recording.operations, found.cut.operation))
                raise Violation(f"{found.story} ({where})", trace=trace)
