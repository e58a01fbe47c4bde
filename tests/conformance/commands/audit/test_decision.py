"""From legs to a decision."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.commands.audit.decision import Decision, decide
from conformance.commands.audit.legs import Controls, read_leg
from conformance.commands.audit.policy import Accepted, Policy
from conformance.reporting.results import Exit, Result
from tests.conformance.commands.audit.conftest import LOAD, results_on

Legs = Callable[..., Path]
CONTROLS = Controls(Path("matrix.json"), "1", "2", "linux", whole=True, holds=True, caught=3, mutants=3, missed=())
LINUX = Policy(platforms=("linux",), programs=("conformance",))
INSISTING = Policy(platforms=("linux",), programs=("conformance",), should=("KIL-06",))


def only(text: str, lines: Sequence[Any]) -> str:
    [line] = [str(line) for line in lines if text in str(line)]
    return line


@pytest.fixture
def decided(write_leg: Legs) -> Callable[..., Decision]:
    """Decide about one leg of the suite on Linux, and others: ``decided(policy, legs=…, VIS_01=RESULT)``."""

    def run(
        policy: Policy = LINUX, legs: Sequence[Path] = (), controls: Sequence[Controls] = (CONTROLS,), **results: Result
    ) -> Decision:
        paths = [write_leg("linux", results=results_on("linux", **results)), *legs]
        return decide([read_leg(path, policy) for path in paths], controls, policy, "mine.toml")

    return run


def test_what_this_platform_cannot_measure_is_missing_and_nothing_else(decided: Callable[..., Decision]) -> None:
    decision = decided()
    assert (decision.word, decision.exit, decision.reasons) == ("INCOMPLETE", Exit.INCONCLUSIVE, ())
    [cuts, windows] = decision.missing
    assert cuts.what == "PWR-03: not measured on linux: needs the engine powercut"
    assert windows.what.startswith("WIN-01, WIN-02")
    assert windows.command.startswith("on windows-latest: ")


def test_a_program_for_linux_alone_is_not_asked_what_only_windows_measures(decided: Callable[..., Decision]) -> None:
    decision = decided(replace(LINUX, supported=("linux",)))
    [cuts] = decision.missing
    assert cuts.what.startswith("PWR-03: ")
    assert not any(clause.startswith("WIN-") for clause in decision.clauses)
    assert decision.sentence.startswith("INCOMPLETE for linux, measured ")
    assert only("WIN-01", decision.notes).startswith("the policy supports linux only: ")


def test_what_only_windows_measures_is_asked_of_a_program_for_all_systems(decided: Callable[..., Decision]) -> None:
    decision = decided()
    assert "WIN-01" in only("WIN-01", decision.missing)
    assert decision.sentence.startswith("INCOMPLETE, measured ")


def test_a_failure_where_a_program_is_not_supported_counts_all_the_same(
    decided: Callable[..., Decision], write_leg: Legs
) -> None:
    failed = Result("VIS-01", "in_place", "fail", "cut")
    other = write_leg("windows", system="windows", results=results_on("windows", VIS_01=failed))
    assert decided(replace(LINUX, supported=("linux",)), legs=[other]).word == "REJECTED"


def test_a_failed_must_rejects_with_its_case(decided: Callable[..., Decision]) -> None:
    decision = decided(VIS_01=Result("VIS-01", "in_place", "fail", "cut"))
    assert (decision.word, decision.exit) == ("REJECTED", Exit.NOT_CONFORMANT)
    assert only("VIS-01", decision.reasons).endswith("VIS-01 [in_place] fail: cut")
    assert not [one for one in decision.missing if "VIS-01" in one.what]


def test_a_failed_should_is_a_note_unless_the_policy_insists(decided: Callable[..., Decision]) -> None:
    failed = Result("KIL-06", "sigterm", "fail", "a temp is left")
    decision = decided(KIL_06=failed)
    assert decision.word == "INCOMPLETE"
    assert only("KIL-06", decision.notes).endswith("KIL-06 (SHOULD): 1 of 1 cases failed")
    assert only("KIL-06", decided(INSISTING, KIL_06=failed).reasons).endswith("a temp is left")


def test_a_should_that_was_not_measured_is_missing_only_where_the_policy_insists(
    decided: Callable[..., Decision],
) -> None:
    unmeasured = Result("KIL-06", "*", "unmeasured", "no signals")
    assert not [one for one in decided(KIL_06=unmeasured).missing if "KIL-06" in one.what]
    assert only("KIL-06", decided(INSISTING, KIL_06=unmeasured).missing)


def test_a_known_failure_rejects_unless_it_is_accepted(decided: Callable[..., Decision]) -> None:
    known = Result("VIS-01", "in_place", "xfail", "known failure: slow disk")
    assert only("VIS-01", decided(VIS_01=known).reasons).endswith("; the policy accepts no such failure")
    entry = Accepted("VIS-01", datetime.date.max, "a reason")
    accepting = Policy(platforms=("linux",), programs=("conformance",), accepted=(entry,))
    decision = decided(accepting, VIS_01=known)
    assert decision.reasons == ()
    assert not [one for one in decision.missing if "VIS-01" in one.what]
    assert only("was not seen", decided(accepting).notes)


def test_the_policy_asks_for_work_and_file_systems(decided: Callable[..., Decision], write_leg: Legs) -> None:
    load = write_leg("load", program="pulse stress", results=[Result("CON-01", "load", "pass", counts=LOAD)])
    asking = Policy(platforms=("linux",), file_systems=("ext4", "xfs"), minimum={"writes": 4_001, "reads": 50_000})
    decision = decided(asking, [load])
    assert only("4,000 writes of the 4,001", decision.missing)
    assert not [one for one in decision.missing if "reads of" in one.what]
    # The suite counts power cuts, too: those of its model.
    suite = {"FLT_01": Result("FLT-01", "case", "pass", counts={"cuts": 500, "writes": 9_000, "faults": 9})}
    minimum = Policy(platforms=("linux",), minimum={"cuts": 1, "writes": 4_001, "faults": 9})
    assert len([one for one in decided(minimum, [load], **suite).missing if "asks for" in one.what]) == 2
    commands = [one.command for one in decided(minimum, [load], **suite).missing if " writes of " in one.what]
    assert commands == ["pulse stress --impl mine.toml --until '1 writes' --report linux/load"]
    assert "--dir FOLDER-ON-xfs" in only("no run on xfs; there are ext4", decision.missing)
    assert not [one for one in decision.missing if "no run on ext4" in one.what]


def test_a_file_system_that_is_misspelt_is_asked_about(decided: Callable[..., Decision]) -> None:
    missing = decided(replace(LINUX, file_systems=("ext5", "xfs"))).missing
    assert "; did you mean ext4 or ext3?" in only("no run on ext5; there are ext4", missing)
    assert "did you mean" not in only("no run on xfs; there are ext4", missing)


def test_a_selection_of_the_suite_is_no_leg(write_leg: Legs) -> None:
    leg = read_leg(write_leg("part", selection={"clause": ["VIS-*"], "case": [], "point": ["*"]}), LINUX)
    decision = decide([leg], [CONTROLS], LINUX, "mine.toml")
    assert only("no run of the whole suite on linux", decision.missing)
    said = only("judged only --clause VIS-*: a part of the suite cannot be a leg: remove it", decision.missing)
    assert f"command='rm {leg.path}'" in said


def test_a_quick_run_beside_a_whole_one_is_to_be_removed(write_leg: Legs) -> None:
    selection = {"clause": [], "case": [], "point": ["*"], "quick": ["yes"]}
    legs = [read_leg(write_leg(name, **more), LINUX) for name, more in (("all", {}), ("q", {"selection": selection}))]
    decision = decide(legs, [CONTROLS], LINUX, "mine.toml")
    said = only("a quick run cannot be a leg: remove it", decision.missing)
    assert f"command='rm {legs[1].path}'" in said
    assert not [one for one in decision.missing if "no run of the whole suite" in one.what]


def test_what_the_suite_could_not_measure_is_not_got_by_the_same_run(decided: Callable[..., Decision]) -> None:
    never = Result("FLT-04", "*", "unmeasured", "it never syncs the temp")
    said = only("FLT-04: not measured on linux: it never syncs the temp", decided(FLT_04=never).missing)
    assert "once that has changed, on ubuntu-latest: pulse conformance" in said


def test_an_inconclusive_leg_is_named_with_its_reason(write_leg: Legs) -> None:
    leg = read_leg(write_leg("unsure", mishaps=["a process of the kit ended"]), LINUX)
    decision = decide([leg], [CONTROLS], LINUX, "mine.toml")
    assert decision.word == "INCOMPLETE"
    assert only("inconclusive: a process of the kit ended", decision.missing)


def test_a_clause_of_which_the_kit_failed_has_not_passed(decided: Callable[..., Decision]) -> None:
    decision = decided(VIS_01=Result("VIS-01", "case", "error", "KeyError", blame="kit"))
    assert decision.reasons == ()
    assert only("VIS-01: not measured on linux", decision.missing)
    assert only("error of the kit", decision.missing)


@pytest.mark.parametrize(
    ("controls", "said"),
    [
        ([], "no matrix of all mutants and variants of this kit"),
        (
            [Controls(Path("part"), "", "", "linux", False, True, 1, 1, ())],
            "part is of a selection, or was made without --complete",
        ),
    ],
)
def test_without_positive_controls_nothing_is_approved(
    decided: Callable[..., Decision], controls: Sequence[Controls], said: str
) -> None:
    assert only(said, decided(controls=controls).missing)


def test_a_mutant_that_was_missed_rejects(decided: Callable[..., Decision]) -> None:
    missed = Controls(Path("matrix.json"), "", "", "linux", True, False, 3, 4, ("torn",))
    assert only("3 of 4 mutants were caught: torn", decided(controls=[missed]).reasons)


def test_load_that_passed_without_its_control_rejects(decided: Callable[..., Decision], write_leg: Legs) -> None:
    blind = [Result("CON-01", "load", "pass", counts={**LOAD, "positive controls": 0})]
    path = write_leg("load", program="pulse stress", results=blind)
    assert only("its positive control was not caught", decided(legs=[path]).reasons)


def test_a_reason_that_belongs_to_no_case_rejects(decided: Callable[..., Decision], write_leg: Legs) -> None:
    """Such as a known failure that matches nothing; but not a SHOULD that counts only because of --strict."""
    leg = read_leg(write_leg("linux"), LINUX)
    for reasons, rejected in (
        (["known failure of DOC-01 [old] matches no case"], True),
        (["KIL-06 [sigterm]: a temp is left"], False),
        ([], True),
    ):
        leg.footer.update(exit=1, reasons=reasons)  # type: ignore[attr-defined]  # as another run would have it
        decision = decide([leg], [CONTROLS], LINUX, "mine.toml")
        assert (decision.word == "REJECTED") == rejected


def test_a_clause_that_does_not_concern_the_implementation_is_not_counted(decided: Callable[..., Decision]) -> None:
    every = decided().measured[1]
    decision = decided(RDR_01=Result("RDR-01", "*", "n/a", "no reader"))
    assert decision.measured[1] == every - 1
    assert "RDR-01" not in decision.clauses


def test_what_one_platform_cannot_measure_another_may(decided: Callable[..., Decision], write_leg: Legs) -> None:
    windows = write_leg("windows", system="windows")
    both = Policy(programs=("conformance",))
    assert [one.what[:6] for one in decided(both, [windows]).missing] == ["PWR-03"]
    # A pass on a platform that is not required is no pass of the release.
    assert [one.what[:6] for one in decided(LINUX, [windows]).missing] == ["PWR-03", "WIN-01"]
