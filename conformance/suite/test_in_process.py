"""FLT, KIL and parts of VIS and MET for mode ``python``: a fault at every file call of a write, in process.

The object runs in separate processes: on fake systems (`conformance.in_process.fakefs`), and on the real file system of
this machine (`conformance.in_process.realfs`), where it is also killed at every file call.
"""

from __future__ import annotations

import pytest

from conformance.contract.errors import Unmeasured, Violation
from conformance.oracle.faults import concerns, judge, judge_kill
from conformance.runner.case import Case
from conformance.suite.support.in_process import (
    REAL,
    SYSTEMS,
    report_on,
    require_all,
    require_calls,
    require_clean_failure,
)


def clauses(*names: str) -> pytest.MarkDecorator:
    """One case for each of these clauses."""
    marked = [pytest.param(name, marks=pytest.mark.clause(name), id=name) for name in names]
    return pytest.mark.parametrize("clause", marked)


@pytest.mark.parametrize("system", SYSTEMS)
@clauses("FLT-01", "FLT-02", "FLT-03", "FLT-04", "FLT-05", "FLT-06", "FLT-08", "FLT-09")
def test_fault_at_every_file_call(case: Case, clause: str, system: str) -> None:
    report = report_on(case, system)
    require_all(clause, [point for point in report.injections if concerns(clause, point)], judge, report)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.clause("FLT-11")
def test_descriptors_after_an_interrupt_in_process(case: Case, system: str) -> None:
    """Only counted: an interrupt is not an error that a program handles and lives on after."""
    found = [point for point in report_on(case, system).injections if point.what == "interrupt"]
    case.counts["interrupts"] = len(found)
    case.counts["descriptors left"] = sum(point.descriptors_left for point in found)


@pytest.mark.parametrize("system", [REAL])
@clauses("KIL-01", "KIL-02")
def test_kill_at_every_file_call(case: Case, clause: str, system: str) -> None:
    """The process ends at once, without any clean-up: right before and right after each file call."""
    report = report_on(case, system)
    require_all(clause, report.kills, judge_kill, report)


@pytest.mark.clause("FLT-10")
@pytest.mark.parametrize("system", SYSTEMS)
def test_disk_full_in_process(case: Case, system: str) -> None:
    found = report_on(case, system).disk_full
    if found is None:
        raise Unmeasured("no file call of this write was seen to need disk space")
    require_clean_failure(found)


@pytest.mark.clause("MET-09")
@pytest.mark.parametrize("system", [name for name in SYSTEMS if name != "windows"])
def test_read_only_folder_in_process(case: Case, system: str) -> None:
    found = report_on(case, system).read_only
    if found is None:
        raise Unmeasured("no folder is read-only for this user: needs POSIX and, for root, util-linux's setpriv")
    require_clean_failure(found)


@pytest.mark.clause("VIS-03")
@pytest.mark.parametrize("system", SYSTEMS)
def test_file_that_has_the_name_already_survives(case: Case, system: str) -> None:
    """Another program's file has the temp's name just before the temp is opened: it must not be taken over."""
    report = report_on(case, system)
    require_calls(report)
    survived = report.planted_survived
    if survived is None:
        raise Unmeasured("the write was not seen to open a temp in process")
    if not survived:
        raise Violation("a file that another program had made under the temp's name was overwritten or removed")


@pytest.mark.clause("VIS-04")
@pytest.mark.parametrize("system", SYSTEMS)
def test_name_of_the_temp_is_not_touched_afterwards(case: Case, system: str) -> None:
    """Another program may take the temp's name right after the replace (renameio's README)."""
    report = report_on(case, system)
    require_calls(report)
    survived = report.bystander_survived
    if survived is None:
        raise Unmeasured("no replace by rename was seen in process")
    if not survived:
        raise Violation("after the replace, a file that another program had made under the temp's name was removed")
