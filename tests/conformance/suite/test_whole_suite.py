"""The suite on correct implementations of each mode: no false alarm, and every clause accounted for."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from conformance.contract.clauses import load_clauses
from conformance.reporting.results import read_results

# Coverage more than doubles the cost of a run and of each process that it starts. Only the run on the reference is
# measured: the others execute the same lines of the kit.
UNMEASURED = {"COVERAGE_PROCESS_CONFIG": ""}
# `tox -e conformance` judges the reference, and `tox -e mutants` the variants, with every case. Here the clauses that
# take minutes are left to --quick.
WHOLE = ("CON-0[13-5]", "FLT-0[5-8]", "FLT-1*", "MET-*", "PWR-01", "RDR-*", "REF-*", "VIS-*")
# A whole run takes minutes where each operation is a process, so the other modes are judged in part: with few of the
# searches, without what starts hundreds of processes, and what visits each operation of a write at three of them.
PARTS = {
    "*": (
        *("CON-0[145]", "DOC-0[123]", "DOC-10", "FLT-0[2-8]", "FLT-1?", "KIL-06", "LIF-*", "MET-0[1-46-9]", "MET-1?"),
        *("PWR-01", "RDR-0[236-9]", "RDR-1[0-3]", "REF-0[1-5]", "VIS-0[126-9]", "VIS-10"),
    ),
    "*:[0-2]:*": ("FLT-01", "KIL-01", "VIS-05"),
}

pytestmark = pytest.mark.timeout(900)


def test_a_correct_implementation_is_conformant(
    conformance_command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    report = tmp_path / "report"
    # With an environment, even an empty one, its worker processes are those of a user's run.
    options = ["--quick", *(word for clause in WHOLE for word in ("--whole", clause))]
    done = conformance_command("--impl", "reference", *options, "-n", 2, "--report", report, environment={})
    header, results, footer = read_results(report / "results.jsonl")
    assert [result for result in results if result["outcome"] not in ("pass", "unmeasured", "n/a")] == []
    assert done.stderr == ""
    assert footer is not None
    assert [result for result in results if result["inconclusive"]] == []
    assert (done.returncode, footer["exit"]) == (0, 0)
    assert footer["verdict"].startswith("quick, ")
    assert footer["verdict"].endswith(": passed")
    assert footer["verdict"] in done.stdout

    assert header["selection"] == {"clause": [], "case": [], "point": ["*"], "quick": ["yes"], "whole": list(WHOLE)}
    counts = Counter(result["outcome"] for result in results)
    assert counts == sum((Counter(of_clause) for of_clause in footer["counts"].values()), Counter())
    assert list(footer["counts"]) == list(load_clauses())
    assert all(clause in done.stdout for clause, of_clause in footer["counts"].items() if of_clause)
    not_tried = [clause for clause, of_clause in footer["counts"].items() if not of_clause]
    assert not_tried == ["KIL-03"]  # it takes 100 kills

    [suite] = ElementTree.parse(report / "junit.xml").getroot().iter("testsuite")
    cases = [result for result in results if result["case"] != "*"]
    assert suite.get("tests") == str(len(cases))
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
    assert suite.get("skipped") == str(sum(result["outcome"] != "pass" for result in cases))
    assert all(result["repro"] for result in cases)
    assert (report / "report.html").read_text(encoding="utf-8").count("<html") == 1


@pytest.mark.parametrize("point", PARTS)
@pytest.mark.parametrize("mode", ["serve", "oneshot"])
def test_a_correct_implementation_of_another_mode_passes(
    conformance_command: Callable[..., subprocess.CompletedProcess[str]],
    adapters: Path,
    tmp_path: Path,
    mode: str,
    point: str,
) -> None:
    implementation = adapters / "oneshot" if mode == "oneshot" else "reference-serve"
    report = tmp_path / "report"
    selection = [word for clause in PARTS[point] for word in ("--clause", clause)]
    arguments = ("--impl", implementation, "--quick", *selection, "--point", point, "-n", 2, "--report", report)
    done = conformance_command(*arguments, environment=UNMEASURED)
    header, results, footer = read_results(report / "results.jsonl")
    assert header["implementation"]["mode"] == mode
    assert [result for result in results if result["outcome"] not in ("pass", "unmeasured", "n/a")] == []
    assert [result for result in results if result["inconclusive"]] == []
    assert (done.returncode, done.stderr) == (0, "")
    selected = {clause for clause in load_clauses() if any(fnmatchcase(clause, glob) for glob in PARTS[point])}
    assert footer is not None
    assert footer["exit"] == done.returncode
    assert {clause for clause, counts in footer["counts"].items() if counts} == selected
    measured = {result["clause"] for result in results if result["outcome"] == "pass"}
    if point == "*":
        # The groups of which any machine can measure something.
        assert {clause.partition("-")[0] for clause in measured} >= {"CON", "DOC", "LIF", "REF", "RDR", "VIS"}
