"""Which failures become one bug report, and which of them a script can show."""

import fnmatch
import re
from pathlib import Path

import pytest

from conformance.commands.report_bug import plan
from conformance.commands.report_bug.plan import check_of, load_checks, planned
from conformance.contract.clauses import load_clauses
from conformance.reporting.results import Result
from conformance.runner.frozen_names import present_cases


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
        # What the script does not do itself says nothing of these.
        ("MET-01", "mode_is_kept:0640", "mode-is-kept"),
        ("MET-01", "special_bits_are_kept:4711", None),
        ("MET-02", "new_file_honours_umask:0002", "new-mode"),
        ("MET-02", "new_file_honours_the_folders_access_list", None),
        ("VIS-01", "order_of_operations:VIS-01-replace", "target-is-only-replaced"),
        ("VIS-01", "every_write_of_the_run", None),
        ("VIS-01", "fault_at_every_operation:VIS-01-replace", None),
        ("FLT-06", "mounted_target_is_not_copied_onto", None),
        ("FLT-10", "full_disk:no-room-at-all", None),
        ("PWR-01", "every_disk_state_is_old_or_new:first", None),
    ],
)
def test_a_check_is_chosen_by_clause_and_case(clause: str, case: str, check: str | None) -> None:
    found = check_of(a_failure(clause, case))
    assert (found and found.check) == check


@pytest.mark.parametrize(
    ("clause", "case", "message", "check"),
    [
        (
            "PWR-02",
            "folder_that_cannot_be_synced_is_no_error:replace",
            "replace:13:sync-folder:EINVAL: answered io",
            "folder-cannot-be-synced",
        ),
        (
            "PWR-02",
            "folder_that_cannot_be_synced_is_no_error:replace",
            "replace:13:sync-folder:ENOTSUP: answered io",
            None,
        ),
        (
            "PWR-02",
            "acknowledged_write_survives:replace",
            "ordered names: the rename s.tmp → s.json did not persist: the target is the old document",
            "folder-is-synced",
        ),
        (
            "PWR-02",
            "acknowledged_write_survives:replace",
            "any order: the unsynced data of s.json did not persist: the target is 0 of 8,192 bytes",
            "sync-before-rename",
        ),
        ("FLT-04", "fault_at_every_operation:FLT-04-replace", "replace:4:sync:EIO: answered ok", "failed-sync"),
        ("FLT-04", "fault_at_every_operation:FLT-04-replace", "replace:9:sync-folder:EIO: answered ok", None),
        (
            "FLT-06",
            "fault_at_every_operation:FLT-06-replace",
            "replace:5:rename:EXDEV: wrote in place",
            "failed-rename",
        ),
        ("FLT-06", "fault_at_every_operation:FLT-06-replace", "replace:5:rename:EBUSY: wrote in place", None),
    ],
)
def test_where_a_case_fails_for_several_reasons_a_check_is_chosen_by_what_was_seen(
    clause: str, case: str, message: str, check: str | None
) -> None:
    found = check_of(a_failure(clause, case, message))
    assert (found and found.check) == check


def test_all_that_was_seen_in_a_case_counts() -> None:
    seen = ["replace:5:rename:EBUSY: wrote in place", "replace:5:rename:EXDEV: wrote in place"]
    failure = Result("FLT-06", "fault_at_every_operation:FLT-06-replace", "fail", seen[0], {"all": seen})
    found = check_of(failure)
    assert found is not None
    assert found.check == "failed-rename"


def test_what_the_script_does_not_do_joins_the_report_of_what_it_shows_and_is_no_report_of_it_alone() -> None:
    special, usual = a_failure("MET-01", "special_bits_are_kept:4711"), a_failure("MET-01", "mode_is_kept:0640")
    (report,) = planned([special, usual])
    assert (report.name, report.results) == ("MET-01-mode-is-kept", (usual, special))
    (alone,) = planned([special])
    assert (alone.name, alone.check) == ("MET-01-special_bits_are_kept-4711", None)


def test_of_failures_with_one_cause_the_one_that_the_script_shows_is_reported() -> None:
    said = "the old file was written to instead of being replaced"
    beside = [a_failure("VIS-01", "every_write_of_the_run", f"{said}, in MET-03 [x]") for _ in range(2)]
    shown = a_failure("VIS-01", "order_of_operations:VIS-01-replace", "the target itself was opened for writing: open")
    elsewhere = a_failure("VIS-04", "order_of_operations:VIS-04-replace", "it was written to in place")
    (report,) = planned([*beside, elsewhere, shown])
    assert (report.name, report.results) == ("VIS-01-target-is-only-replaced", (shown,))
    assert len(report.also) == 3


def test_failures_that_one_check_shows_are_one_report() -> None:
    disk_full = [a_failure("FLT-10", "full_disk:disk-full"), a_failure("VIS-06", "short_write_is_noticed:disk-full")]
    (report,) = planned(disk_full)
    assert (report.name, report.clause.id) == ("VIS-06-full-disk", "VIS-06")
    assert [result.clause for result in report.results] == ["VIS-06", "FLT-10"]


def test_without_a_check_each_test_of_a_clause_has_a_report() -> None:
    reports = planned([a_failure("MET-04", f"link:{n}") for n in range(3)] + [a_failure("MET-04", "other/../:x")])
    assert [(report.name, len(report.results)) for report in reports] == [("MET-04-link-0", 3), ("MET-04-other-x", 1)]
    assert reports[0].title == f"Requirement not met: {load_clauses()['MET-04'].title}"


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


def test_every_check_names_clauses_that_exist_and_the_repro_has_each() -> None:
    program = (Path(plan.__file__).parent / "checks.py").read_text(encoding="utf-8")
    known = set(re.findall(r'^    "([a-z-]+)": ', program, flags=re.MULTILINE))
    assert {check.check for check in load_checks()} == known
    for check in load_checks():
        for glob in (*check.clauses, *check.not_clauses, *check.beside):
            assert glob.partition(":")[0] in load_clauses()


def test_every_glob_matches_a_case_of_the_suite() -> None:
    names = [f"{clause}:{case}" for clause, case in present_cases()]
    for check in load_checks():
        for glob in (*check.clauses, *check.not_clauses, *check.beside):
            assert any(fnmatch.fnmatchcase(name, glob) for name in names) or glob.startswith("PWR-03"), glob
