"""Counts of all states of a file system, and the result lines: whose failure it is, and whose it is not."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from conformance.reporting.results import Result
from stress.powercut.blocks.results import FORESEEN_ALONE, Repeated, result_of_one, results_of
from stress.powercut.blocks.rounds import Round
from stress.powercut.blocks.states import Plan, State, StateKind
from stress.powercut.blocks.tally import Look, NextFailure, Tally
from stress.powercut.blocks.verdict import Outcome, Seen
from stress.powercut.prediction import Foreseen

ROUND = Round(0, 300, exists=True)


def look(kind: Any = "kept", *, state: StateKind = "prefix", foreseen: Any = None, undone: int = 0) -> Look:
    """A look at a state that means this; the model allows ``foreseen``."""
    return Look(
        number=5,
        name="0-1-0-1-p0of2",
        round=ROUND,
        state=State(state, 0, (), 3),
        seen=Seen(b"{}"),
        outcome=Outcome(kind, "as found", "torn" if kind == "torn" else 1, undone),
        acknowledged=2,
        foreseen=None if foreseen is None else Foreseen(frozenset(foreseen), ("0 rename",)),
        written="nothing",
    )


def results(*looks: Look, kept: int = 60, allowed: Any = None) -> tuple[Tally, dict[str, Result]]:
    """The tally of these looks, beside so many at which nothing was wrong, and its results."""
    tally = Tally("ext4")
    tally.planned(ROUND, Plan((), {"prefix": kept + len(looks), "partial write": 8, "subset": 9}))
    for one in [look(foreseen=allowed)] * kept + list(looks):
        tally.add(one)
    return tally, {result.clause: result for result in results_of(tally, "cut_at_every_block:ext4", "pulse …")}


def test_states_in_which_nothing_is_wrong_pass() -> None:
    _, found = results(allowed={1})
    assert {result.outcome for result in found.values()} == {"pass"}
    assert found["PWR-03"].message.startswith("60 states of 8 documents (all 60 prefixes): 0 torn, 0 missing, 0 with")
    assert "the model foresaw each of 60 outcomes" in found["PWR-03"].message


@pytest.mark.parametrize(
    ("kind", "undone", "failed"),
    [
        ("torn", 0, {"PWR-03"}),
        ("missing", 0, {"PWR-03"}),
        ("torn", 1, {"PWR-02", "PWR-03"}),
        ("lost", 2, {"PWR-02"}),
        ("unmountable", 0, set()),
    ],
)
def test_what_fails_which_clause(kind: str, undone: int, failed: set[str]) -> None:
    tally, found = results(look(kind, undone=undone))
    assert {clause for clause, result in found.items() if result.outcome == "fail"} == failed
    assert tally.first_failures == dict.fromkeys(failed, 61)
    for clause in failed:
        assert "the first: state 5" in found[clause].message
        assert found[clause].repro == "pulse … --only 0-1-0-1-p0of2"


def test_each_clause_has_its_own_first_failure() -> None:
    _, found = results(look("lost", undone=1), look("lost", undone=1), look("torn"), kept=7)
    after = {clause: result.evidence.get("states until the first failure") for clause, result in found.items()}
    assert after == {"PWR-02": 8, "PWR-03": 10, "PWR-04": None}


def test_what_is_torn_and_has_lost_acknowledged_writes_is_counted_as_both_wherever_it_is_counted() -> None:
    seen = [("torn", 1), ("torn", 0), ("lost", 1)]
    _, found = results(*(look(kind, undone=undone) for kind, undone in seen))
    counts = "2 torn, 0 missing, 2 with acknowledged writes lost, 1 of them torn or missing"
    assert counts in found["PWR-03"].message
    _, found = results(*(look(kind, state="flushes ignored", undone=undone) for kind, undone in seen))
    assert f"with flushes ignored by the disk, 3 more: {counts}" in found["PWR-03"].message


def test_the_kinds_of_states_are_in_the_same_order_in_every_line() -> None:
    _, found = results(look(state="subset"), look(state="partial write"), kept=1)
    assert "(1 of 3 prefixes, 1 of 8 partial block writes, 1 of 9 subsets)" in found["PWR-03"].message


def test_a_state_that_could_not_be_kept_changes_no_verdict() -> None:
    tally, _ = results(look("torn"))
    tally.not_kept.append("state 5 in kept: No space left on device")
    found = {result.clause: result for result in results_of(tally, "case", "pulse …")}
    assert found["PWR-03"].outcome == "fail"
    assert "; not kept: state 5 in kept: No space left on device; the first" in found["PWR-03"].message


def test_a_state_that_fails_again_fails_what_it_failed_and_says_nothing_of_the_rest() -> None:
    again = Repeated("0-1-0-1-p0of2", look("lost", undone=1), recordings=2)
    found = {result.clause: result for result in result_of_one(again, "case", "pulse …")}
    assert {clause: (result.outcome, result.inconclusive) for clause, result in found.items()} == {
        "PWR-02": ("fail", False),
        "PWR-03": ("unmeasured", False),
        "PWR-04": ("unmeasured", False),
    }
    assert found["PWR-02"].message.startswith("state 0-1-0-1-p0of2 fails again, in recording 2: 8 documents")
    assert found["PWR-02"].repro == "pulse … --only 0-1-0-1-p0of2"
    for clause in ("PWR-03", "PWR-04"):
        assert found[clause].message == "one state only was looked at, and it shows no failure of this clause"


@pytest.mark.parametrize(("kind", "state"), [("kept", "prefix"), ("torn", "flushes ignored")])
def test_a_state_with_which_nothing_is_wrong_is_inconclusive(kind: str, state: StateKind) -> None:
    again = Repeated("0-1-0-1-p0of2", look(kind, state=state), recordings=5, found=3)
    found = result_of_one(again, "case", "pulse …")
    assert {(result.outcome, result.inconclusive) for result in found} == {("unmeasured", True)}
    assert "state 0-1-0-1-p0of2, which 3 of 5 recordings had, fails in none of them" in found[0].message
    assert found[0].message.endswith("as found; no failure of the writer")


def test_a_number_is_said_to_be_that_of_one_recording() -> None:
    [result, *_] = result_of_one(Repeated(5, look()), "case", "pulse …")
    assert result.message.startswith(
        "state 5 of a new recording, where it may be a different one (0-1-0-1-p0of2): 8 documents of 300 bytes"
    )


def test_a_disk_that_ignores_flushes_is_no_failure_of_the_writer() -> None:
    _, found = results(look("torn", state="flushes ignored", undone=1))
    assert {result.outcome for result in found.values()} == {"pass"}
    assert "with flushes ignored by the disk, 1 more: 1 torn" in found["PWR-03"].message


def test_a_writer_that_cannot_write_beside_another_is_judged_alone_and_that_is_said() -> None:
    tally = Tally("ext4", not_together="io: No such file or directory")
    for one in [look()] * 60:
        tally.add(one)
    [message] = [result.message for result in results_of(tally, "case", "pulse …") if result.clause == "PWR-03"]
    assert message.endswith(
        "; only one writer at a time: two at once failed, one did not (see CON-01): io: No such file or directory"
    )


def test_what_cannot_be_mounted_is_counted_apart() -> None:
    _, found = results(look("unmountable", foreseen={7}), allowed={1})
    assert "1 that the file system could not mount" in found["PWR-03"].message
    assert found["PWR-03"].outcome == "pass"


@pytest.mark.parametrize(("of_control", "outcome"), [(0.0, "unmeasured"), (0.05, "unmeasured"), (0.2, "pass")])
def test_prefixes_of_which_too_many_cannot_be_mounted_never_pass(of_control: float, outcome: str) -> None:
    """Unless the file system does the same to the kit's own writer."""
    tally, _ = results(*[look("unmountable")] * 10)
    tally.unmounted_of_control = of_control
    found = results_of(tally, "case", "pulse …")
    assert {result.outcome for result in found} == {outcome}
    assert all(result.inconclusive for result in found) == (outcome == "unmeasured")
    if outcome == "unmeasured":
        text = "10 of 70 prefixes could not be mounted, "
        assert all(text in result.message for result in found)


