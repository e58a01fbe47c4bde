"""FLT-10, VIS-06: a disk that is full, or a limit on the size of a file, with an old document and without one."""

from __future__ import annotations

import dataclasses

import pytest

from conformance.contract.errors import Violation
from conformance.runner.case import Case
from conformance.suite.test_faults import FAULTS, NEXT, fire_and_survive, kept_out, require_failed_cleanly


@pytest.mark.clause("FLT-10")
@pytest.mark.parametrize("name", ["disk-full", "file-too-large", "no-room-at-all"])
def test_full_disk(case: Case, name: str) -> None:
    """Old bytes, inode and time; no temp; and the next write, which fits or for which there is room again, works."""
    fault = FAULTS[name](case)
    outcome = fire_and_survive(case, fault)
    require_failed_cleanly(outcome)
    if left := kept_out(case, fault, outcome.listing_after - outcome.listing_before):
        raise Violation(f"left behind when the disk was full: {sorted(left)}")
    case.require_ok(case.publish(fault.target, NEXT, by=fault.writer), "a small write afterwards")
    case.require_holds(fault.seen(fault.target), NEXT)


@pytest.mark.clause("FLT-10")
@pytest.mark.parametrize("name", ["disk-full", "file-too-large"])
def test_full_disk_at_a_first_write(case: Case, name: str) -> None:
    """There is no old document to keep: there is no file afterwards, and no half of one."""
    fault = FAULTS[name](case)
    first = fault.target.with_name("first.json")
    outcome = fire_and_survive(case, dataclasses.replace(fault, target=first, next_target=first))
    require_failed_cleanly(outcome)
    if left := case.left(outcome.listing_after - outcome.listing_before, {first.name}):
        raise Violation(f"left behind when the disk was full: {sorted(left)}")


@pytest.mark.clause("VIS-06")
@pytest.mark.parametrize("name", ["disk-full", "file-too-large"])
def test_short_write_is_noticed(case: Case, name: str) -> None:
    """The kernel takes 64 KiB of the document, or all but the last, and no more: a part of it must never become the
    target.
    """
    require_failed_cleanly(fire_and_survive(case, FAULTS[name](case)))
