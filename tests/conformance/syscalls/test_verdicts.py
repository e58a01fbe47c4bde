"""What a visit means for each clause, and how programs in many languages report an error."""

import dataclasses
import errno
from typing import Any

import pytest

from conformance.oracle.faults import Injection
from conformance.syscalls.verdicts import judged, problem
from conformance.syscalls.visit import Visit

# A failed write that handled everything correctly.
CORRECT = Visit(
    point="replace:2:sync:EIO",
    what="error",
    injection=Injection(
        what="error",
        call="fsync",
        position=2,
        error=errno.EIO,
        writable=True,
        fired=True,
        target_before_fault="old",
        answer="io",
        answered_error=0,
        text="OSError: [Errno 5] Input/output error",
        target="old",
        touched=False,
        left=(),
        descriptors_left=0,
        next_write="ok",
    ),
    trace=(),
)


OWN = (
    "what",
    "on_target",
    "of_the_temp",
    "linked",
    "sync_skipped",
    "caught",
    "lost",
    "discarded",
    "closed_twice",
    "cleaning_failed",
    "removal_failed",
)


def visit(**changes: Any) -> Visit:
    """`CORRECT` with changes to the visit or to its injection."""
    own = {name: changes.pop(name) for name in OWN if name in changes}
    return dataclasses.replace(CORRECT, injection=dataclasses.replace(CORRECT.injection, **changes), **own)


OK = {"answer": "ok", "text": "", "target": "new", "touched": True}


