"""VIS by the syscall engine: another program's file at a name that the temp gets, has or had (Linux)."""

from __future__ import annotations

import pytest

from conformance.contract.errors import NotApplicable, Unmeasured, Violation
from conformance.runner.case import Case
from conformance.syscalls.laboratory import Laboratory
from conformance.syscalls.order import OF_THE_TEMP, faults_of_the_temp
from conformance.syscalls.planting import (
    Planted,
    after_the_removal,
    after_the_replace,
    at_the_new_name,
    behind_a_link,
    failing,
    naming,
    reopening,
    replacing,
)

pytestmark = pytest.mark.timeout(1800)


def require_kept(planted: Planted, what: str) -> None:
    """Raise Violation unless the other program's file is as it was."""
    if planted.fate != "kept":
        raise Violation(f"{what} was {planted.fate}", trace=list(planted.trace))


@pytest.mark.clause("VIS-09")
def test_file_at_the_temps_name_is_kept(case: Case, laboratory: Laboratory) -> None:
    recording = laboratory.record("replace")
    recording.require_followed()
    found = naming(recording.operations, recording.place.target.name)
    case.counts["names"] = len(found)
    for operation in found:
        require_kept(at_the_new_name(laboratory, operation), "another program's file that had the temp's name before")
    if not found:
        raise Unmeasured("the temp gets no name that another program's file could have, or takes it over (see VIS-03)")


@pytest.mark.parametrize(
    "clause", [pytest.param(name, marks=pytest.mark.clause(name), id=name) for name in OF_THE_TEMP]
)
def test_order_when_the_temps_name_is_taken(case: Case, laboratory: Laboratory, clause: str) -> None:
    """What a writer does then is subject to the same rules: another name, in the same folder, as exclusively."""
    recording = laboratory.record("replace")
    recording.require_followed()
    target = recording.place.target.name
    if any(each.clause == clause for each in faults_of_the_temp(recording.operations, target)):
        raise Unmeasured(f"its order is wrong with or without a fault (see {clause}, order_of_operations)")
    found = naming(recording.operations, target)
    case.counts["names"] = len(found)
    for operation in found:
        planted = at_the_new_name(laboratory, operation)
        if text := planted.of_the_temp.get(clause):
            raise Violation(f"when the temp's name was taken, {text}", trace=list(planted.trace))
    if not found:
        raise NotApplicable("the temp gets no name that another program's file could have and it would not take over")


@pytest.mark.clause("VIS-03")
def test_file_under_a_removed_temps_name_survives(case: Case, laboratory: Laboratory) -> None:
    recording = laboratory.record("replace")
    recording.require_followed()
    for point in failing(recording.operations, recording.place.target.name):
        planted = after_the_removal(laboratory, point, recording)
        if planted is not None:
            case.counts["removals"] = case.counts.get("removals", 0) + 1
            require_kept(planted, f"{point.name}: after the temp was removed, another program's file under its name")
    if not case.counts.get("removals"):
        raise NotApplicable("no failed write removed a temp by its name (see FLT-02)")


@pytest.mark.clause("VIS-10")
def test_file_behind_a_planted_link_is_kept(case: Case, laboratory: Laboratory) -> None:
    """A temp that is never opened again needs no planted link."""
    recording = laboratory.record("replace")
    recording.require_followed()
    found = reopening(recording.operations, recording.place.target.name)
    case.counts["opened again"] = len(found)
    for operation in found:
        planted = behind_a_link(laboratory, operation)
        require_kept(planted, f"{operation}: the temp was opened again by its name, and the file behind a planted link")


@pytest.mark.clause("VIS-04")
def test_file_under_the_temps_name_survives_the_replace(case: Case, laboratory: Laboratory) -> None:
    recording = laboratory.record("replace")
    recording.require_followed()
    found = replacing(recording.operations, recording.place.target.name)
    for operation in found:
        planted = after_the_replace(laboratory, operation)
        require_kept(planted, "after the replace, another program's file under the temp's name")
    if not found:
        raise NotApplicable("no rename published the document from a name that others could take")
