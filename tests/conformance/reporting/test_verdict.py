"""The verdict that follows from the results of a run."""

import dataclasses
import tomllib
from typing import Any

import pytest

from conformance.contract.clauses import Clause, load_clauses
from conformance.contract.manifest import KnownFailure
from conformance.reporting.results import (
    EVERY_WRITE,
    Exit,
    Outcome,
    Result,
    Verdict,
)
from conformance.reporting.verdict import apply_known_failures, decide

MUST = Clause("VIS-01", "", "must", ("writer",), "any", "portable")


SHOULD = Clause("MET-01", "", "should", ("writer",), "any", "portable")


INFORMATIVE = Clause("KIL-03", "", "informative", ("writer",), "any", "portable")


CLAUSES = {clause.id: clause for clause in (MUST, SHOULD, INFORMATIVE)}


PASSES = [Result(clause, "case", "pass") for clause in CLAUSES]


KNOWN = KnownFailure("VIS-01", "it cuts", "https://example.org/1", cases=("case",))


def verdict(*results: Result, **settings: Any) -> Verdict:
    """Decide about these results and a pass of every clause that has none."""
    others = [result for result in PASSES if result.clause not in {given.clause for given in results}]
    return decide(
        [*results, *others],
        CLAUSES,
        settings.pop("known", ()),
        "linux",
        **{"strict": False, "complete": True, **settings},
    )


# The verdict


def test_a_run_in_which_every_clause_passes_is_conformant() -> None:
    found = verdict()
    assert (found.exit, found.word, found.reasons, found.total) == (Exit.CONFORMANT, "conformant", (), 3)
    assert found.counts == {clause: {"pass": 1} for clause in CLAUSES}


def test_a_verdict_says_how_many_clauses_it_rests_on() -> None:
    unmeasured = Result("MET-01", "case", "unmeasured", "no such file system")
    left_out = Result("KIL-03", "*", "n/a", "no writer")
    assert verdict().sentence == "conformant, measured 3 of 3 clauses"
    assert verdict(unmeasured).sentence == "conformant, measured 2 of 3 clauses"
    assert verdict(unmeasured, left_out).measured == (1, 2)
    # Measured in part is measured: the cases that were not are shown beside it.
    assert verdict(unmeasured, Result("MET-01", "other", "fail")).measured == (3, 3)
    assert verdict(Result("VIS-01", "case", "fail")).sentence == "not conformant, measured 3 of 3 clauses"


def test_a_part_that_passed_says_in_its_own_words_how_many() -> None:
    found = decide(PASSES[:1], CLAUSES, (), "linux", strict=False, complete=False)
    assert found.sentence == found.word == f"1 of {len(load_clauses())} clauses selected: passed"
    failed = decide([Result("VIS-01", "case", "fail")], CLAUSES, (), "linux", strict=False, complete=False)
    assert failed.sentence == "not conformant, measured 1 of 1 clauses"


@pytest.mark.parametrize("outcome", ["fail", "error"])
def test_a_failed_must_fails_the_run(outcome: Outcome) -> None:
    found = verdict(Result("VIS-01", "rename", outcome, "torn", blame="implementation" if outcome == "error" else ""))
    assert (found.exit, found.word) == (Exit.NOT_CONFORMANT, "not conformant")
    assert found.reasons == ("VIS-01 [rename]: torn",)
    assert found.counts["VIS-01"] == {outcome: 1}


def test_one_failed_case_among_many_fails_the_run() -> None:
    results = [Result("VIS-01", str(number), "pass") for number in range(50)]
    assert verdict(*results, Result("VIS-01", "50", "fail", "torn")).exit == Exit.NOT_CONFORMANT


@pytest.mark.parametrize("outcome", ["fail", "error"])
def test_a_failed_should_fails_the_run_only_when_strict(outcome: Outcome) -> None:
    failure = Result("MET-01", "case", outcome, "mode lost", blame="implementation" if outcome == "error" else "")
    assert verdict(failure).exit == Exit.CONFORMANT
    assert verdict(failure).counts["MET-01"] == {outcome: 1}
    assert verdict(failure, strict=True).exit == Exit.NOT_CONFORMANT


@pytest.mark.parametrize("strict", [False, True])
def test_an_informative_clause_never_fails_the_run(strict: bool) -> None:
    assert verdict(Result("KIL-03", "case", "fail", "7 temps"), strict=strict).exit == Exit.CONFORMANT


@pytest.mark.parametrize("clause", CLAUSES)
def test_an_error_of_the_kit_is_never_a_verdict_about_the_implementation(clause: str) -> None:
    found = verdict(Result(clause, "case", "error", "KeyError: 1", blame="kit"))
    assert (found.exit, found.word) == (Exit.INCONCLUSIVE, "inconclusive")
    assert found.reasons == (f"{clause} [case]: error of the kit: KeyError: 1",)


