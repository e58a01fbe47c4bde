"""What a report says beside the results themselves: coverage, groups, what was not measured, inputs."""

import hashlib
from dataclasses import replace
from pathlib import Path

from conformance.contract.clauses import load_clauses
from conformance.reporting.results import Header, Result
from conformance.reporting.sections import (
    InputFile,
    clause_groups,
    coverage_of,
    environment_of,
    inputs_of,
    not_measured,
)

HEADER = Header(
    kit="1.0",
    implementation={"name": "demo", "version": "3", "language": "go", "profile": "pulse", "roles": ["writer"]},
    platform={"system": "linux", "release": "6.1", "machine": "x86_64"},
    file_system="ext4",
    python="3.13.0",
    seed=7,
    selection={"clause": ["VIS-*"], "case": [], "point": ["*"]},
)
RESULTS = (
    Result("VIS-01", "a", "pass", counts={"faults": 3}),
    Result("VIS-01", "b", "unmeasured", "no inotify"),
    Result("VIS-02", "*", "unmeasured", "no inotify"),
    Result("FLT-01", "a", "fail", "why", counts={"faults": 4}),
    Result("RDR-01", "*", "n/a", "no reader"),
)


def test_every_clause_is_in_one_of_the_counts() -> None:
    coverage = coverage_of(RESULTS)
    assert (coverage.measured, coverage.unmeasured, coverage.not_applicable) == (2, 1, 1)
    assert coverage.concerned == 3
    assert coverage.measured + coverage.unmeasured + coverage.not_applicable + coverage.not_run == len(load_clauses())
    assert coverage.sentence == f"2 of 3 measured, 1 not applicable, {coverage.not_run} not run"


def test_a_group_counts_the_clauses_that_passed_among_those_that_apply() -> None:
    visibility, faults, reader = clause_groups(RESULTS)
    assert (visibility.id, visibility.passed, visibility.concerned, visibility.na) == ("VIS", 1, 2, "")
    assert [(row.clause.id, row.outcome, dict(row.counts)) for row in visibility.rows] == [
        ("VIS-01", "pass", {"pass": 1, "unmeasured": 1}),
        ("VIS-02", "unmeasured", {"unmeasured": 1}),
    ]
    assert faults.rows[0].enumerated == {"faults": 4}
    assert (reader.passed, reader.concerned, reader.na) == (0, 0, "no reader")


def test_what_was_not_measured_is_grouped_by_its_reason() -> None:
    missing, absent, left = not_measured(RESULTS)
    assert (missing.kind, missing.reason) == ("unmeasured", "no inotify")
    assert missing.clauses == (("VIS-01", "1 of 2 cases"), ("VIS-02", "all"))
    assert (absent.kind, absent.clauses) == ("n/a", (("RDR-01", "all"),))
    assert left.kind == "not run"
    names = [name for name, _ in left.clauses]
    assert names[:3] == ["all of DOC", "all of REF", "all of LIF"]
    assert "VIS-03" in names
    assert "VIS-01" not in names


def test_a_run_of_everything_leaves_nothing_to_say() -> None:
    assert not_measured([Result(clause, "a", "pass") for clause in load_clauses()]) == []


def test_the_environment_leaves_out_what_is_not_known() -> None:
    assert environment_of(replace(HEADER, file_system="")) == [
        ("implementation", "demo 3"),
        ("language", "go"),
        ("profile", "pulse"),
        ("roles", "writer"),
        ("system", "linux 6.1 x86_64"),
        ("Python", "3.13.0"),
        ("kit", "1.0"),
        ("seed", "7"),
        ("only clause", "VIS-*"),
    ]


def test_inputs_have_their_hashes(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    file.write_bytes(b"x" * 2000)
    about = {
        "executable": {"path": "/usr/bin/node", "sha256": "aa"},
        "files": {"each": {"serve.mjs": "bb"}, "count": 1, "sha256": "cc"},
    }
    found = inputs_of(replace(HEADER, implementation=about), [file])
    assert InputFile("executable", "/usr/bin/node", "aa") in found
    assert InputFile("the manifest's folder", "1 file", "cc") in found
    assert InputFile("", "serve.mjs", "bb") in found
    assert found[-1] == InputFile("results.jsonl", "2,000 bytes", hashlib.sha256(b"x" * 2000).hexdigest())


def test_a_header_without_hashes_or_with_odd_ones_has_only_the_files() -> None:
    assert inputs_of(HEADER, []) == []
    odd = {"executable": "x", "files": {"why_not": "more than 1,000 files", "each": 3}}
    assert inputs_of(replace(HEADER, implementation=odd), []) == [
        InputFile("the manifest's folder", "more than 1,000 files", "")
    ]
