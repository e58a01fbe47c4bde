"""PWR without a tracer: an implementation that sees one must not sync for it alone (Linux)."""

from __future__ import annotations

import pytest

from conformance.contract.errors import NotApplicable, Unmeasured, Violation
from conformance.oracle.payload import make_status
from conformance.runner.case import Case
from conformance.syscalls.laboratory import SIZE, Laboratory
from conformance.syscalls.recording import annotated
from conformance.syscalls.target_state import NEW
from conformance.syscalls.untraced.repetition import Role, missing, roles_of, roles_of_trace, untraced

# The document that was traced, twice, and then one of every other status.
SEQUENCES = (NEW, NEW, 0, 1, 3)


@pytest.mark.parametrize(
    ("clause", "role"),
    [
        pytest.param("PWR-01", "file", marks=pytest.mark.clause("PWR-01"), id="PWR-01"),
        pytest.param("PWR-02", "folder", marks=pytest.mark.clause("PWR-02"), id="PWR-02"),
    ],
)
def test_syncs_without_a_tracer_as_with_one(case: Case, laboratory: Laboratory, clause: str, role: Role) -> None:
    recording = laboratory.record("replace")
    traced = roles_of_trace(recording.operations) & {role, "all"}
    if not traced:
        raise NotApplicable(f"no call of a traced write syncs the {role} (the other cases of {clause} judge that)")
    with untraced(case.run) as one:
        for sequence in SEQUENCES:
            one.found.clear()
            status = make_status(0, sequence, SIZE)
            answer = case.publish(case.target, status, by=one.implementation)
            if not answer.ok:
                raise Unmeasured("a write without any fault does not succeed (see FLT-01)")
            folder = str(case.folder)
            left = case.patience.until_gone(lambda: missing(traced, roles_of(one.found, folder)))  # noqa: B023  # at once
            if left:
                what = " and ".join(left)
                story = (
                    f"a write syncs {what} when it is traced, and does not when it is not: a real power cut would lose "
                    "what the traced writes promise"
                )
                if sequence != NEW:
                    story = f"a write syncs {what} for one document, and does not for another ({status['status']})"
                raise Violation(
                    story,
                    traced=list(annotated(recording.operations, None)),
                    untraced=[f"{sync.call} {sync.path}".rstrip() for sync in one.found],
                )
    case.counts["untraced writes"] = len(SEQUENCES)
