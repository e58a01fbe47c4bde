"""What was found after a cut is judged: kept, lost, torn or missing; and what all findings together say."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from typing import Any

import pytest

from conformance.oracle.payload import encode, make_status
from conformance.oracle.snapshot import Snapshot
from conformance.reporting.results import Result
from stress.powercut.prediction import Foreseen
from stress.powercut.verdict import CLAUSES, Finding, Tally, judge, results_of

STATUSES = [make_status(0, sequence, 4096) for sequence in range(5)]
BYTES = [encode(status).encode("utf-8") for status in STATUSES]
NOTHING = Snapshot(exists=False)


def a_file(data: bytes) -> Snapshot:
    return Snapshot(exists=True, kind=stat.S_IFREG, data=data)


def a_finding(
    target: Snapshot,
    *,
    asked: Sequence[dict[str, Any] | None] = tuple(STATUSES[:4]),
    acknowledged: int = 2,
    begun: int = 3,
    next_write: str = "",
    number: int = 0,
    boundary: int = 0,
    foreseen: Foreseen | None = None,
) -> Finding:
    """Document 0 was durable, 1 and 2 were acknowledged, 3 was being written."""
    listing = ("left.tmp", "status.json") if target.exists else ("left.tmp",)
    return Finding("a cut", asked, acknowledged, begun, target, listing, next_write, number, boundary, foreseen, left=1)


class TestJudge:
    @pytest.mark.parametrize("sequence", [2, 3])
    def test_the_last_acknowledged_and_the_one_in_flight_are_kept(self, sequence: int) -> None:
        assert judge(a_finding(a_file(BYTES[sequence])), "pulse").kind == "kept"

    @pytest.mark.parametrize(("sequence", "behind"), [(0, 2), (1, 1)])
    def test_an_older_document_means_lost_writes(self, sequence: int, behind: int) -> None:
        judgement = judge(a_finding(a_file(BYTES[sequence])), "pulse")
        assert (judgement.kind, judgement.behind) == ("lost", behind)
        assert "document 2 had been acknowledged" in judgement.text

    @pytest.mark.parametrize(
        ("target", "state"),
        [(a_file(BYTES[3]), 3), (a_file(BYTES[0]), 0), (a_file(b""), "torn"), (NOTHING, "missing")],
    )
    def test_the_state_of_the_target_is_reported(self, target: Snapshot, state: int | str) -> None:
        assert judge(a_finding(target), "pulse").state == state

    def test_a_folder_at_the_target_is_no_file(self) -> None:
        judgement = judge(a_finding(Snapshot(exists=True, kind=stat.S_IFDIR)), "pulse")
        assert (judgement.kind, judgement.text) == ("missing", "a folder is at the target, and no file")

    def test_no_target_is_missing_even_where_none_was_before(self) -> None:
        assert judge(a_finding(NOTHING, asked=[None], acknowledged=0, begun=0), "pulse").state == "missing"

    @pytest.mark.parametrize(
        ("data", "says"),
        [
            (b"", "the target is empty"),
            (bytes(4096), "consists of 4,096 zeros"),
            (BYTES[3][:-1], "not one document"),
            (BYTES[3][:2000] + bytes(len(BYTES[3]) - 2000), "not one document"),
            (BYTES[3] + b"\0" * 100, "not one document"),
            (BYTES[2].replace(b"gpu0 | batch 2", b"gpu0 | batch 3"), "mixed"),
            (BYTES[4], "document 4, whose write was never requested"),
        ],
    )
    def test_anything_but_a_whole_document_that_was_asked_for_is_torn(self, data: bytes, says: str) -> None:
        judgement = judge(a_finding(a_file(data)), "pulse")
        assert judgement.kind == "torn"
        assert says in judgement.text

    def test_a_torn_target_undid_every_acknowledged_write(self) -> None:
        assert judge(a_finding(a_file(b"")), "pulse").behind == 2

    def test_with_another_kind_of_file_there_the_target_is_missing(self) -> None:
        assert judge(a_finding(Snapshot(exists=True, kind=stat.S_IFDIR)), "pulse").kind == "missing"

    def test_a_target_that_was_durable_must_not_be_missing(self) -> None:
        judgement = judge(a_finding(NOTHING), "pulse")
        assert (judgement.kind, judgement.behind) == ("missing", 2)

    def test_without_a_target_before_none_is_as_good_as_old(self) -> None:
        asked = [None, *STATUSES[1:3]]
        assert judge(a_finding(NOTHING, asked=asked, acknowledged=0, begun=1), "pulse").kind == "kept"

    def test_without_a_target_before_none_means_lost_writes(self) -> None:
        judgement = judge(a_finding(NOTHING, asked=[None, *STATUSES[1:3]], acknowledged=1, begun=2), "pulse")
        assert (judgement.kind, judgement.behind) == ("lost", 1)

    def test_without_a_target_before_document_0_was_not_asked_for(self) -> None:
        asked = [None, *STATUSES[1:3]]
        assert judge(a_finding(a_file(BYTES[0]), asked=asked, acknowledged=0), "pulse").kind == "torn"

    def test_pulse_is_judged_by_value_and_replace_by_byte(self) -> None:
        spaced = a_finding(a_file(BYTES[3].replace(b'","', b'", "')))
        assert judge(spaced, "pulse").kind == "kept"
        assert judge(spaced, "replace").kind == "torn"


def outcomes(tally: Tally) -> dict[str, str]:
    return {result.clause: result.outcome for result in results_of(tally, "pulse stress powercut")}


def a_tally(*findings: Finding, cuts: int = 20) -> Tally:
    """These findings, and enough others that all is well."""
    tally = Tally("ext4", "random", "pulse")
    for finding in findings:
        tally.add(finding)
    for number in range(len(findings), cuts):
        tally.add(a_finding(a_file(BYTES[3]), number=number, foreseen=Foreseen(frozenset({2, 3}), ())))
    return tally


class TestResults:
    def test_all_is_well(self) -> None:
        assert outcomes(a_tally()) == dict.fromkeys(CLAUSES, "pass")

    def test_the_denominators_are_reported(self) -> None:
        [result] = [result for result in results_of(a_tally(cuts=500), "") if result.clause == "PWR-03"]
        assert result.counts["cuts"] == 500
        assert result.case == "cut_at_random:ext4"
        assert result.message == (
            "500 cuts, 500 of them in a write, 1,000 acknowledged writes: 0 torn, 0 missing, 0 lost; "
            "the model foresaw each of 500 outcomes"
        )

    def test_a_torn_target_fails_both_clauses(self) -> None:
        assert outcomes(a_tally(a_finding(a_file(b"")))) == {"PWR-02": "fail", "PWR-03": "fail", "PWR-04": "pass"}

    def test_a_torn_target_before_any_answer_is_no_lost_write(self) -> None:
        assert outcomes(a_tally(a_finding(a_file(b""), acknowledged=0)))["PWR-02"] == "pass"

    def test_a_missing_target_fails(self) -> None:
        assert outcomes(a_tally(a_finding(NOTHING)))["PWR-03"] == "fail"

    def test_a_lost_write_fails_the_should_only(self) -> None:
        assert outcomes(a_tally(a_finding(a_file(BYTES[1])))) == {"PWR-02": "fail", "PWR-03": "pass", "PWR-04": "pass"}

    def test_a_next_write_that_fails_is_a_clause_of_its_own(self) -> None:
        failing = a_finding(a_file(BYTES[3]), next_write="the next write: no")
        assert outcomes(a_tally(failing)) == {"PWR-02": "pass", "PWR-03": "pass", "PWR-04": "fail"}

    def test_a_failure_shows_what_was_found_and_how_to_repeat_it(self) -> None:
        tally = a_tally(a_finding(a_file(BYTES[3])), a_finding(a_file(b""), number=1))
        [result] = [result for result in results_of(tally, "the command") if result.clause == "PWR-03"]
        assert result.message.endswith("; the first: cut 1, a cut: the target is empty")
        assert result.repro == "the command --only 1"
        assert result.evidence["examples"] == [
            {
                "found": "the target is empty",
                "number": 1,
                "cut": "a cut",
                "target": "b'' (0 bytes)",
                "folder": ["left.tmp", "status.json"],
                "acknowledged": "document 2",
                "in flight": "document 3",
            }
        ]

    def test_only_the_first_failures_are_kept(self) -> None:
        torn = [a_finding(a_file(b""), number=number) for number in range(10)]
        [result] = [result for result in results_of(a_tally(*torn), "") if result.clause == "PWR-03"]
        assert [example["number"] for example in result.evidence["examples"]] == [0, 1, 2]
        assert "10 torn" in result.message

    def test_few_cuts_are_inconclusive(self) -> None:
        assert {result.inconclusive for result in results_of(a_tally(cuts=19), "")} == {True}

    def test_cuts_that_meet_no_write_are_inconclusive(self) -> None:
        idle = [a_finding(a_file(BYTES[3]), acknowledged=3, begun=3) for _ in range(16)]
        assert outcomes(a_tally(*idle)) == dict.fromkeys(CLAUSES, "unmeasured")

    def test_a_failure_among_few_cuts_is_a_failure(self) -> None:
        assert outcomes(a_tally(a_finding(a_file(b"")), cuts=1))["PWR-03"] == "fail"

    @pytest.mark.parametrize(("boundaries", "outcome"), [(3, "unmeasured"), (4, "pass")])
    def test_a_write_has_some_boundaries(self, boundaries: int, outcome: str) -> None:
        tally = Tally("xfs", "boundaries", "pulse")
        for boundary in range(boundaries):
            tally.add(a_finding(a_file(BYTES[3]), boundary=boundary))
        assert outcomes(tally)["PWR-03"] == outcome

    def test_the_boundaries_are_counted(self) -> None:
        tally = Tally("xfs", "boundaries", "pulse")
        tally.add(a_finding(a_file(BYTES[3]), boundary=14))
        assert tally.sentence().startswith("1 cuts at the 15 boundaries of a write, 1 of them in a write")


def result_of(tally: Tally, clause: str) -> Result:
    [result] = [result for result in results_of(tally, "the command") if result.clause == clause]
    return result


class TestComparisonWithTheModel:
    """A wrong model is an error of the kit, and never hides behind a pass; nor does what was lost hide behind it."""

    def test_an_outcome_that_the_model_calls_impossible_is_an_error_of_the_kit(self) -> None:
        wrong = a_finding(a_file(BYTES[3]), number=7, foreseen=Foreseen(frozenset({2, "missing"}), ("0 create temp",)))
        result = result_of(a_tally(wrong), "PWR-03")
        assert (result.outcome, result.blame) == ("error", "kit")
        assert "the model calls 1 of 20 outcomes impossible" in result.message
        assert result.message.endswith("; the first: cut 7, a cut: document 3; the model allowed document 2, missing")
        assert result.evidence["examples"][0]["trace"] == ["0 create temp"]
        assert result.repro == "the command --only 7"

    def test_a_torn_target_is_a_failure_whatever_the_model_says(self) -> None:
        wrong = a_finding(a_file(b""), number=7, foreseen=Foreseen(frozenset({2, 3}), ("0 create temp",)))
        result = result_of(a_tally(wrong), "PWR-03")
        assert (result.outcome, result.blame) == ("fail", "")
        assert "1 torn" in result.message
        assert "the model calls 1 of 20 outcomes impossible" in result.message
        assert result.message.endswith("the target is empty; the model allowed document 2, document 3")
        assert result.evidence["examples"][0]["trace"] == ["0 create temp"]

    def test_a_lost_write_is_a_failure_of_its_own_clause_whatever_the_model_says(self) -> None:
        lost = a_finding(a_file(BYTES[1]), foreseen=Foreseen(frozenset({2, 3}), ()))
        assert outcomes(a_tally(lost)) == {"PWR-02": "fail", "PWR-03": "pass", "PWR-04": "pass"}
        for clause in ("PWR-02", "PWR-03"):
            assert "the model calls 1 of 20 outcomes impossible" in result_of(a_tally(lost), clause).message

    def test_no_other_contradiction_hides_a_torn_target(self) -> None:
        contradicted = a_finding(a_file(BYTES[3]), foreseen=Foreseen(frozenset({2}), ()))
        torn = a_finding(a_file(b""), number=1, foreseen=Foreseen(frozenset({2, 3}), ()))
        result = result_of(a_tally(contradicted, torn), "PWR-03")
        assert (result.outcome, result.evidence["examples"][0]["number"]) == ("fail", 1)

    def test_a_torn_target_that_it_foresaw_is_the_implementations_failure(self) -> None:
        torn = a_finding(a_file(b""), foreseen=Foreseen(frozenset({"torn", 2, 3}), ()))
        result = result_of(a_tally(torn), "PWR-03")
        assert result.outcome == "fail"
        assert "the model foresaw each of 20 outcomes" in result.message

    def test_every_contradiction_is_counted_and_the_first_are_kept(self) -> None:
        nothing = Foreseen(frozenset(), ())
        wrong = [a_finding(a_file(BYTES[3]), foreseen=nothing, number=number) for number in range(5)]
        result = result_of(a_tally(*wrong), "PWR-03")
        assert "the model calls 5 of 20 outcomes impossible" in result.message
        assert [example["number"] for example in result.evidence["examples"]] == [0, 1, 2]
        assert "the model allowed nothing at all" in result.message

    def test_why_nothing_was_compared_is_reported(self) -> None:
        tally = Tally("ext4", "random", "pulse", not_compared="tracing is not allowed here")
        for _ in range(20):
            tally.add(a_finding(a_file(BYTES[3])))
        result = result_of(tally, "PWR-03")
        assert result.outcome == "pass"
        assert result.message.endswith("0 lost; not compared with the model: tracing is not allowed here")
