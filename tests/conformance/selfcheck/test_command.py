"""The matrix counts a mutant as caught only when its clause caught it, and every variant that was flagged."""

from __future__ import annotations

import io
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.clauses import load_clauses
from conformance.mutation.registry import Entry, all_mutants
from conformance.selfcheck import command as command
from conformance.selfcheck.command import _try_mutant, _try_variant, main
from conformance.selfcheck.matrix import (
    MutantRow,
    Trial,
    VariantRow,
    judge_mutant,
    judge_variant,
    measured_clauses,
    total,
)
from conformance.selfcheck.trials import conformance

MUTANT = Entry("broken", "VIS-01", "fail", "Is broken.", "module:broken")
DYING = MUTANT._replace(outcome="error")
VARIANT = Entry("unusual", "", "fail", "Is correct.", "module:unusual")


def line(outcome: str, clause: str = "VIS-01", **others: Any) -> dict[str, Any]:
    """A line of results.jsonl."""
    blame = "implementation" if outcome == "error" else ""
    defaults = {"case": "some_case", "message": "why", "seconds": 0.5, "blame": blame, "inconclusive": False}
    return {"clause": clause, "outcome": outcome, **defaults, **others}


def trial(*results: dict[str, Any], exit: int = 1, finished: bool = True) -> Trial:
    return Trial(exit, results, finished)


def test_what_the_output_cannot_show_becomes_an_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["--help"]) == 0
    assert stream.errors == "backslashreplace"


# A mutant


def test_a_fail_of_the_named_clause_catches_the_mutant() -> None:
    row = judge_mutant(MUTANT, trial(line("pass"), line("fail", case="second", seconds=0.25)), every_engine=True)
    assert (row.verdict, row.case, row.seconds) == ("caught", "second", 0.75)


@pytest.mark.parametrize(
    "results",
    [
        (),
        (line("pass"),),
        (line("fail", clause="VIS-02"),),
        (line("error"),),
        (line("xfail"),),
        (line("n/a"),),
        (line("pass"), line("unmeasured")),
        (line("unmeasured", inconclusive=True),),
    ],
    ids=["nothing", "pass", "other-clause", "error", "xfail", "n/a", "half-measured", "inconclusive"],
)
def test_anything_else_misses_it(results: tuple[dict[str, Any], ...]) -> None:
    assert judge_mutant(MUTANT, trial(*results), every_engine=True).verdict == "missed"


def test_an_error_of_the_implementation_catches_the_mutant_that_announces_it() -> None:
    assert judge_mutant(DYING, trial(line("error")), every_engine=True).verdict == "caught"
    assert judge_mutant(DYING, trial(line("fail")), every_engine=True).verdict == "missed"


@pytest.mark.parametrize("entry", [MUTANT, DYING])
def test_after_an_error_of_the_kit_the_mutant_is_missed(entry: Entry) -> None:
    row = judge_mutant(entry, trial(line("fail"), line("error"), line("error", blame="kit")), every_engine=True)
    assert row.verdict == "missed"
    assert "the kit failed" in row.reason


def test_what_cannot_be_measured_here_is_unmeasured_and_not_caught() -> None:
    row = judge_mutant(MUTANT, trial(line("unmeasured", message="needs inotify"), exit=4), every_engine=True)
    assert (row.verdict, row.reason) == ("unmeasured", "needs inotify")


def test_a_platform_without_some_engine_cannot_say_that_a_mutant_was_missed() -> None:
    half_measured = trial(line("pass"), line("unmeasured", message="needs inotify"))
    assert judge_mutant(MUTANT, half_measured, every_engine=False).verdict == "unmeasured"
    assert judge_mutant(MUTANT, trial(line("pass")), every_engine=False).verdict == "missed"
    assert judge_mutant(MUTANT, trial(line("unmeasured"), line("fail")), every_engine=False).verdict == "caught"


def test_a_run_that_did_not_finish_catches_nothing() -> None:
    row = judge_mutant(MUTANT, Trial(3, [], finished=False, complaint="cannot be started"), every_engine=True)
    assert row.verdict == "missed"
    assert "cannot be started" in row.reason