def test_a_crash_of_the_kit_outside_of_all_cases_makes_the_run_inconclusive() -> None:
    found = verdict(mishaps=["a worker ended"])
    assert (found.exit, found.reasons) == (Exit.INCONCLUSIVE, ("a worker ended",))


@pytest.mark.parametrize("clause", CLAUSES)
def test_a_case_that_saw_too_little_makes_the_run_inconclusive(clause: str) -> None:
    found = verdict(Result(clause, "case", "unmeasured", "saw 3 reads", inconclusive=True))
    assert found.exit == Exit.INCONCLUSIVE
    assert found.reasons == (f"{clause} [case]: inconclusive: saw 3 reads",)


def test_a_failure_outweighs_every_doubt() -> None:
    found = verdict(
        Result("VIS-01", "case", "fail", "torn"),
        Result("MET-01", "case", "error", "KeyError", blame="kit"),
        mishaps=["a worker ended"],
    )
    assert found.exit == Exit.NOT_CONFORMANT
    assert found.reasons == (
        "VIS-01 [case]: torn",
        "a worker ended",
        "MET-01 [case]: error of the kit: KeyError",
    )


@pytest.mark.parametrize("outcome", ["unmeasured", "n/a"])
def test_what_was_not_measured_or_does_not_concern_is_no_doubt(outcome: Outcome) -> None:
    assert verdict(Result("VIS-01", "*", outcome)).exit == Exit.CONFORMANT


@pytest.mark.parametrize("clause", CLAUSES)
def test_an_unexpected_pass_fails_the_run_whatever_the_level(clause: str) -> None:
    found = verdict(Result(clause, "case", "xpass", "passes, but"))
    assert (found.exit, found.reasons) == (Exit.NOT_CONFORMANT, (f"{clause} [case]: passes, but",))


def test_a_known_failure_that_happened_does_not_fail_the_run() -> None:
    assert verdict(Result("VIS-01", "case", "xfail"), known=[KNOWN]).exit == Exit.CONFORMANT


def test_a_known_failure_that_matches_no_case_fails_the_run() -> None:
    found = verdict(Result("VIS-01", "another", "pass"), known=[KNOWN])
    assert found.exit == Exit.NOT_CONFORMANT
    assert found.reasons == ("known failure of VIS-01 [case] matches no case; correct or remove the entry",)


def test_a_known_failure_of_another_system_is_not_looked_for() -> None:
    elsewhere = KnownFailure("VIS-01", "it cuts", "https://example.org/1", ("windows", "macos"), ("no-such-case",))
    here = KnownFailure("VIS-01", "it cuts", "https://example.org/1", ("linux", "macos"), ("no-such-case",))
    assert verdict(known=[elsewhere]).exit == Exit.CONFORMANT
    assert verdict(known=[here]).exit == Exit.NOT_CONFORMANT


def test_a_selection_of_cases_does_not_look_for_every_known_failure_and_clause() -> None:
    elsewhere = KnownFailure("MET-01", "why", "https://example.org/1")
    found = decide([PASSES[0]], CLAUSES, [elsewhere], "linux", strict=False, complete=False)
    assert found.exit == Exit.CONFORMANT


def test_a_clause_without_any_result_makes_a_complete_run_inconclusive() -> None:
    found = decide(PASSES[:2], CLAUSES, (), "linux", strict=False, complete=True)
    assert (found.exit, found.reasons) == (Exit.INCONCLUSIVE, ("KIL-03: has no result at all",))


@pytest.mark.parametrize("outcomes", [(), ("unmeasured",), ("n/a",), ("unmeasured", "n/a")], ids=str)
@pytest.mark.parametrize("complete", [False, True])
def test_a_run_that_measured_nothing_is_inconclusive(outcomes: tuple[Outcome, ...], complete: bool) -> None:
    results = [Result(clause, "*", outcome) for clause in CLAUSES for outcome in outcomes]
    found = decide(results, CLAUSES, (), "linux", strict=False, complete=complete)
    assert found.exit == Exit.INCONCLUSIVE
    assert found.reasons[-1] == "nothing was measured"


@pytest.mark.parametrize("outcome", ["pass", "xfail"])
def test_one_measured_case_is_enough_for_a_selection(outcome: Outcome) -> None:
    results = [Result("VIS-01", "case", outcome)]
    assert decide(results, CLAUSES, (), "linux", strict=False, complete=False).exit == Exit.CONFORMANT


def test_a_failed_should_on_its_own_was_measured_and_fails_nothing() -> None:
    results = [Result("MET-01", "case", "fail", "mode lost")]
    assert decide(results, CLAUSES, (), "linux", strict=False, complete=False).exit == Exit.CONFORMANT


