"""The judges of an injected fault: each accepts correct behaviour and says in words what is wrong."""

import dataclasses
import errno
from typing import Any

import pytest

from conformance.oracle.faults import Injection, Kill, concerns, judge, judge_kill

# A failed write that handled everything correctly.
CORRECT = Injection(
    what="error",
    call="write",
    position=3,
    error=errno.EIO,
    writable=True,
    fired=True,
    target_before_fault="old",
    answer="io",
    answered_error=errno.EIO,
    text="[Errno 5] injected",
    target="old",
    touched=False,
    left=(),
    descriptors_left=0,
    next_write="ok",
)
AFTER = {"target_before_fault": "new", "target": "new", "touched": True}
TOLERATED: dict[str, Any] = {"answer": "ok", "answered_error": 0, "target": "new", "touched": True}
CLEANING: dict[str, Any] = {"what": "error and failing clean-up"}
INTERRUPT: dict[str, Any] = {"what": "interrupt", "error": 0, "answer": "interrupt", "answered_error": 0}
LEFT: dict[str, Any] = {"left": ("s.json.1.tmp",)}


def changed(*changes: dict[str, Any]) -> Injection:
    return dataclasses.replace(CORRECT, **{name: value for change in changes for name, value in change.items()})


GOOD: list[tuple[str, Injection]] = [
    *((clause, CORRECT) for clause in ("FLT-01", "FLT-02", "FLT-03", "FLT-04", "FLT-05", "FLT-06")),
    *((clause, changed(AFTER)) for clause in ("FLT-01", "FLT-02", "FLT-03")),
    *((clause, changed({"call": "stat"}, TOLERATED)) for clause in ("FLT-01", "FLT-02", "FLT-03")),
    ("FLT-01", changed({"call": "fsync"}, AFTER, {"answer": "ok"})),
    # The clean-up itself was made to fail, so the temp may stay.
    ("FLT-02", changed({"call": "unlink"}, LEFT)),
    ("FLT-08", changed(CLEANING)),
    ("FLT-08", changed(CLEANING, LEFT)),
    ("FLT-08", changed(CLEANING, TOLERATED)),
    ("FLT-09", changed(INTERRUPT)),
    ("FLT-09", changed(INTERRUPT, AFTER)),
]


@pytest.mark.parametrize(("clause", "injection"), GOOD)
def test_correct_behaviour_is_not_accused(clause: str, injection: Injection) -> None:
    assert judge(clause, injection) is None


BAD: list[tuple[str, Injection, str]] = [
    ("FLT-01", changed({"answer": "crash"}), "answered crash ([Errno 5] injected) instead of ok or io"),
    ("FLT-01", changed({"answer": "invalid"}), "answered invalid"),
    ("FLT-01", changed({"answer": "interrupt"}), "answered interrupt"),
    ("FLT-01", changed({"target": "other"}), "left another document in the target"),
    ("FLT-01", changed({"target": "missing", "target_before_fault": "missing"}), "lost the target"),
    ("FLT-01", changed({"target": "other", "answer": "ok"}), "left another document in the target"),
    ("FLT-01", changed({"answer": "ok"}), "answered ok, but the target is the old document"),
    ("FLT-01", changed({"target": "new"}), "answered io; the target was old at the fault and is new now"),
    ("FLT-01", changed({"answer": "ok", "existed": False}), "answered ok, but there is no target"),
    (
        "FLT-01",
        changed({"target": "new", "existed": False}),
        "answered io; there was no target at the fault, and now there is one, which is new",
    ),
    (
        "FLT-01",
        changed(AFTER, {"target": "old"}),
        "answered io; the target was new at the fault and is old now",
    ),
    (
        "FLT-01",
        changed({"touched": True}),
        "answered io and kept the old bytes, but the target is another file",
    ),
    ("FLT-02", changed(LEFT), "left s.json.1.tmp behind"),
    ("FLT-02", changed(LEFT, AFTER), "left s.json.1.tmp behind"),
    ("FLT-02", changed(LEFT, TOLERATED), "left s.json.1.tmp behind"),
    ("FLT-02", changed({"left": ("a", "b")}), "left a, b behind"),
    ("FLT-02", changed({"descriptors_left": 2}), "left 2 descriptor(s) open"),
    ("FLT-02", changed({"call": "unlink", "descriptors_left": 1}, LEFT), "left 1 descriptor(s) open"),
    ("FLT-03", changed({"next_write": "io [Errno 17]"}), "the next write was answered io [Errno 17]"),
    (
        "FLT-03",
        changed({"next_write": "ok, but wrote nothing"}),
        "the next write was answered ok, but wrote nothing",
    ),
    *(
        (clause, changed({"call": call}, change), sentence)
        for clause, call in (("FLT-04", "fsync"), ("FLT-05", "close"), ("FLT-06", "rename"))
        for change, sentence in (
            (TOLERATED, f"the target was replaced or touched (new), although the {call} had failed"),
            ({"target": "new"}, "the target was replaced or touched (new)"),
            ({"target": "other"}, "left another document in the target"),
            ({"touched": True}, "the target was replaced or touched (old)"),
            ({"answer": "ok"}, "answered ok instead of io"),
            ({"answer": "crash"}, "answered crash instead of io"),
        )
    ),
    (
        "FLT-08",
        changed(CLEANING, {"answered_error": errno.EROFS}),
        "reported EROFS instead of EIO, which came first",
    ),
    ("FLT-08", changed(CLEANING, {"answered_error": 0}), "reported 0 instead of EIO, which came first"),
    ("FLT-08", changed(CLEANING, {"answer": "crash"}), "answered crash"),
    ("FLT-08", changed(CLEANING, {"answer": "ok"}), "answered ok, but the target is the old document"),
    ("FLT-09", changed(INTERRUPT, LEFT), "left s.json.1.tmp behind"),
    ("FLT-09", changed(INTERRUPT, LEFT, {"answer": "io", "text": "no"}), "tmp behind, and answered io (no)"),
    ("FLT-09", changed(INTERRUPT, {"target": "missing"}), "lost the target"),
    ("FLT-09", changed(INTERRUPT, {"target": "other"}), "left another document in the target"),
    (
        "FLT-09",
        changed(INTERRUPT, {"answer": "ok", "target": "new"}),
        "answered ok: the interrupt was swallowed",
    ),
    ("FLT-09", changed(INTERRUPT, {"answer": "io"}), "answered io: the interrupt was swallowed"),
]


