"""What is different between two runs, and which of it is lost ground."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.commands.compare.changes import Change, Comparison, compare
from conformance.commands.compare.recorded_run import run_from
from conformance.reporting.results import Header, Outcome, Result

MUST, SHOULD, INFORMATIVE = "VIS-01", "MET-01", "KIL-03"
SAME = Result("DOC-01", "same", "pass")  # so that two runs always have a case in common

Compared = Callable[..., Comparison]


@pytest.fixture
def compared(header: Callable[..., Header]) -> Compared:
    """Compares two lists of results; ``old`` and ``new`` are changes of their headers."""

    def run(
        before: list[Result],
        now: list[Result],
        old: dict[str, object] | None = None,
        new: dict[str, object] | None = None,
    ) -> Comparison:
        sides = ((before, old or {}, "OLD"), (now, new or {}, "NEW"))
        return compare(*(run_from(header(**about), [SAME, *of], name, Path(name)) for of, about, name in sides))

    return run


def one(outcome: Outcome | None, clause: str = MUST, **members: object) -> list[Result]:
    """A run of one case, or of none."""
    return [] if outcome is None else [Result(clause, "case", outcome, **members)]  # type: ignore[arg-type]  # of Result


def change_of(comparison: Comparison) -> tuple[str, bool] | None:
    """The kind of the one change, and whether it is lost ground."""
    assert len(comparison.changes) <= 1
    return next(((change.kind, change.lost) for change in comparison.changes), None)


# A case


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        ("pass", "fail", ("worse", True)),
        ("pass", "error", ("worse", True)),
        ("pass", "xfail", ("worse", True)),
        ("pass", "unmeasured", ("worse", True)),
        ("pass", "n/a", ("worse", True)),
        ("pass", None, ("gone", True)),
        ("xpass", "fail", ("worse", True)),
        ("fail", "pass", ("better", False)),
        ("error", "pass", ("better", False)),
        ("xfail", "pass", ("better", False)),
        ("xfail", "xpass", ("better", False)),
        ("unmeasured", "pass", ("better", False)),
        ("n/a", "pass", ("better", False)),
        ("fail", None, ("gone", True)),
        ("xfail", None, ("gone", True)),
        ("unmeasured", "fail", ("new", False)),
        ("n/a", "error", ("new", False)),
        (None, "pass", ("new", False)),
        (None, "fail", ("new", False)),
        ("unmeasured", None, None),
        ("n/a", None, None),
        (None, "unmeasured", None),
        ("fail", "fail", None),
        ("fail", "error", None),
        ("fail", "xfail", None),
        ("xfail", "fail", None),
        ("pass", "pass", None),
        ("pass", "xpass", None),
        ("unmeasured", "n/a", None),
    ],
)
def test_a_case_is_worse_better_new_gone_or_the_same(
    compared: Compared, before: Outcome | None, now: Outcome | None, found: tuple[str, bool] | None
) -> None:
    # Another case of the clause is measured in both, so that only this case can be lost.
    other = [Result(MUST, "other", "pass")]
    assert change_of(compared([*other, *one(before)], [*other, *one(now)])) == found


def test_a_failing_case_that_is_not_measured_is_gone_and_no_lost_ground(compared: Compared) -> None:
    other = [Result(MUST, "other", "pass")]
    found = compared([*other, *one("fail")], [*other, *one("unmeasured")])
    assert (change_of(found), found.lost) == (("gone", False), 0)


@pytest.mark.parametrize(("clause", "lost"), [(MUST, True), (SHOULD, True), (INFORMATIVE, False)])
def test_lost_is_the_ground_of_a_must_or_a_should(compared: Compared, clause: str, lost: bool) -> None:
    assert change_of(compared(one("pass", clause), one("fail", clause))) == ("worse", lost)


def test_an_error_of_the_kit_is_no_failure_of_the_implementation(compared: Compared) -> None:
    crash = one("error", blame="kit", message="KeyError")
    assert change_of(compared(one("fail"), crash)) == ("gone", False)
    [change] = compared(one("pass"), crash).changes
    assert (change.now, change.lost, change.message) == ("unmeasured", True, "error of the kit: KeyError")


def test_a_change_has_what_was_seen_and_the_command_that_repeats_it(compared: Compared) -> None:
    [change] = compared(one("pass"), one("fail", message="torn at 7", repro="pulse conformance --case case")).changes
    assert change == Change(MUST, "case", "worse", "pass", "fail", True, "torn at 7", "pulse conformance --case case")


def test_a_case_with_several_results_counts_by_its_worst(compared: Compared) -> None:
    assert change_of(compared(one("pass"), [*one("pass"), *one("fail"), *one("pass")])) == ("worse", True)


@pytest.mark.parametrize("before", [True, False])
def test_a_pass_of_a_flaky_known_failure_is_luck(compared: Compared, before: bool) -> None:
    lucky, unlucky = one("pass", flaky=True), one("xfail", flaky=True)
    assert change_of(compared(*((lucky, unlucky) if before else (unlucky, lucky)))) is None
    assert change_of(compared(lucky, one("fail"))) is None
    assert change_of(compared(lucky, one("pass"))) == ("better", False)
    assert change_of(compared(one("pass"), lucky)) is None
    assert change_of(compared([], lucky)) == ("new", False)


def test_a_case_that_held_and_now_fails_is_lost_although_it_was_written_down_as_flaky(compared: Compared) -> None:
    assert change_of(compared(one("pass"), one("xfail", flaky=True))) == ("worse", True)


def test_a_case_that_the_suite_itself_has_no_more_is_gone_and_not_lost(header: Callable[..., Header]) -> None:
    before, now = (
        run_from(header(), [SAME, *of], name, Path(name)) for of, name in ((one("pass"), "OLD"), ([], "NEW"))
    )
    found = compare(before, now, gone=[(MUST, "case")])
    assert (change_of(found), found.lost) == (("gone", False), 0)
    assert change_of(compare(before, now, gone=[(MUST, "other")])) == ("gone", True)


# A clause


def test_a_clause_that_was_measured_and_is_not_any_more_is_lost_though_it_failed(compared: Compared) -> None:
    found = compared(one("fail"), [Result(MUST, "*", "unmeasured", "needs strace")])
    assert change_of(found) == ("gone", False)
    [clause] = found.clauses
    assert (clause.before, clause.now, clause.lost, clause.message) == ("fail", "unmeasured", True, "needs strace")
    assert found.lost == 1


def test_the_cases_of_such_a_clause_that_passed_are_lost_with_its_reason(compared: Compared) -> None:
    found = compared(one("pass"), [Result(MUST, "*", "n/a", "no role reader")])
    [change] = found.changes
    assert (change.kind, change.now, change.lost, change.message) == ("worse", "n/a", True, "no role reader")


def test_a_clause_says_why_none_of_its_cases_is_measured(compared: Compared) -> None:
    [clause] = compared(one("pass"), one("unmeasured", message="it never syncs")).clauses
    assert (clause.now, clause.lost, clause.message) == ("unmeasured", True, "it never syncs")


def test_a_clause_that_is_measured_for_the_first_time_is_no_loss(compared: Compared) -> None:
    found = compared([Result(MUST, "*", "unmeasured")], one("fail"))
    assert (change_of(found), found.lost) == (("new", False), 0)
    assert [(clause.before, clause.now) for clause in found.clauses] == [("unmeasured", "fail")]


def test_an_informative_clause_may_go(compared: Compared) -> None:
    assert compared(one("pass", INFORMATIVE), [Result(INFORMATIVE, "*", "unmeasured")]).lost == 0


# The whole


def test_what_was_compared_and_what_fails_as_before_is_counted(compared: Compared) -> None:
    found = compared([*one("fail"), Result(MUST, "b", "pass")], [*one("xfail"), Result(MUST, "b", "fail")])
    assert (found.compared, found.failing, found.lost) == (3, 1, 1)


def test_lost_ground_comes_first_and_clauses_are_in_the_order_of_the_contract(compared: Compared) -> None:
    before = [Result(INFORMATIVE, "a", "pass"), Result(SHOULD, "b", "pass"), Result(MUST, "c", "pass")]
    now = [Result(result.clause, result.case, "fail") for result in before]
    assert [change.clause for change in compared(before, now).of_kind("worse")] == [MUST, SHOULD, INFORMATIVE]


def test_only_what_both_runs_were_asked_for_is_compared(compared: Compared) -> None:
    before = [Result(SHOULD, "mode:0644", "pass"), Result(SHOULD, "mode:0600", "pass"), *one("pass")]
    now = [Result(SHOULD, "mode:0644", "fail")]
    found = compared(before, now, new={"selection": {"clause": ("MET-*", "DOC-*"), "case": ("mode:06[4]*", "same")}})
    assert [change.case for change in found.changes] == ["mode:0644"]
    assert "different selections; compared is what both runs were asked for" in found.notes


QUICK: dict[str, object] = {"selection": {"quick": ("yes",)}}
POINTS = "fault_at_every_operation:FLT-01-replace"  # of which a quick run visits some


def test_a_quick_run_is_compared_with_a_whole_one_in_its_own_cases(compared: Compared) -> None:
    whole = [Result("DOC-07", "message:cyrillic", "pass"), Result("DOC-07", "message:of another length", "fail")]
    quick = [Result("DOC-07", "message:cyrillic", "fail")]
    found = compared(whole, quick, new=QUICK)
    assert [(change.case, change.lost) for change in found.changes] == [("message:cyrillic", True)]
    assert found.compared == 1
    assert found.notes == (
        "different selections; compared is what both runs were asked for",
        "only one run is quick, and visits fewer points of a write: what it passes there may fail in a whole run",
    )
    back = compared(quick, whole, QUICK)
    assert [(change.case, change.kind) for change in back.changes] == [("message:cyrillic", "better")]


def test_what_a_quick_run_passes_is_no_repair_where_it_sees_less(compared: Compared) -> None:
    fails, passes = [Result("FLT-01", POINTS, "fail")], [Result("FLT-01", POINTS, "pass")]
    found = compared(fails, passes, new=QUICK)
    assert (found.changes, found.clauses, found.lost) == ((), (), 0)
    assert change_of(compared(passes, fails, new=QUICK)) == ("worse", True)


def test_what_fails_in_a_whole_run_is_new_where_a_quick_one_saw_less(compared: Compared) -> None:
    fails, passes = [Result("FLT-01", POINTS, "fail")], [Result("FLT-01", POINTS, "pass")]
    assert change_of(compared(passes, fails, QUICK)) == ("new", False)
    assert change_of(compared(fails, passes, QUICK)) == ("better", False)


def test_two_quick_runs_have_seen_the_same(compared: Compared) -> None:
    fails, passes = [Result("FLT-01", POINTS, "fail")], [Result("FLT-01", POINTS, "pass")]
    assert change_of(compared(passes, fails, QUICK, QUICK)) == ("worse", True)
    assert change_of(compared(fails, passes, QUICK, QUICK)) == ("better", False)


def test_what_a_quick_run_says_of_a_whole_clause_counts(compared: Compared) -> None:
    common = Result("DOC-08", "explicit_timestamp:0", "pass")
    left_out = [common, Result("DOC-07", "*", "unmeasured", "no reason")]
    found = compared([common, Result("DOC-07", "message:cyrillic", "pass")], left_out, new=QUICK)
    assert [(change.clause, change.lost, change.message) for change in found.clauses] == [("DOC-07", True, "no reason")]
    assert compared(left_out, left_out, new=QUICK).clauses == ()


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ({"kit": "1.0"}, {"kit": "1.1"}, "different versions of the kit: 1.0 and 1.1"),
        ({}, {"file_system": "xfs"}, "different file systems: ext4 and xfs"),
        ({}, {"mode": "oneshot"}, "different modes: serve and oneshot"),
        ({}, {"roles": ["writer", "reader"]}, "different roles: writer and writer, reader"),
    ],
)
def test_what_else_is_different_is_said(
    compared: Compared, old: dict[str, object], new: dict[str, object], note: str
) -> None:
    [found] = compared([], [], old, new).notes
    assert found.startswith(note)


@pytest.mark.parametrize(
    ("new", "says"),
    [
        ({"name": "another"}, "OLD and NEW have different implementations: demo and another"),
        ({"profile": "replace"}, "OLD and NEW have different profiles: pulse and replace"),
        ({"system": "windows (wine)"}, "OLD and NEW have different systems: linux and windows (wine)"),
        ({"selection": {"point": ("replace:*",)}}, "OLD and NEW have different points: * and replace:*"),
        ({"selection": {"level": ("quick",)}}, "OLD and NEW have different selections of level: None and quick"),
        ({"selection": {"clause": ("MET-*",)}}, "OLD and NEW have no case in common"),
    ],
)
def test_runs_that_say_nothing_together_are_refused(compared: Compared, new: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=r"^OLD and NEW have ") as refused:
        compared([], [], new=new)
    assert str(refused.value) == says
