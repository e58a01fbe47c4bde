"""What the suite says of the program that most people write: it finds each fault, and blames nothing of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from conformance.reporting.results import read_results

# Any machine can measure these. With --quick: a chance that a faster or slower machine takes away is no test.
FAULTS = {
    "the target is empty or half written for a moment": {"VIS-01", "VIS-02", "KIL-01", "KIL-04"},
    "nothing is synced": {"PWR-01"},
    "values are not checked": {"REF-01", "REF-02", "REF-03", "REF-05", "REF-06"},
    "members that are left out get no defaults": {"LIF-01", "LIF-02", "LIF-03"},
    "the reader takes what is no status, and remembers nothing": {"RDR-02", "RDR-03", "RDR-06", "RDR-07", "RDR-09"},
}
RIGHT = {"DOC-02", "DOC-05", "MET-02", "MET-06", "MET-07"}


def test_each_of_its_faults_is_found(
    conformance_command: Callable[..., subprocess.CompletedProcess[str]],
    make_manifest: Callable[..., Path],
    adapters: Path,
    tmp_path: Path,
) -> None:
    manifest = make_manifest(mode="python", entry_point="naive:Naive", roles=("writer", "reader"))
    (manifest.parent / "naive.py").write_text((adapters / "naive.py").read_text(encoding="utf-8"), encoding="utf-8")
    done = conformance_command("--impl", manifest, "--quick", "-n", 2, "--report", tmp_path / "report")
    _, results, footer = read_results(tmp_path / "report" / "results.jsonl")
    assert (done.returncode, done.stderr) == (1, "")
    assert footer is not None
    assert footer["verdict"] == "not conformant"
    assert [result for result in results if result["blame"] == "kit" or result["inconclusive"]] == []
    failed = {result["clause"] for result in results if result["outcome"] in ("fail", "error")}
    assert {fault: clauses - failed for fault, clauses in FAULTS.items() if clauses - failed} == {}
    assert RIGHT & failed == set()


def test_a_name_that_is_too_long_is_of_one_clause(
    conformance_command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """The shell of the README's example ends with 2 there, which is no refusal; seed 1 draws such a name."""
    example = Path(__file__).parents[3] / "docs" / "examples" / "mine"
    selection = ("--clause", "VIS-02", "--clause", "MET-05", "--seed", "1", "-n", "1")
    conformance_command("--impl", example, *selection, "--report", tmp_path / "report")
    _, results, _ = read_results(tmp_path / "report" / "results.jsonl")
    outcomes = {(result["clause"], result["outcome"]) for result in results}
    assert ("MET-05", "error") in outcomes
    assert ("VIS-02", "error") not in outcomes