@pytest.mark.parametrize(
    ("clause", "changes", "text"),
    [
        ("FLT-01", {}, None),
        ("FLT-01", OK, None),
        ("FLT-01", {"target": "missing"}, "lost the target"),
        ("FLT-01", {"answer": "ok"}, "answered ok, but the target is the old document"),
        ("FLT-01", {"answer": "crash", "text": "gone"}, "answered crash (gone) instead of ok or io"),
        ("FLT-02", {}, None),
        ("FLT-02", {"left": ("a",)}, "left a behind"),
        ("FLT-02", {"descriptors_left": 1}, "left 1 descriptor(s) open"),
        ("FLT-03", {}, None),
        ("FLT-03", {"next_write": "io: no"}, "the next write was answered io: no"),
        ("FLT-04", {}, None),
        ("FLT-04", OK, "the target was replaced or touched (new), although the fsync had failed"),
        ("FLT-05", {"answer": "ok", "call": "close"}, "answered ok instead of io"),
        ("FLT-06", {"answer": "ok"}, "answered ok instead of io"),
        ("VIS-01", {}, None),
        ("VIS-01", {"on_target": "the target itself was changed"}, "the target itself was changed"),
        ("VIS-03", {"of_the_temp": {"VIS-04": "touched"}}, None),
        ("VIS-04", {"of_the_temp": {"VIS-04": "touched"}}, "touched"),
        ("VIS-06", {"what": "short"}, None),
        ("VIS-06", {"what": "short", **OK}, None),
        (
            "VIS-06",
            {"what": "short", **OK, "target": "other"},
            "the system took fewer bytes than given; answered ok, but left another document in the target",
        ),
        ("VIS-06", {"what": "short", "target": "other"}, "left another document in the target"),
        ("VIS-06", {"what": "EINTR", "call": "write"}, None),
        ("VIS-06", {"what": "EINTR", "call": "write", **OK}, None),
        (
            "VIS-06",
            {"what": "EINTR", "call": "write", **OK, "target": "other"},
            "the system took no bytes (EINTR); answered ok, but left another document in the target",
        ),
        # An interrupted call is made again, or the write fails; a close is never made again.
        ("FLT-07", {"what": "EINTR", "error": 0, **OK}, None),
        ("FLT-07", {"what": "EINTR"}, "answered io (OSError: [Errno 5] Input/output error) and left the target old"),
        (
            "FLT-07",
            {"what": "EINTR", "existed": False},
            "answered io (OSError: [Errno 5] Input/output error) and there",
        ),
        ("FLT-07", {"what": "EINTR", "answer": "ok"}, "answered ok (OSError: [Errno 5] Input/output error) and left"),
        (
            "FLT-07",
            {"what": "EINTR", "sync_skipped": True, **OK},
            "answered ok, but the file was published without another sync",
        ),
        ("FLT-07", {"what": "EINTR", "call": "write", "sync_skipped": True, **OK}, None),
        ("FLT-07", {"what": "EINTR", "call": "fsync of another file", "sync_skipped": True, **OK}, None),
        ("FLT-07", {"what": "EINTR", "sync_skipped": True, "target_before_fault": "new", **OK}, None),
        ("FLT-07", {"what": "EINTR", "call": "close"}, None),
        ("FLT-07", {"what": "EINTR", "call": "close of another file"}, None),
        ("FLT-07", {"what": "EINTR", "call": "close", **OK}, None),
        (
            "FLT-07",
            {"what": "EINTR", "call": "close", "answer": "ok"},
            "answered ok, but the target is the old document",
        ),
        (
            "FLT-07",
            {"what": "EINTR", "call": "close", "closed_twice": True, **OK},
            "the descriptor was closed a second",
        ),
        ("FLT-07", {"what": "EINTR", "target_before_fault": "new", "target": "new", "touched": True}, None),
        ("FLT-07", {"what": "EINTR", "target_before_fault": "new"}, "answered io; the target was new at the fault"),
        ("FLT-08", {"what": "error and failing clean-up"}, None),
        ("FLT-08", {"what": "error and failing clean-up", **OK}, None),
        (
            "FLT-08",
            {"text": "Read-only file system"},
            "reported 'Read-only file system', which does not name EIO, the first error",
        ),
        ("FLT-08", {"answer": "crash"}, "answered crash"),
        ("FLT-09", {"what": "interrupt"}, None),
        ("FLT-09", {"what": "interrupt", "answer": "crash"}, None),
        ("FLT-09", {"what": "interrupt", "target": "missing", "caught": False}, "lost the target"),
        (
            "FLT-09",
            {"what": "interrupt", "left": ("a",), "text": "EBADF"},
            "left a behind, and answered io (EBADF)",
        ),
        ("FLT-09", {"what": "interrupt", "descriptors_left": 2}, None),  # counted by FLT-11
        ("FLT-09", {"what": "interrupt", "left": ("a",), "caught": False}, None),  # it dies of the signal, as of a kill
        ("FLT-09", {"what": "interrupt", "caught": False, "lost": True}, "SIGINT was ignored there"),
        ("FLT-01", {"what": "lasting", "answer": "ok"}, "answered ok, but the target is the old document"),
        ("FLT-02", {"what": "lasting", "left": ("a",)}, "left a behind"),
        ("FLT-02", {"what": "lasting", "left": ("a",), "removal_failed": True}, None),
        ("FLT-02", {"what": "lasting", "descriptors_left": 1, "removal_failed": True}, "left 1 descriptor(s) open"),
        ("KIL-05", {"what": "terminate"}, None),
        ("KIL-05", {"what": "terminate", "answer": "crash"}, None),
        ("KIL-05", {"what": "terminate", **OK}, None),
        ("KIL-05", {"what": "terminate", "left": ("a",)}, None),
        ("KIL-05", {"what": "terminate", "answer": "hang"}, "after SIGTERM it neither ended nor answered"),
        ("FLT-09", {"what": "interrupt", "caught": False, "discarded": True}, "SIGINT was blocked there"),
        ("KIL-05", {"what": "terminate", "lost": True}, "SIGTERM was ignored there"),
        ("KIL-05", {"what": "terminate", "caught": False, "discarded": True}, "SIGTERM was blocked there"),
        ("KIL-05", {"what": "terminate", "answer": "ok"}, "answered ok after SIGTERM, but the target is old"),
        ("KIL-05", {"what": "terminate", "answer": "crash", "target": "torn"}, "left the target torn"),
        ("KIL-06", {"what": "terminate"}, None),
        ("KIL-06", {"what": "terminate", "answer": "crash", "left": ("a",)}, "left a behind"),
        ("KIL-01", {"what": "kill"}, None),
        ("KIL-01", {"what": "kill", "target": "new"}, None),
        ("KIL-01", {"what": "kill", "target": "torn"}, "left the target torn"),
        ("KIL-01", {"what": "kill", "target": "missing"}, "lost the target"),
        ("KIL-01", {"what": "kill", "left": ("a",), "next_write": "io: no"}, None),
        ("KIL-02", {"what": "kill"}, None),
        ("KIL-02", {"what": "kill", "next_write": "ok, by a new process"}, None),
        ("KIL-02", {"what": "kill", "next_write": "io: File exists"}, "the next write was answered io: File exists"),
        ("KIL-02", {"what": "kill", "target": "other"}, None),
    ],
)
def test_a_visit_is_judged(clause: str, changes: dict[str, Any], text: str | None) -> None:
    found = problem(clause, visit(**changes))
    assert found == text if text is None else (found is not None and found.startswith(text))


