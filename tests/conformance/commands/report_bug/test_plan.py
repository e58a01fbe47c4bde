"""Which failures become one bug report, and which of them a script can show."""

import re
from pathlib import Path

import pytest

from conformance.commands.report_bug import plan
from conformance.commands.report_bug.plan import check_of, load_checks, planned
from conformance.contract.clauses import load_clauses
from conformance.reporting.results import Result


def a_failure(clause: str, case: str, message: str = "why") -> Result:
    return Result(clause, case, "fail", message)


@pytest.mark.parametrize(
    ("clause", "case", "check"),
    [
        ("VIS-06", "short_write_is_noticed:disk-full", "full-disk"),
        ("FLT-01", "answer_is_true:file-too-large", "size-limit"),
        ("FLT-01", "answer_is_true:name-too-long", None),
        ("PWR-01", "every_disk_state_is_old_or_new:replace", "sync-before-rename"),
        ("MET-05", "name:longest", "long-name"),
        ("MET-05", "name:space", None),
        ("CON-01", "processes_in_spaces_of_their_own", None),
        ("DOC-01", "members:idle", None),  # without the request in its evidence
        ("RDR-05", "invalid:invalid-nan-epoch", "reads"),
        ("RDR-05", "invalid:no-such-document", None),
        ("RDR-14", "write_at_every_boundary_of_a_read", None),
        ("WIN-04", "read_only_target", None),
    ],
)
def test_a_check_is_chosen_by_clause_and_case(clause: str, case: str, check: str | None) -> None:
    found = check_of(a_failure(clause, case))
    assert (found and found.check) == check


def test_failures_that_one_check_shows_are_one_report() -> None:
    disk_full = [a_failure("FLT-10", "full_disk:disk-full"), a_failure("VIS-06", "short_write_is_noticed:disk-full")]
    (report,) = planned(disk_full)
    assert (report.name, report.clause.id) == ("VIS-06-full-disk", "VIS-06")
    assert [result.clause for result in report.results] == ["VIS-06", "FLT-10"]


def test_without_a_check_each_test_of_a_clause_has_a_report() -> None:
    reports = planned([a_failure("MET-04", f"link:{n}") for n in range(3)] + [a_failure("MET-04", "other/../:x")])
    assert [(report.name, len(report.results)) for report in reports] == [("MET-04-link-0", 3), ("MET-04-other-x", 1)]
    assert reports[0].title == f"Not as required: {load_clauses()['MET-04'].title}"


@pytest.mark.parametrize("before", ["", "known failure: taken over (TODO); seen: "])
def test_what_was_seen_at_a_drawn_size_and_name_joins_the_report_of_the_usual_ones(before: str) -> None:
    text = "the temp was not created exclusively (O_EXCL): create {0}.{1}"
    drawn = a_failure(
        "VIS-03",
        "operations_whatever_the_size_and_the_name:VIS-03",
        before + text.format("run_3270.txt", 1965796521) + " (a document of 405 bytes at run_3270.txt)",
    )
    usual = a_failure("VIS-03", "order_of_operations:VIS-03-replace", text.format("status.json", 3634067125))
    (report,) = planned([drawn, usual])
    assert report.name == "VIS-03-temp-is-exclusive"
    assert report.results == (usual, drawn)
    (alone,) = planned([drawn])
    assert alone.check is None  # the script writes with the usual size and name


def test_known_failures_and_errors_of_the_implementation_count_and_errors_of_the_kit_do_not() -> None:
    results = [
        Result("MET-01", "a", "xfail", "known"),
        Result("MET-02", "a", "error", "ended with exit code 7", blame="implementation"),
        Result("MET-07", "a", "error", "the kit", blame="kit"),
        Result("MET-08", "a", "pass"),
        Result("MET-09", "a", "unmeasured"),
    ]
    assert [report.clause.id for report in planned(results)] == ["MET-01", "MET-02"]


def test_what_another_failure_explains_is_named_in_its_report() -> None:
    message = "epoch is 0, not a number with a fraction or an exponent"
    (report,) = planned([a_failure(clause, "case", message) for clause in ("DOC-04", "LIF-01", "VIS-07")])
    assert report.clause.id == "DOC-04"
    assert [result.clause for result in report.also] == ["LIF-01", "VIS-07"]


def test_clauses_are_selected() -> None:
    failed = [a_failure("MET-01", "a"), a_failure("VIS-01", "a"), a_failure("MET-02", "a")]
    assert [report.clause.id for report in planned(failed, ("MET-*",))] == ["MET-01", "MET-02"]


def test_every_check_names_clauses_that_exist_and_repro_has_each() -> None:
    program = (Path(plan.__file__).parent / "repro.py").read_text(encoding="utf-8")
    known = set(re.findall(r'^    "([a-z-]+)": ', program, flags=re.MULTILINE))
    assert {check.check for check in load_checks()} == known
    for check in load_checks():
        for glob in (*check.clauses, *check.not_clauses):
            assert glob.partition(":")[0] in load_clauses()
