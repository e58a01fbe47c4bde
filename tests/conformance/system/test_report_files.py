"""Reports of the kit are known in whatever folder they lie, and nothing else passes for a part of one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conformance.reporting.chain import sealed
from conformance.reporting.results import FORMAT, Header, results_file, write_json
from conformance.system.report_files import report_files

HEADER = Header("1", {"name": "demo"}, {"system": "linux"}, "ext4", "3.13.0", 1, {})


def found_in(folder: Path) -> frozenset[str]:
    return report_files(folder, os.listdir(folder))


def write_results(folder: Path) -> None:
    with results_file(folder) as file:
        assert file is not None
        file.header(HEADER)


@pytest.mark.parametrize("name", ["report.html", "report.md", "junit.xml", "badge.json", "summary.md"])
def test_what_lies_beside_results_is_of_their_report(tmp_path: Path, name: str) -> None:
    write_results(tmp_path)
    (tmp_path / name).touch()
    assert found_in(tmp_path) == {"results.jsonl", name}


@pytest.mark.parametrize("name", ["matrix.json", "audit.json"])
def test_a_matrix_and_a_decision_are_reports(tmp_path: Path, name: str) -> None:
    first = {"kit": "1"} if name == "matrix.json" else {"decision": "APPROVED"}
    write_json(tmp_path / name, sealed({"format": FORMAT, **first}))
    assert found_in(tmp_path) == {name}


def test_a_run_that_has_just_begun_has_written_nothing_yet(tmp_path: Path) -> None:
    with results_file(tmp_path):
        (tmp_path / "report.html").write_text("of the run before", encoding="utf-8")
        assert found_in(tmp_path) == {"results.jsonl", "report.html"}


def test_a_program_beside_results_is_no_part_of_the_report(tmp_path: Path) -> None:
    write_results(tmp_path)
    (tmp_path / "adapter.py").touch()
    assert found_in(tmp_path) == {"results.jsonl"}


@pytest.mark.parametrize("name", ["results.jsonl", "matrix.json", "audit.json"])
def test_a_file_with_the_name_of_a_report_that_is_none(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('{"rows": []}\n', encoding="utf-8")
    (tmp_path / "report.md").touch()
    assert found_in(tmp_path) == frozenset()


def test_a_report_needs_more_than_its_page(tmp_path: Path) -> None:
    (tmp_path / "report.md").touch()
    assert found_in(tmp_path) == frozenset()


def test_a_folder_with_the_name_of_a_page_is_none(tmp_path: Path) -> None:
    write_results(tmp_path)
    (tmp_path / "report.md").mkdir()
    assert found_in(tmp_path) == {"results.jsonl"}
