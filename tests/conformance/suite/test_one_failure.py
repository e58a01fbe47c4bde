"""One fact, one failure: of the clauses that a defect touches, the one that is about it fails, and no other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from conformance.reporting.results import read_results

if sys.platform != "linux":
    pytest.skip("these defects show on Linux only", allow_module_level=True)

DIES_OF_A_LIMIT = """
import signal

from conformance.mutation.honest import Honest


class Implementation(Honest):
    def write(self, path, status):
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        super().write(path, status)
"""


class Row(NamedTuple):
    """What is judged, and what must come of it: the same for all chosen cases of a clause."""

    implementation: str  # empty: DIES_OF_A_LIMIT
    cases: tuple[str, ...]
    outcomes: dict[str, str]  # clause → outcome
    words: str = ""  # what the first message begins with


ROWS = {
    "a number that is rounded is for the clause of its member": Row(
        "mutant:rounded-epoch", ("any_epoch", "any_allowed_status_round_trips"), {"DOC-04": "fail", "DOC-09": "pass"}
    ),
    "a message that is cut is for DOC-07": Row(
        "mutant:message-cut-short",
        ("message:long", "any_allowed_status_round_trips"),
        {"DOC-07": "fail", "DOC-09": "pass"},
    ),
    "a sync that depends on the document is no sight of the tracer": Row(
        "mutant:no-fsync-when-idle",
        ("syncs_without_a_tracer_as_with_one:*",),
        {"PWR-01": "fail", "PWR-02": "pass"},
        "a write syncs the document for one document, and does not for another (idle)",
    ),
    "death by SIGXFSZ is one error": Row(
        "", ("*:file-too-large",), {"FLT-01": "error", "FLT-02": "unmeasured", "VIS-06": "unmeasured"}
    ),
    "bytes that differ in one environment are not for the other": Row(
        "mutant:members-in-any-order",
        ("bytes_do_not_depend_on:plain-c-locale",),
        {"DOC-10": "fail"},
        "the bytes differ from write to write in one environment",
    ),
    "a document that is not published is not a wrong timestamp": Row(
        "mutant:nothing-new-but-the-timestamp",
        ("any_timestamp",),
        {"DOC-08": "fail"},
        "answered ok, but published nothing: the target is still the one from before",
    ),
    "a file that is too large is for RDR-07": Row(
        "mutant:any-size-read",
        ("one_byte_over_the_limit", "any_sequence_of_requests"),
        {"RDR-07": "fail", "CON-03": "pass"},
    ),
    "a status that poll forgets is for RDR-09": Row(
        "mutant:last-valid-forgotten",
        ("last_valid_is_kept:*", "recovers:*"),
        {"RDR-09": "fail", "RDR-10": "unmeasured"},
        "the first poll after: empty: the last valid status was lost: null",
    ),
    "what no read survives is for RDR-06": Row(
        "mutant:death-of-deep-nesting",
        ("hard_on_the_parser:*arrays-100000*", "what_read_refuses_is_not_taken"),
        {"RDR-06": "error", "RDR-09": "unmeasured"},
    ),
    "a valid document that is not read is for RDR-01": Row(
        "mutant:only-in-the-usual-order",
        ("valid:valid-keys-reversed", "what_read_takes_is_fresh"),
        {"RDR-01": "fail", "RDR-10": "unmeasured"},
        "Member order is free: a reader that goes by position fails here.: a valid document was read as null",
    ),
    "what poll calls fresh is for RDR-10": Row(
        "mutant:only-a-change-is-fresh",
        ("what_is_not_published_is_not_read:valid", "what_read_takes_is_fresh"),
        {"RDR-10": "fail", "RDR-14": "pass"},
        "a poll of a valid document with the values of the one before: fresh = False, expected True",
    ),
    "a change that poll does not notice is for RDR-10": Row(
        "mutant:change-seen-by-size-and-time",
        ("same_size_and_time_is_noticed", "*_at_every_boundary_of_a_read", "never_torn_while_a_writer_runs:*"),
        {"RDR-10": "fail", "RDR-04": "pass", "RDR-14": "pass"},
    ),
    "a document that is known by its ends is for RDR-01": Row(
        "mutant:known-by-the-ends",
        ("same_size_and_time*",),
        {"RDR-01": "fail", "RDR-10": "unmeasured"},
        "a long document of the same size and time, which differs in the middle only",
    ),
    "a reader that does not read again cannot be held at a read": Row(
        "mutant:kept-after-two-reads",
        ("cut_at_every_boundary_of_a_read",),
        {"RDR-04": "unmeasured"},
        "no operation of a read came again when the reader was to be held at it",
    ),
    "a message that must be refused is for REF-04": Row(
        "mutant:anything-as-text",
        ("type:message-null", "any_sequence_of_requests"),
        {"REF-04": "fail", "CON-03": "pass"},
    ),
    "an answer of ok is true of a document that was written in place": Row(
        "mutant:in-place-when-mounted",
        ("answer_is_true:mounted-target", "bind_mounted_target"),
        {"FLT-01": "unmeasured", "MET-10": "fail", "VIS-01": "fail"},
    ),
    "the harm comes before the answer": Row(
        "mutant:truncate-in-place",
        ("answer_is_true:file-too-large",),
        {"FLT-01": "fail", "VIS-01": "fail"},
        "left the target torn",
    ),
    "a name that leaves no room for that of the temp is for MET-05": Row(
        "mutant:temp-named-after-target",
        ("name:longest", "*whatever_the_size_and_the_name*"),
        {"MET-05": "fail", "VIS-01": "pass"},
    ),
    "a temp in another folder is for VIS-02": Row(
        "mutant:temp-in-system-folder",
        ("order_of_operations:*-replace",),
        {"VIS-01": "pass", "VIS-02": "fail", "VIS-03": "pass", "VIS-04": "pass", "VIS-08": "pass"},
    ),
    "a temp that every failed write leaves is for FLT-02": Row(
        "mutant:temp-leaked-on-failure",
        ("nothing_is_left:name-too-long", "link_that_leads_to_no_file:folder", "name_that_is_too_long:1000-bytes"),
        {"FLT-02": "fail", "MET-04": "unmeasured", "MET-05": "unmeasured"},
    ),
    "a file that is kept beside a name that is too long is no temp": Row(
        "variant:lock-file-kept",
        ("nothing_is_left:name-too-long", "name_that_is_too_long:*"),
        {"FLT-02": "pass", "MET-05": "pass"},
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_the_clause_that_it_is_about_fails(
    row: Row,
    conformance_command: Callable[..., subprocess.CompletedProcess[str]],
    make_manifest: Callable[..., Path],
    tmp_path: Path,
) -> None:
    implementation = row.implementation
    if not implementation:
        manifest = make_manifest(mode="python", entry_point="defect:Implementation")
        (manifest.parent / "defect.py").write_text(DIES_OF_A_LIMIT, encoding="utf-8")
        implementation = str(manifest)
    clauses = [word for clause in row.outcomes for word in ("--clause", clause)]
    cases = [word for case in row.cases for word in ("--case", case)]
    conformance_command("--impl", implementation, *clauses, *cases, "-n", 0, "--report", tmp_path / "report")
    _, results, _ = read_results(tmp_path / "report" / "results.jsonl")
    found = {(result["clause"], result["outcome"]) for result in results}
    assert found == set(row.outcomes.items())
    assert next((result["message"] for result in results if result["message"]), "").startswith(row.words)