@pytest.mark.parametrize(("clause", "injection", "sentence"), BAD)
def test_wrong_behaviour_is_described_in_words(clause: str, injection: Injection, sentence: str) -> None:
    found = judge(clause, injection)
    assert found is not None
    assert sentence in found


CONCERNED: list[tuple[str, Injection, bool]] = [
    *((clause, CORRECT, True) for clause in ("FLT-01", "FLT-02", "FLT-03")),
    *((clause, changed(CLEANING), False) for clause in ("FLT-01", "FLT-02", "FLT-03", "FLT-09")),
    *((clause, changed(INTERRUPT), False) for clause in ("FLT-01", "FLT-02", "FLT-03", "FLT-04", "FLT-08")),
    ("FLT-04", changed({"call": "fsync"}), True),
    ("FLT-04", CORRECT, False),
    # The folder is synced after the replace.
    ("FLT-04", changed({"call": "fsync"}, AFTER), False),
    ("FLT-04", changed({"call": "fsync"}, CLEANING), False),
    ("FLT-05", changed({"call": "close"}), True),
    ("FLT-05", changed({"call": "close", "writable": False}), False),
    ("FLT-05", changed({"call": "close"}, AFTER), False),
    *(
        ("FLT-06", changed({"call": "rename", "error": error}), True)
        for error in (errno.EXDEV, errno.EBUSY, errno.EPERM)
    ),
    # Errors after which a writer may try again.
    ("FLT-06", changed({"call": "rename", "error": errno.EACCES}), False),
    ("FLT-06", changed({"call": "open", "error": errno.EXDEV}), False),
    ("FLT-08", changed(CLEANING), True),
    ("FLT-08", CORRECT, False),
    ("FLT-09", changed(INTERRUPT), True),
    ("FLT-09", CORRECT, False),
]


@pytest.mark.parametrize(("clause", "injection", "concerned"), CONCERNED)
def test_each_clause_selects_the_injections_that_concern_it(clause: str, injection: Injection, concerned: bool) -> None:
    assert concerns(clause, injection) is concerned


@pytest.mark.parametrize("clause", ["FLT-07", "FLT-10", "VIS-01"])
def test_a_clause_that_no_injection_concerns_is_refused(clause: str) -> None:
    with pytest.raises(ValueError, match=f"{clause} does not apply to in-process injections"):
        concerns(clause, CORRECT)


@pytest.mark.parametrize(
    ("injection", "name"),
    [
        (CORRECT, "EIO at call 3 (write)"),
        (changed(CLEANING), "EIO at call 3 (write) with a failing clean-up"),
        (changed(INTERRUPT), "an interrupt at call 3 (write)"),
    ],
)
def test_an_injection_in_words(injection: Injection, name: str) -> None:
    assert injection.name() == name


# Kills

KILL = Kill(phase="before", call="rename", position=4, fired=True, target="old", next_write="ok")


@pytest.mark.parametrize(
    ("clause", "change", "sentence"),
    [
        ("KIL-01", {}, None),
        ("KIL-01", {"target": "new"}, None),
        ("KIL-01", {"target": "torn"}, "left the target torn: bytes that are not one whole document"),
        ("KIL-01", {"target": "missing"}, "lost the target: there is no file any more"),
        ("KIL-01", {"target": "unreadable"}, "left a target that cannot be read"),
        ("KIL-01", {"target": "a folder"}, "left a folder at the target, and no file"),
        ("KIL-01", {"next_write": "io [Errno 17]"}, None),
        ("KIL-02", {}, None),
        ("KIL-02", {"target": "other"}, None),
        ("KIL-02", {"next_write": "io [Errno 17]"}, "the next write was answered io [Errno 17]"),
    ],
)
def test_a_kill_is_judged_by_what_it_leaves(clause: str, change: dict[str, Any], sentence: str | None) -> None:
    assert judge_kill(clause, dataclasses.replace(KILL, **change)) == sentence


def test_a_clause_that_no_kill_concerns_is_refused() -> None:
    with pytest.raises(ValueError, match="KIL-03 does not apply to kills"):
        judge_kill("KIL-03", KILL)


def test_a_kill_in_words() -> None:
    assert KILL.name() == "a kill before call 4 (rename)"
