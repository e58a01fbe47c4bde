"""VIS, PWR and FLT by the syscall engine, for targets that are named by no plain absolute path."""

from __future__ import annotations

import pytest

from conformance.contract.errors import Unmeasured, Violation
from conformance.runner.case import Case
from conformance.syscalls.laboratory import Laboratory
from conformance.syscalls.other_paths import FAULTS, ORDER, by_other_paths

pytestmark = pytest.mark.timeout(1800)


@pytest.mark.parametrize(
    "clause",
    [pytest.param(name, marks=pytest.mark.clause(name), id=name) for name in (*ORDER, "PWR-01", "PWR-02", *FAULTS)],
)
def test_by_another_path(case: Case, laboratory: Laboratory, clause: str) -> None:
    """Behind a link, through a linked folder, and without a folder; an existing target and a new one."""
    if clause in FAULTS and case.run.point != "*":
        raise Unmeasured("--point selects among the faults of other cases")
    looked = by_other_paths(laboratory)
    case.counts.update(writes=looked.writes)
    if clause in FAULTS:
        case.counts.update(faults=looked.faults)
    for each in looked.broken:
        if each.clause == clause:
            raise Violation(each.text, trace=list(each.trace))
    others = tuple(family for family in ("FLT ", "PWR ") if not clause.startswith(family.strip()))
    concerned = [each.removeprefix(f"{clause[:3]} ") for each in looked.unmeasured if not each.startswith(others)]
    if concerned:
        raise Unmeasured("; ".join(concerned))
