"""Which clauses and cases of a run are wanted."""

import pytest

from conformance.runner.selection import Selection


def test_no_glob_at_all_means_everything() -> None:
    selection = Selection()
    assert selection.complete
    assert selection.takes_clause("DOC-01")
    assert selection.takes("DOC-01", "members:idle")


@pytest.mark.parametrize("selection", [Selection(clauses=("*",)), Selection(cases=("*",)), Selection(point="x")])
def test_a_run_with_a_selection_is_not_complete(selection: Selection) -> None:
    assert not selection.complete


@pytest.mark.parametrize(
    ("clause", "taken"),
    [("DOC-01", True), ("DOC-10", True), ("FLT-04", True), ("FLT-05", False), ("doc-01", False)],
)
def test_a_clause_is_taken_when_one_glob_matches(clause: str, taken: bool) -> None:
    selection = Selection(clauses=("DOC-*", "FLT-04"))
    assert selection.takes_clause(clause) is taken
    assert selection.takes(clause, "anything") is taken


@pytest.mark.parametrize(
    ("clause", "case", "taken"),
    [
        ("DOC-01", "members:idle", True),
        ("DOC-01", "members", False),
        ("REF-01", "members:idle", False),
    ],
)
def test_a_case_is_taken_when_its_clause_and_its_name_match(clause: str, case: str, taken: bool) -> None:
    assert Selection(clauses=("DOC-*",), cases=("members:*",)).takes(clause, case) is taken


def test_globs_of_cases_alone_leave_no_clause_out() -> None:
    selection = Selection(cases=("members:*",))
    assert selection.takes_clause("WIN-01")
    assert selection.takes("WIN-01", "members:idle")
    assert not selection.takes("WIN-01", "other")


def test_globs_that_match_nothing_are_found() -> None:
    selection = Selection(clauses=("DOC-*", "doc-01"), cases=("members:*", "member:*"))
    assert selection.unknown_clauses(["DOC-01", "REF-01"]) == ["doc-01"]
    cases = [("DOC-01", "members:idle"), ("REF-01", "member:idle")]
    assert selection.unknown_cases(cases) == ["member:*"]
    assert Selection(cases=("member:*",)).unknown_cases(cases) == []


@pytest.mark.parametrize(
    ("selection", "part"),
    [
        (Selection(clauses=("DOC-01",)), "selected"),
        (Selection(cases=("x",)), "selected in part"),
        (Selection(clauses=("DOC-01",), point="x"), "selected in part"),
    ],
)
def test_a_selection_says_whether_it_takes_whole_clauses(selection: Selection, part: str) -> None:
    assert selection.part == part


def test_quick_keeps_the_cases_of_a_quick_run() -> None:
    selection = Selection(clauses=("LIF-*",), quick=True)
    assert selection.takes("LIF-01", "idle_example")
    assert not selection.takes("LIF-01", "another")
    assert not selection.takes("DOC-01", "members:idle")
    assert not selection.complete
    assert not selection.whole_clauses
    assert selection.part == "in part"


def test_quick_leaves_nothing_out_of_a_clause_that_is_wanted_whole() -> None:
    selection = Selection(quick=True, whole=("LIF-*",))
    assert selection.takes("LIF-01", "another")
    assert not selection.takes("DOC-01", "another")
    assert not selection.whole_clauses
    assert selection.by_option()["whole"] == ("LIF-*",)


def test_quick_and_a_glob_of_cases_both_have_to_match() -> None:
    selection = Selection(cases=("*_example",), quick=True)
    assert selection.takes("LIF-01", "idle_example")
    assert not selection.takes("DOC-01", "members:idle")


def test_the_header_names_a_quick_run_as_one() -> None:
    usual = {"clause": ("LIF-*",), "case": (), "point": ("*",)}
    assert Selection(clauses=("LIF-*",)).by_option() == usual
    assert Selection(clauses=("LIF-*",), quick=True).by_option() == {**usual, "quick": ("yes",)}
