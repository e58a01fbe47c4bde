"""``pulse conformance --quick`` and ``--summary`` as users run them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click
import pytest

from conformance import cli
from conformance.cli import SUITE, main
from conformance.contract.clauses import load_clauses, outcome_without_measuring
from conformance.reporting.results import read_results
from conformance.runner.collection import cases_in
from conformance.runner.quick import QUICK_KILLS, quick_cases
from conformance.runner.run import RunPlan

Command = Callable[..., subprocess.CompletedProcess[str]]
Manifests = Callable[..., Path]


class TestQuick:
    def test_it_runs_its_cases_alone_and_is_no_verdict_of_conformance(
        self, conformance_command: Command, misbehaving: Manifests, tmp_path: Path
    ) -> None:
        report = tmp_path / "report"
        done = conformance_command(
            "--impl", misbehaving(), "--quick", "--clause", "LIF-0[12]", "-n", 2, "--report", report
        )
        assert (done.returncode, done.stderr) == (0, "")
        header, results, footer = read_results(report / "results.jsonl")
        assert header["selection"] == {"clause": ["LIF-0[12]"], "case": [], "point": ["*"], "quick": ["yes"]}
        ran = {(result["clause"], result["case"]) for result in results}
        assert ran == {(clause, case) for clause in ("LIF-01", "LIF-02") for case in quick_cases()[clause]}
        assert footer is not None
        concerned = sum(
            outcome_without_measuring(load_clauses()[clause], ["writer"], "pulse") is None
            for clause, _ in cases_in(SUITE)
        )
        part = f"quick, {len(ran)} of {concerned:,} cases: 2 of {len(load_clauses())} clauses in part"
        assert footer["verdict"] == f"{part}: passed"
        assert "a quick run is no verdict of conformance" in done.stdout
        assert "CONFORMANT" not in done.stdout

    def test_a_failure_is_one_and_goes_into_the_summary_with_the_command_that_repeats_it(
        self, conformance_command: Command, tmp_path: Path
    ) -> None:
        summary = tmp_path / "summary.md"
        summary.write_text("of an earlier step\n", encoding="utf-8")
        done = conformance_command(
            "--impl", "mutant:waiting-by-default", "--quick", "--clause", "LIF-01", "-n", 0, "--summary", summary
        )
        assert done.returncode == 1
        assert re.search(r"NOT CONFORMANT, measured 1 of 1 clauses in part \(quick, 2 of [\d,]+ cases\)", done.stdout)
        assert "a quick run is no verdict" not in done.stdout
        before, _, after = summary.read_text(encoding="utf-8").partition("\n\n")
        assert before == "of an earlier step"
        assert after.startswith("## mutant:waiting-by-default")
        repeat = rf"Repeat it: `pulse .* --clause LIF-01 --case idle_\w+ --seed \d+ -n 0 --kills {QUICK_KILLS}`"
        assert re.search(repeat, after)

    def test_a_selection_of_which_it_has_nothing_is_a_usage_error(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--quick", "--clause", "KIL-03"]) == 2
        assert "--quick: it has none of the selected cases" in capsys.readouterr().err

    def test_list_prints_its_cases(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--list", "--quick", "--clause", "LIF-01"]) == 0
        _, *names = capsys.readouterr().out.splitlines()
        assert {name.strip() for name in names} == quick_cases()["LIF-01"]


class TestSummaryOfNoRun:
    def test_a_program_that_cannot_be_started_is_named_as_not_judged(
        self, make_manifest: Manifests, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        summary = tmp_path / "summary.md"
        path = make_manifest(["{python}", "-S", "-c", "raise SystemExit('no <b>disk</b>')"])
        assert main(["--impl", str(path), "-n", "0", "--summary", str(summary)]) == 3
        capsys.readouterr()
        text = summary.read_text(encoding="utf-8")
        assert ": not judged\n" in text
        assert "<b>" not in text

    def test_a_place_that_cannot_be_written_is_a_usage_error(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "file").touch()
        assert main(["--summary", str(tmp_path / "file" / "summary.md")]) == 2
        assert "--summary" in capsys.readouterr().err


@pytest.mark.parametrize(("whole", "brief"), [((), True), (("DOC-03",), True), (("KIL-*",), False)])
def test_a_clause_that_is_wanted_whole_visits_every_point(
    monkeypatch: pytest.MonkeyPatch, whole: tuple[str, ...], brief: bool
) -> None:
    seen: list[RunPlan] = []

    def refused(command: str, impl: str, plan: RunPlan) -> NoReturn:
        seen.append(plan)
        raise click.exceptions.Exit(3)

    monkeypatch.setattr(cli, "prepared_by_name", refused)
    assert main(["--quick", *(word for glob in whole for word in ("--whole", glob))]) == 3
    [plan] = seen
    assert (plan.quick, plan.kills) == (brief, QUICK_KILLS)