@pytest.mark.parametrize(("depth", "options"), [(1, False), (2, True)])
def test_a_run_has_the_depth_that_its_mutant_or_variant_takes(
    monkeypatch: pytest.MonkeyPatch, depth: int, options: bool
) -> None:
    seen: list[tuple[str, ...]] = []

    def passes(impl: str, *given: str) -> Trial:
        seen.append(given)
        return trial(line("pass"))

    monkeypatch.setattr("conformance.selfcheck.command.conformance", passes)
    _try_mutant(MUTANT._replace(depth=depth))
    _try_variant(VARIANT._replace(depth=depth), (), complete=True)
    assert [("--depth", "2") in itertools.pairwise(given) for given in seen] == [options, options]


# A variant


def test_a_variant_passes_when_the_whole_run_does() -> None:
    row = judge_variant(VARIANT, trial(line("pass"), line("unmeasured"), line("n/a"), exit=0))
    assert (row.verdict, row.cases, row.false_alarms) == ("passed", 1, ())


@pytest.mark.parametrize("outcome", ["fail", "error", "xpass", "xfail"])
def test_any_other_outcome_is_a_false_alarm(outcome: str) -> None:
    row = judge_variant(VARIANT, trial(line("pass"), line(outcome), exit=0))
    assert (row.verdict, row.false_alarms) == ("false alarm", ("VIS-01 [some_case]: why",))


def test_an_exit_code_other_than_0_is_no_pass() -> None:
    seen_too_little = line("unmeasured", inconclusive=True, message="too few reads")
    row = judge_variant(VARIANT, trial(line("pass"), seen_too_little, exit=4))
    assert (row.verdict, row.reason) == ("inconclusive", "exit 4: too few reads")


def test_a_variant_whose_run_did_not_finish_is_no_pass() -> None:
    assert judge_variant(VARIANT, trial(line("pass"), exit=0, finished=False)).verdict == "inconclusive"


# The whole matrix

CAUGHT = MutantRow(MUTANT, "caught", "why", "some_case", 0.1)
PASSED = VariantRow(VARIANT, "passed", "", 7)


def test_it_holds_when_all_mutants_are_caught_and_all_variants_pass() -> None:
    totals = total([CAUGHT], [PASSED], load_clauses(), {"VIS-01"}, complete=True)
    assert totals.holds
    assert totals.sentence() == (
        "1 of 1 mutants caught, 0 false alarms in 7 cases of 1 variants (complete), "
        "every one of 1 measured clauses catches at least one mutant"
    )


def test_it_says_that_the_variants_ran_only_in_part() -> None:
    sentence = total([CAUGHT], [PASSED], load_clauses(), {"VIS-01"}, complete=False).sentence()
    assert "7 cases of 1 variants (all cases of the clauses that might doubt them, those of --quick of the" in sentence
    assert "variants (" not in total([CAUGHT], [], load_clauses(), {"VIS-01"}, complete=False).sentence()


def test_a_missed_mutant_breaks_it() -> None:
    assert not total(
        [CAUGHT, MutantRow(MUTANT, "missed", "")], [PASSED], load_clauses(), {"VIS-01"}, complete=True
    ).holds


@pytest.mark.parametrize("verdict", ["false alarm", "inconclusive"])
def test_a_variant_that_does_not_pass_breaks_it(verdict: Any) -> None:
    assert not total([CAUGHT], [VariantRow(VARIANT, verdict, "", 7)], load_clauses(), {"VIS-01"}, complete=True).holds


def test_a_measured_clause_that_catches_no_mutant_breaks_it() -> None:
    totals = total([CAUGHT], [PASSED], load_clauses(), {"VIS-01", "VIS-02"}, complete=True)
    assert not totals.holds
    assert totals.clauses_without_catch == ("VIS-02",)
    assert totals.sentence().endswith("these of 2 measured clauses catch none: VIS-02")


def test_what_this_platform_cannot_measure_is_counted_and_does_not_break_it() -> None:
    unmeasured = MutantRow(MUTANT._replace(caught_by="MET-03"), "unmeasured", "run as root")
    totals = total([CAUGHT, unmeasured], [PASSED], load_clauses(), {"VIS-01"}, complete=True)
    assert totals.holds
    assert "1 of 2 mutants caught, 1 unmeasured here" in totals.sentence()


def test_a_clause_is_measured_when_one_case_of_it_was() -> None:
    trials = [trial(line("pass"), line("unmeasured", clause="VIS-02"), line("n/a", clause="VIS-03"))]
    assert measured_clauses(trials) == {"VIS-01"}


# The command