def test_the_exit_codes_are_those_of_the_contract() -> None:
    assert {code.name: int(code) for code in Exit} == {
        "CONFORMANT": 0,
        "NOT_CONFORMANT": 1,
        "USAGE": 2,
        "NOT_STARTED": 3,
        "INCONCLUSIVE": 4,
        "INTERRUPTED": 130,
    }


# A part of the contract


def test_a_part_of_the_contract_is_passed_and_never_conformant() -> None:
    results = [PASSES[0], PASSES[2]]
    found = decide(results, CLAUSES, (), "linux", strict=False, complete=False)
    assert (found.exit, found.word) == (Exit.CONFORMANT, f"2 of {len(load_clauses())} clauses selected: passed")
    found = decide(results, CLAUSES, (), "linux", strict=False, complete=False, part="measured")
    assert found.word == f"2 of {len(load_clauses())} clauses measured: passed"


def test_a_part_of_the_contract_says_what_it_passed_over() -> None:
    results = [PASSES[0], Result("MET-01", "case", "xfail"), Result("KIL-03", "*", "unmeasured")]
    found = decide(results, CLAUSES, (), "linux", strict=False, complete=False)
    every = len(load_clauses())
    assert found.word == f"3 of {every} clauses selected (1 of them unmeasured): passed but for 1 known failure"


def test_what_does_not_concern_the_implementation_is_no_part_of_it() -> None:
    results = [PASSES[0], Result("KIL-03", "*", "n/a", "no writer")]
    found = decide(results, CLAUSES, (), "linux", strict=False, complete=False, part="in part")
    assert found.word == f"1 of {len(load_clauses()) - 1} clauses in part: passed"


@pytest.mark.parametrize(
    ("failed", "said"),
    [
        (("PWR-02",), "passed but for SHOULD PWR-02"),
        (("PWR-02", "MET-01", "PWR-02"), "passed but for SHOULD PWR-02, MET-01"),
        (("PWR-02", "MET-01", "MET-02", "MET-03"), "passed but for 4 SHOULDs"),
    ],
)
def test_a_should_that_failed_is_not_passed_over(failed: tuple[str, ...], said: str) -> None:
    results = [Result("VIS-01", "case", "pass"), *(Result(clause, "case", "fail") for clause in failed)]
    found = decide(results, load_clauses(), (), "linux", strict=False, complete=False)
    assert (found.exit, found.word.partition(": ")[2]) == (Exit.CONFORMANT, said)
    assert decide(results, load_clauses(), (), "linux", strict=True, complete=False).word == "not conformant"


def test_known_failures_and_a_should_that_failed_are_named_together() -> None:
    found = verdict(Result("VIS-01", "case", "xfail"), Result("MET-01", "case", "fail"), known=[KNOWN])
    assert found.word == "conformant but for 1 known failure and SHOULD MET-01"


def test_what_ended_in_an_error_of_the_kit_was_not_measured() -> None:
    results = [Result("VIS-01", "case", "error", blame="kit"), Result("MET-01", "case", "unmeasured")]
    found = decide(results, CLAUSES, (), "linux", strict=False, complete=False)
    assert found.measured == (0, 2)
    assert decide([*results, PASSES[0]], CLAUSES, (), "linux", strict=False, complete=False).measured == (1, 2)


def test_a_failure_in_a_part_of_the_contract_is_not_conformant() -> None:
    found = decide([Result("VIS-01", "case", "fail")], CLAUSES, (), "linux", strict=False, complete=False)
    assert found.word == "not conformant"


# Known failures


@pytest.mark.parametrize("outcome", ["fail", "error"])
def test_a_failure_that_is_written_down_is_expected_and_keeps_what_was_seen(outcome: Outcome) -> None:
    found = apply_known_failures(Result("VIS-01", "case", outcome, "torn at 7", repro="again"), [KNOWN], "linux")
    assert found.outcome == "xfail"
    assert found.message == "known failure: it cuts (https://example.org/1); seen: torn at 7"
    assert found.repro == "again"


def test_a_pass_that_is_written_down_as_a_failure_is_unexpected() -> None:
    found = apply_known_failures(Result("VIS-01", "case", "pass"), [KNOWN], "linux")
    assert found.outcome == "xpass"
    assert "it cuts" in found.message


def test_a_failure_that_depends_on_timing_may_pass_and_may_fail() -> None:
    race = dataclasses.replace(KNOWN, flaky=True)
    passed, failed = (
        apply_known_failures(Result("VIS-01", "case", outcome), [race], "linux") for outcome in ("pass", "fail")
    )
    assert (passed.outcome, failed.outcome) == ("pass", "xfail")
    assert verdict(passed, known=[race]).exit == verdict(failed, known=[race]).exit == Exit.CONFORMANT


