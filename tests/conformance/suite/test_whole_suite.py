"""The whole suite on correct implementations of each mode: no false alarm, and every clause accounted for."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.clauses import load_clauses
from conformance.reporting.results import read_results

# Coverage more than doubles the cost of a run and of each process that it starts. Only the run on the reference is
# measured: the others execute the same lines of the kit.
UNMEASURED = {"COVERAGE_PROCESS_CONFIG": ""}

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize("implementation", ["reference", "reference-serve", "oneshot"])
def test_a_correct_implementation_is_conformant(
    conformance_command: Callable[..., subprocess.CompletedProcess[str]],
    adapters: Path,
    tmp_path: Path,
    implementation: str,
) -> None:
    name = adapters / "oneshot" if implementation == "oneshot" else implementation
    report = tmp_path / "report"
    environment = {} if implementation == "reference" else UNMEASURED
    arguments = ("--impl", name, "-n", 2, "--kills", 10, "--report", report)
    done = conformance_command(*arguments, environment=environment)
    header, results, footer = read_results(report / "results.jsonl")
    assert [result for result in results if result["outcome"] not in ("pass", "unmeasured", "n/a")] == []
    assert done.stderr == ""
    assert footer is not None
    assert [result for result in results if result["inconclusive"]] == []
    assert (footer["verdict"], footer["exit"]) == ("conformant", 0)
    assert done.returncode == footer["exit"]
    assert footer["verdict"].upper() in done.stdout

    assert header["selection"] == {"clause": [], "case": [], "point": ["*"]}
    counts = Counter(result["outcome"] for result in results)
    assert counts == sum((Counter(of_clause) for of_clause in footer["counts"].values()), Counter())
    assert list(footer["counts"]) == list(load_clauses())
    assert all(footer["counts"].values())
    assert all(clause in done.stdout for clause in load_clauses())

    [suite] = ElementTree.parse(report / "junit.xml").getroot().iter("testsuite")
    cases = [result for result in results if result["case"] != "*"]
    assert suite.get("tests") == str(len(cases))
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
    assert suite.get("skipped") == str(sum(result["outcome"] != "pass" for result in cases))
    assert all(result["repro"] for result in cases)
    assert (report / "report.html").read_text(encoding="utf-8").count("<html") == 1
