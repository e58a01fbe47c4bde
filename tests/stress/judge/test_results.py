"""A record → results of clauses: which fail, which pass, which are unmeasured, and the sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.contract.clauses import load_clauses
from conformance.contract.manifest import KnownFailure
from conformance.reporting.results import Exit, Result
from conformance.reporting.verdict import decide
from stress.judge.results import case_name, clauses_of, results_of, sentence
from stress.record.folder_record import Control, Finding, FolderRecord, Overlap, Totals
from stress.record.scenario import Scenario
from stress.record.violations import VIOLATION_KINDS, ViolationKind
from tests.stress.samples import a_record

CLEAN = a_record(
    seconds=10.0,
    totals=Totals(reads=300_000, writes=1200, acknowledged=1190, distinct=900, changes=950, rounds=5, most_temps=2),
    overlap=Overlap(400, 300),
    control=Control(3, 100, 0.012),
)
KILLED = replace(
    CLEAN,
    scenario=Scenario(chaos=("kill",)),
    totals=replace(CLEAN.totals, kills=10, restarts=9, orphans_before=4),
)


ON_WINDOWS = replace(
    KILLED,
    scenario=Scenario(chaos=("kill",), sharing="delete", read_pause=0.002),
    totals=replace(KILLED.totals, refused=10, held=10),
    errors={"io: WinError 5": 10, "read: WinError 32": 1234},
    longest_wait=2.04,
)


def judged(record: FolderRecord, *, reads: bool = False, known: tuple[KnownFailure, ...] = ()) -> dict[str, Result]:
    results = results_of(record, "pulse stress --seed 1", reads=reads, known=known, os="linux")
    return {result.clause: result for result in results}


def with_kind(record: FolderRecord, kind: ViolationKind) -> FolderRecord:
    finding = Finding(kind, 1.25, f"{kind}: this is what was seen", {"bytes": "abc"})
    return replace(record, counts={kind: 7}, findings=(finding,))


def outcomes(record: FolderRecord, *, reads: bool = False) -> dict[str, str]:
    return {clause: result.outcome for clause, result in judged(record, reads=reads).items()}


def test_what_is_measured_follows_from_the_scenario() -> None:
    assert clauses_of(Scenario(), reads=False) == ("CON-01", "CON-03")
    assert clauses_of(Scenario(), reads=True) == ("CON-01", "CON-03", "RDR-14")
    assert clauses_of(Scenario(chaos=("pause", "fault")), reads=False) == ("CON-01", "CON-03")
    killed = clauses_of(Scenario(chaos=("kill",)), reads=True)
    assert killed == ("CON-01", "CON-03", "KIL-02", "KIL-03", "KIL-04", "RDR-14")
    assert set(killed) <= load_clauses().keys()
    held = clauses_of(Scenario(sharing="delete"), reads=False)
    assert held == ("CON-01", "CON-03", "CON-05")


def test_the_case_names_scenario_and_file_system() -> None:
    assert case_name(Scenario(chaos=("kill",)), "xfs") == "under_load:2x2-kill:xfs"
    assert {result.case for result in judged(KILLED).values()} == {"under_load:2x2-kill:ext4"}


def test_without_a_violation_and_without_a_doubt_everything_passes() -> None:
    assert set(outcomes(KILLED, reads=True).values()) == {"pass"}
    assert all(result.repro == "pulse stress --seed 1" for result in judged(KILLED).values())
    assert judged(CLEAN)["CON-01"].counts["positive controls"] == 1


@pytest.mark.parametrize(
    ("kind", "failed"),
    [
        ("blocked", {"CON-05"}),
        ("torn", {"CON-01", "KIL-04"}),
        ("mixed", {"CON-01", "KIL-04"}),
        ("missing", {"CON-01", "KIL-04"}),
        ("stale", {"CON-03"}),
        ("future", {"CON-03"}),
        ("unknown", {"CON-03"}),
        ("refused", {"CON-01", "KIL-02"}),
        ("ended", {"CON-01"}),
        ("leak", {"CON-01"}),
        ("misread", {"RDR-14"}),
    ],
)
def test_each_kind_fails_its_clauses_and_no_other(kind: ViolationKind, failed: set[str]) -> None:
    results = judged(with_kind(ON_WINDOWS, kind), reads=True)
    assert {clause for clause, result in results.items() if result.outcome == "fail"} == failed
    assert {clause for clause, result in results.items() if result.outcome == "pass"} == results.keys() - failed
    for clause in failed:
        assert "the first after 1.250 s" in results[clause].message
        assert results[clause].evidence["examples"][0]["found"] == f"{kind}: this is what was seen"
        assert results[clause].evidence["examples"][0]["bytes"] == "abc"


def test_every_kind_fails_some_clause() -> None:
    for kind in VIOLATION_KINDS:
        assert "fail" in outcomes(with_kind(ON_WINDOWS, kind), reads=True).values(), kind


def test_where_readers_do_not_pause_progress_is_not_measured_and_the_run_is_no_failure() -> None:
    record = replace(ON_WINDOWS, scenario=replace(ON_WINDOWS.scenario, read_pause=0.0))
    result = judged(record)["CON-05"]
    assert (result.outcome, result.inconclusive) == ("unmeasured", False)
    assert "give --read-pause" in result.message


def test_on_windows_the_sentence_says_who_was_refused_and_with_which_error() -> None:
    text = sentence(ON_WINDOWS)
    assert "10 writes refused while the target was held, the longest time without a successful write was 2.0 s" in text
    assert "errors: 10 io: WinError 5, 1,234 read: WinError 32" in text
    assert "held" not in sentence(KILLED)


def test_with_a_doubt_nothing_passes_and_the_doubt_is_reported() -> None:
    results = judged(replace(CLEAN, doubts=("12 reads; at least 1,000 are needed",)))
    assert {result.outcome for result in results.values()} == {"unmeasured"}
    assert all(result.inconclusive for result in results.values())
    assert all("12 reads; at least 1,000 are needed" in result.message for result in results.values())


def test_a_violation_is_one_whatever_is_in_doubt() -> None:
    results = judged(replace(with_kind(CLEAN, "torn"), doubts=("12 reads",)))
    assert results["CON-01"].outcome == "fail"
    assert results["CON-01"].evidence["doubts"] == ["12 reads"]
    assert results["CON-03"].outcome == "unmeasured"


def test_kills_that_hit_nothing_prove_nothing() -> None:
    record = replace(KILLED, totals=CLEAN.totals)
    results = judged(record)
    assert outcomes(record) == {
        "CON-01": "pass",
        "CON-03": "pass",
        "KIL-02": "unmeasured",
        "KIL-03": "unmeasured",
        "KIL-04": "unmeasured",
    }
    assert all("no kill hit anything" in results[clause].message for clause in ("KIL-02", "KIL-03", "KIL-04"))
    assert all(results[clause].inconclusive for clause in ("KIL-02", "KIL-03", "KIL-04"))


@pytest.mark.parametrize(
    ("writers", "after", "left"),
    [(1, 1, 0), (1, 0, 1), (2, 0, 1), (1, 0, 0), (2, 1, 0)],
)
def test_orphans_are_counted_and_no_failure_as_in_the_suite(writers: int, after: int, left: int) -> None:
    """KIL-03 is informative: an orphan is allowed."""
    scenario = Scenario(writers=writers, chaos=("kill",))
    record = replace(KILLED, scenario=scenario, totals=replace(KILLED.totals, orphans_after=after, left=left))
    result = judged(record)["KIL-03"]
    assert result.outcome == "pass"
    assert result.counts == {"kills": 10, "orphans": 4, "temps left": left}
    assert f"4 temps were left by 10 kills; {after:,} of them" in result.message
    assert f"{left:,} at the end" in result.message
    assert outcomes(record)["CON-01"] == "pass"


def test_a_known_failure_is_known() -> None:
    known = KnownFailure("CON-01", "writes in place", "https://example.org/1")
    results = judged(with_kind(CLEAN, "torn"), known=(known,))
    assert results["CON-01"].outcome == "xfail"
    assert results["CON-03"].outcome == "pass"


def test_the_verdict_follows() -> None:
    def exit_of(record: FolderRecord) -> Exit:
        clauses = {clause: load_clauses()[clause] for clause in clauses_of(record.scenario, reads=True)}
        results = list(judged(record, reads=True).values())
        return decide(results, clauses, (), "linux", strict=False, complete=False).exit

    assert exit_of(CLEAN) == Exit.CONFORMANT
    assert exit_of(with_kind(CLEAN, "torn")) == Exit.NOT_CONFORMANT
    assert exit_of(replace(CLEAN, doubts=("12 reads",))) == Exit.INCONCLUSIVE


# The sentence


def test_the_sentence_says_what_was_seen_out_of_how_many_and_how_sure_it_is() -> None:
    text = sentence(CLEAN)
    assert text.startswith(
        "1,190 of 1,200 writes acknowledged (2 writers), 300,000 reads (2 readers) of 900 documents in 10.0 s: "
        "0 torn, 0 mixed, 0 missing, 0 stale, 0 future"
    )
    assert "linearizable in 5 rounds" in text
    assert "torn reads are fewer than 1 in 100,000 (95 %)" in text
    assert "positive control caught after 12 ms" in text
    assert text.endswith("at most 2 temps, 0 left")


def test_the_sentence_claims_no_more_than_was_seen() -> None:
    assert "fewer than" not in sentence(with_kind(CLEAN, "torn"))
    assert "linearizable" not in sentence(with_kind(CLEAN, "stale"))
    assert "7 stale" in sentence(with_kind(CLEAN, "stale"))
    assert "7 refused" in sentence(with_kind(CLEAN, "refused"))
    assert "positive control" not in sentence(replace(CLEAN, control=Control(0, 100, None)))
    assert "fewer than" not in sentence(replace(CLEAN, totals=Totals()))


def test_the_sentence_says_what_was_done_to_it() -> None:
    assert "10 kills" in sentence(KILLED)
    assert "kills" not in sentence(CLEAN)
    faults = replace(CLEAN, totals=replace(CLEAN.totals, faults=3, faulted=2, pauses=1, reader_kills=4))
    assert "4 kills of readers, 1 pauses, 3 faults, 2 writes that failed because of a fault" in sentence(faults)