def test_a_pass_of_a_flaky_failure_is_unexpected_only_in_the_last_of_its_repeats() -> None:
    race = dataclasses.replace(KNOWN, flaky=True, repeats=3)
    passed = Result("VIS-01", "case", "pass")
    first, second, last = (apply_known_failures(passed, [race], "linux", run=run) for run in (1, 2, 3))
    assert [(found.outcome, found.flaky) for found in (first, second, last)] == [
        ("pass", True),
        ("pass", True),
        ("xpass", True),
    ]
    assert last.message == "passed 3 times in a row, but is written down as a known failure: it cuts"


def test_a_flaky_failure_says_in_which_of_its_repeats_it_was_seen() -> None:
    race = dataclasses.replace(KNOWN, flaky=True, repeats=3)
    found = apply_known_failures(Result("VIS-01", "case", "fail", "torn at 7"), [race], "linux", run=2)
    assert (found.outcome, found.flaky) == ("xfail", True)
    assert found.message.endswith("; seen in run 2 of at most 3: torn at 7")


def test_a_pass_that_one_entry_allows_and_another_does_not_is_unexpected() -> None:
    race = dataclasses.replace(KNOWN, flaky=True)
    found = apply_known_failures(Result("VIS-01", "case", "pass"), [race, KNOWN], "linux")
    assert found.outcome == "xpass"


def test_a_failure_that_depends_on_timing_has_to_match_a_case_too() -> None:
    race = dataclasses.replace(KNOWN, flaky=True)
    assert verdict(Result("VIS-01", "another", "pass"), known=[race]).exit == Exit.NOT_CONFORMANT


WHOLE = KnownFailure("VIS-01", "it cuts", "https://example.org/1", cases=("case-*", "other"))


def advice(*outcomes: Outcome, **settings: Any) -> str:
    """The last reason of a run of the cases ``case-0``, ``case-1`` …, of which WHOLE is written down."""
    results = [Result("VIS-01", f"case-{number}", outcome) for number, outcome in enumerate(outcomes)]
    found = decide(results, CLAUSES, [WHOLE], "linux", strict=False, complete=False, **settings)
    assert found.exit == Exit.NOT_CONFORMANT
    return found.reasons[-1]


def test_an_entry_of_which_some_cases_pass_is_narrowed_to_those_that_fail_ready_to_paste() -> None:
    text = advice("xfail", "xpass", "xfail", "unmeasured")
    seen, _, entry = text.partition("\n")
    assert seen == (
        "known failure of VIS-01 [case-*, other]: 1 of 4 cases passed; narrow the entry to those that fail:"
    )
    assert tomllib.loads(entry) == {"case": ["case-0", "case-2"]}


def test_an_entry_of_which_nothing_fails_is_removed() -> None:
    assert advice("xpass", "xpass").endswith("2 of 2 cases passed, and none failed; remove the entry, or narrow its os")


def test_a_run_of_some_cases_says_nothing_of_the_others() -> None:
    text = advice("xpass", whole_clauses=False)
    assert text.endswith("1 of 1 cases passed; run --clause VIS-01 without --case to see which of the others fail")


@pytest.mark.parametrize(("flaky", "code"), [(True, Exit.CONFORMANT), (False, Exit.NOT_CONFORMANT)])
def test_what_has_a_result_only_where_it_fails_need_not_fail_where_it_is_flaky(flaky: bool, code: Exit) -> None:
    entry = dataclasses.replace(KNOWN, cases=(EVERY_WRITE,), flaky=flaky)
    assert verdict(Result("VIS-01", "case", "pass"), known=[entry]).exit == code


def test_each_glob_of_an_entry_has_to_match_a_case() -> None:
    found = verdict(Result("VIS-01", "case-0", "xfail"), known=[WHOLE])
    assert found.reasons == ("known failure of VIS-01 [other] matches no case; correct or remove the entry",)


@pytest.mark.parametrize(
    "result",
    [
        Result("VIS-01", "case", "error", "KeyError", blame="kit"),
        Result("VIS-01", "case", "unmeasured", "saw 3 reads", inconclusive=True),
        Result("VIS-01", "case", "unmeasured"),
        Result("VIS-01", "case", "n/a"),
        Result("VIS-01", "another", "fail"),
        Result("MET-01", "case", "fail"),
    ],
    ids=str,
)
def test_a_known_failure_excuses_nothing_else(result: Result) -> None:
    assert apply_known_failures(result, [KNOWN], "linux") == result


def test_a_known_failure_of_another_system_excuses_nothing() -> None:
    elsewhere = KnownFailure("VIS-01", "it cuts", "https://example.org/1", ("windows",))
    failure = Result("VIS-01", "case", "fail")
    assert apply_known_failures(failure, [elsewhere], "linux") == failure
    assert apply_known_failures(failure, [elsewhere], "windows").outcome == "xfail"