def test_it_runs_what_is_named_and_reports_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--report", str(tmp_path / "report"), "-n", "1", "five-fields"]) == 0
    assert "1 of 1 mutants caught" in capsys.readouterr().out
    matrix = json.loads((tmp_path / "report" / "matrix.json").read_text(encoding="utf-8"))
    [row] = matrix["mutants"]
    assert (row["entry"]["name"], row["verdict"], row["case"]) == ("five-fields", "caught", "members_with_defaults")
    assert matrix["totals"]["holds"] is True


def test_what_only_another_system_can_measure_is_left_out_and_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "operating_system", lambda: "linux")
    assert main(["no-retry", "generic-error", "waits-grow"]) == 0
    printed = capsys.readouterr().out
    assert "0 of 0 mutants caught" in printed
    assert "3 left out: only another system can measure them" in printed


def test_mutants_are_selected_by_the_clause_that_must_catch_them(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answered(impl: str, *options: str) -> Trial:
        asked.append(impl)
        return Trial(1, [line("fail", clause=options[1])], True)

    monkeypatch.setattr(command, "conformance", answered)
    assert main(["--clause", "RDR-0[23]"]) == 0
    named = {f"mutant:{entry.name}" for entry in all_mutants() if entry.caught_by in ("RDR-02", "RDR-03")}
    assert named
    assert set(asked) == named


def test_with_complete_the_variants_are_put_to_these_clauses(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, tuple[str, ...]] = {}

    def answered(impl: str, *options: str) -> Trial:
        asked[impl] = options
        return Trial(0, [line("pass")], True)

    monkeypatch.setattr(command, "conformance", answered)
    main(["--complete", "--clause", "MET-0[12]", "plain", "long-temp-name", "mode-not-kept"])
    chosen = ("--strict", "--kills", "4", "--clause", "MET-0[12]")
    assert {impl: asked[impl] for impl in asked if impl.startswith("variant:")} == {
        "variant:plain": chosen,
        "variant:long-temp-name": chosen,
    }


def test_quick_counts_what_a_quick_run_catches_and_tries_no_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answered(impl: str, *options: str) -> Trial:
        asked.append((impl, options[-1]))
        return Trial(1, [line("fail", clause=options[1])], True)

    monkeypatch.setattr(command, "conformance", answered)
    assert main(["--quick", "plain", "waiting-by-default"]) == 0
    assert asked == [("mutant:waiting-by-default", "--quick")]


def test_quick_writes_no_matrix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--report", str(tmp_path)]) == 2
    assert "--quick counts only" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_name_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["unheard-of"]) == 2
    assert "no mutant or variant is called unheard-of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("finished", "exit_code"), [(Trial(0, [line("pass")], True), 0), (Trial(1, [line("fail")], True), 1)]
)
def test_a_false_alarm_makes_it_fail(
    finished: Trial, exit_code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def answered(impl: str, *options: str) -> Trial:
        asked.append((impl, options))
        return finished

    monkeypatch.setattr(command, "conformance", answered)
    assert main(["--complete", "plain"]) == exit_code
    assert asked == [("variant:plain", ("--strict", "--kills", "4"))]
    assert f"{exit_code} false alarms in 1 cases of 1 variants" in capsys.readouterr().out


def test_a_variant_that_reads_as_usual_is_put_to_what_judges_writers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answered(impl: str, *options: str) -> Trial:
        asked.extend(options)
        return Trial(0, [line("pass")], True)

    monkeypatch.setattr(command, "conformance", answered)
    assert main(["sorted-with-indent"]) == 0
    clauses = load_clauses()
    assert {word for word in asked if word in clauses} == {
        name for name, clause in clauses.items() if "writer" in clause.role
    }


def test_without_complete_a_variant_is_put_to_all_of_the_clauses_that_might_doubt_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, ...]] = []

    def answered(impl: str, *options: str) -> Trial:
        asked.append(options)
        return Trial(0, [line("pass")], True)

    monkeypatch.setattr(command, "conformance", answered)
    assert main(["lenient-reader"]) == 0
    assert asked == [("--strict", "--kills", "4", "--quick", "--whole", "RDR-*")]
    assert "those of --quick of the others" in capsys.readouterr().out


def test_quick_is_not_about_variants(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--complete"]) == 2
    assert "--quick tries no variant" in capsys.readouterr().err


def test_a_run_that_cannot_start_gives_a_trial_without_results() -> None:
    found = conformance("mutant:unheard-of")
    assert (found.exit, found.finished, list(found.results)) == (2, False, [])
    assert "no such mutant" in found.complaint