def test_a_failure_is_one_however_many_prefixes_cannot_be_mounted() -> None:
    _, found = results(*[look("unmountable")] * 10, look("torn"))
    assert found["PWR-03"].outcome == "fail"
    assert found["PWR-04"].outcome == "unmeasured"


def test_other_states_that_cannot_be_mounted_are_only_counted() -> None:
    _, found = results(*[look("unmountable", state="subset")] * 40)
    assert {result.outcome for result in found.values()} == {"pass"}


def test_a_failed_write_after_the_recovery_fails_pwr_04() -> None:
    tally, _ = results()
    tally.next_write(look(), None)
    tally.next_write(look(), NextFailure("the next write failed"))
    found = {result.clause: result for result in results_of(tally, "case", "pulse …")}
    assert [clause for clause, result in found.items() if result.outcome == "fail"] == ["PWR-04"]
    assert found["PWR-04"].message.startswith("2 writes of a new process")
    assert "no more were made" not in found["PWR-04"].message


@pytest.mark.parametrize(("hung", "after"), [(True, 1), (False, 3)])
def test_after_one_that_hangs_or_three_failures_no_other_process_writes_and_that_is_said(
    *, hung: bool, after: int
) -> None:
    tally, _ = results()
    for _ in range(after):
        assert not tally.enough_next_failures
        tally.next_write(look(), NextFailure("the next write failed", hung=hung))
    assert tally.enough_next_failures
    found = {result.clause: result for result in results_of(tally, "case", "pulse …")}
    assert f": {after} failed, and no more were made; the first" in found["PWR-04"].message