VISITS = {
    "sync": visit(),
    "sync after the replace": visit(position=7, target_before_fault="new", target="new"),
    "folder": visit(call="fsync of the folder", position=8),
    "close": visit(call="close", position=3),
    "close of what was read": visit(call="close", position=4, writable=False),
    "rename": visit(call="rename", position=5, error=errno.EXDEV, text="EXDEV"),
    "rename, disk full": visit(call="rename", position=5, error=errno.ENOSPC),
    "rename of a first document that is linked then": visit(call="rename", position=5, linked=True),
    "short": visit(what="short", call="write", position=1),
    "EINTR": visit(what="EINTR", position=2),
    "EINTR of a write": visit(what="EINTR", call="write", position=1),
}


@pytest.mark.parametrize(
    ("clause", "names"),
    [
        ("FLT-01", [*VISITS]),
        ("FLT-02", [*VISITS]),
        ("FLT-03", [*VISITS]),
        ("FLT-04", ["sync"]),
        ("FLT-05", ["close"]),
        ("FLT-06", ["rename", "rename, disk full"]),
        ("FLT-07", ["EINTR", "EINTR of a write"]),
        ("VIS-02", [*VISITS]),
        ("VIS-03", [*VISITS]),
        ("VIS-04", [*VISITS]),
        ("VIS-06", ["short", "EINTR of a write"]),
    ],
)
def test_which_visits_a_clause_is_about(clause: str, names: list[str]) -> None:
    assert [name for name, each in VISITS.items() if each in judged(clause, [*VISITS.values()])] == names


@pytest.mark.parametrize(
    ("changes", "clauses"),
    [
        ({}, ["KIL-05", "KIL-06"]),
        ({"answer": "hang"}, ["KIL-05"]),
        ({"caught": False}, ["KIL-05"]),
        ({"caught": False, "ignored": True}, []),
    ],
)
def test_which_signals_a_clause_is_about(changes: dict[str, Any], clauses: list[str]) -> None:
    each = dataclasses.replace(visit(what="terminate"), ignored=changes.pop("ignored", False))
    each = dataclasses.replace(each, caught=changes.pop("caught", True))
    each = dataclasses.replace(each, injection=dataclasses.replace(each.injection, **changes))
    assert [clause for clause in ("KIL-05", "KIL-06") if judged(clause, [each])] == clauses


@pytest.mark.parametrize("what", ["interrupt", "terminate", "kill", "error and failing clean-up"])
def test_the_order_is_judged_after_faults_only(what: Any) -> None:
    assert not judged("VIS-04", [visit(what=what)])


CLEANING = visit(what="error and failing clean-up", cleaning_failed=True, text="Read-only file system")


@pytest.mark.parametrize(
    ("others", "cleaning", "count"),
    [
        ([visit()], CLEANING, 1),
        ([], CLEANING, 0),  # that error alone was not visited
        ([visit(**OK)], CLEANING, 0),  # it is tolerated: there is nothing to report
        ([visit(text="something went wrong")], CLEANING, 0),  # it is never reported
        ([visit(error=errno.ENOSPC)], CLEANING, 0),  # another error
        ([visit(position=3)], CLEANING, 0),  # at another place
        ([visit()], dataclasses.replace(CLEANING, cleaning_failed=False), 0),  # nothing was cleaned up
    ],
)
def test_a_first_error_is_hidden_if_it_is_reported_alone(others: list[Visit], cleaning: Visit, count: int) -> None:
    assert len(judged("FLT-08", [*others, cleaning])) == count