def test_an_outcome_that_the_model_calls_impossible_is_an_error_of_the_kit() -> None:
    _, found = results(look(foreseen={0}), allowed={1})
    assert (found["PWR-03"].outcome, found["PWR-03"].blame) == ("error", "kit")
    assert "the model calls 1 of 61 outcomes impossible" in found["PWR-03"].message
    assert "the model allowed document 0" in found["PWR-03"].message


def test_a_torn_target_is_a_failure_whatever_the_model_says() -> None:
    _, found = results(look("torn", foreseen={0, 1}), allowed={1})
    assert (found["PWR-03"].outcome, found["PWR-03"].blame) == ("fail", "")


def test_what_the_model_allows_and_is_never_seen_is_counted() -> None:
    _, found = results(allowed={1, "torn"})
    assert "it allowed torn 60 times, and none was seen" in found["PWR-03"].message
    assert "it allowed lost 60 times, and none was seen" in found["PWR-03"].message


def forbidden_unseen(*looks: Look, **more: Any) -> bool:
    """Whether the result says that PWR-01 would fail here."""
    _, found = results(*looks, **more)
    return {result.clause for result in found.values() if FORESEEN_ALONE in result.evidence} == {"PWR-03"}


def test_what_fails_pwr_01_and_is_never_seen_is_reported() -> None:
    first = dataclasses.replace(look(foreseen={1, "missing"}), round=Round(3, 300, exists=False))
    assert forbidden_unseen(allowed={1, "torn"})
    assert forbidden_unseen(allowed={1, "missing"})
    assert not forbidden_unseen(allowed={0, 1})  # what is lost is for PWR-02
    assert not forbidden_unseen(first, allowed={1})  # so is a first document
    assert not forbidden_unseen(look("torn", foreseen={"torn"}), allowed={1, "torn"})  # that fails PWR-03 by itself


def test_a_writer_that_could_not_be_held_is_reported() -> None:
    tally, _ = results()
    tally.not_held = "tracing is not allowed"
    [message] = [result.message for result in results_of(tally, "case", "pulse …") if result.clause == "PWR-03"]
    assert "; not held after its calls while another program syncs: tracing is not allowed" in message


def test_a_target_that_does_not_have_to_be_there_yet_is_not_counted_as_allowed_to_be_missing() -> None:
    not_yet = dataclasses.replace(look(foreseen={1, "missing"}), round=Round(3, 300, exists=False), acknowledged=0)
    tally, _ = results(not_yet, allowed={1})
    assert "missing" not in tally.comparison()
    tally, _ = results(dataclasses.replace(not_yet, acknowledged=1), allowed={1})
    assert "it allowed missing once, and none was seen" in tally.comparison()


def test_an_acknowledged_first_document_that_is_missing_is_lost_and_seen_as_missing() -> None:
    gone = Outcome("lost", "no target, although document 1 had been acknowledged", "missing", 1)
    seen = dataclasses.replace(
        look(foreseen={"missing"}), round=Round(3, 300, exists=False), acknowledged=1, outcome=gone
    )
    tally, _ = results(seen, allowed={1, 2})
    assert "none was seen" not in tally.comparison()


def test_without_a_tracer_there_is_no_comparison() -> None:
    tally, _ = results()
    tally.not_compared = "tracing is not allowed"
    assert tally.comparison() == "not compared with the model: tracing is not allowed"


def test_too_few_states_are_inconclusive() -> None:
    _, found = results(kept=49)
    assert {(result.outcome, result.inconclusive) for result in found.values()} == {("unmeasured", True)}
    assert "give --states" in found["PWR-03"].message
