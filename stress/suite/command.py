"""``pulse stress suite``: a set of scenarios in parallel, from the command line to the results."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click
import pytest

from conformance.contract.clauses import load_clauses
from conformance.reporting.header import header_of, time_now
from conformance.reporting.results import Exit, ResultsFile, results_file
from conformance.reporting.terminal import new_console, print_run
from conformance.reporting.verdict import decide
from conformance.runner.command_line import failures_as_exit_codes, impl_option, report_option, run_plan, seed_option
from conformance.runner.embedded_pytest import EmbeddedPytest
from conformance.runner.resolve import resolve
from conformance.runner.run import Run, prepared
from conformance.runner.watchdog import Watchdog
from conformance.system.platform import operating_system
from conformance.system.temporary_folder import temporary_folder
from stress.suite.pytest_plugin import SOAK_SECONDS, Gathered, HandOver
from stress.suite.test_scenarios import CHAOTIC, SCENARIOS

__all__ = ["suite"]

SUITE = Path(__file__).parent
_PATIENCE_SECONDS = 300


@click.command(name="suite")
@impl_option("The writer, and reader: a manifest's path, or a name.")
@click.option("--soak", is_flag=True, help=f"Run each scenario for {SOAK_SECONDS / 60:g} minutes.")
@click.option(
    "--dir",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder to test in; repeatable.",
)
@click.option(
    "-n", "workers", type=click.IntRange(0), help="Scenarios in parallel; 0 runs one at a time. Default: one per CPU."
)
@click.option("-k", "expression", default="", help="Only scenarios whose names match, like pytest's -k.")
@seed_option("Repeat the random sizes and the schedule of chaos.")
@report_option("Folder for results and HTML.")
def suite(impl: str, seed: int | None, report: Path | None, **options: Any) -> int:
    """Put an implementation under several loads: many writers, many readers, several targets, chaos.

    Exit codes: the same as those of ``pulse stress``.
    """
    with failures_as_exit_codes("pulse stress suite", impl):
        manifest = resolve(impl, frozenset(load_clauses()))
        if "writer" not in manifest.roles:
            raise click.UsageError(f"{manifest.name} does not write: there would be no load")
        # Not before: a mistyped name must not empty the results of an older run.
        with results_file(report) as file, prepared(manifest, run_plan({"seed": seed})) as run:
            return _run(run, _scenarios(run, **options), file, report, options["expression"])


def _scenarios(
    run: Run, *, soak: bool, folders: tuple[Path, ...], workers: int | None, expression: str
) -> EmbeddedPytest:
    return EmbeddedPytest(
        tests=SUITE,
        folder=run.private,
        plugins=("stress.suite.pytest_plugin",),
        workers=workers,
        seconds=_PATIENCE_SECONDS + (SOAK_SECONDS if soak else 0),
        arguments=(
            "-v",
            *(("-k", expression) if expression else ()),
            *(("--soak",) if soak else ()),
            # Named here, because inside of pytest the folder of temporary files is the run's own.
            *(f"--stress-dir={folder.resolve()}" for folder in folders or (temporary_folder(),)),
        ),
    )


def _run(run: Run, scenarios: EmbeddedPytest, file: ResultsFile | None, report: Path | None, expression: str) -> int:
    gathered, started = Gathered(), time_now()
    code = scenarios.run(HandOver(run), gathered, Watchdog(scenarios.seconds, gathered.mishaps.append))
    if code == pytest.ExitCode.INTERRUPTED and not gathered.mishaps:
        return Exit.INTERRUPTED
    if code == pytest.ExitCode.NO_TESTS_COLLECTED and not gathered.mishaps:
        names = ", ".join(["reader", *SCENARIOS, *CHAOTIC])
        raise click.UsageError(f"-k {expression}: no scenario has such a name; there are {names}")
    results = gathered.results
    clauses = {clause: load_clauses()[clause] for clause in dict.fromkeys(result.clause for result in results)}
    systems = list(dict.fromkeys(result.case.rpartition(":")[2] for result in results))
    cases = list(dict.fromkeys(result.case for result in results))
    selection = {"clause": list(clauses), "case": cases}
    header = header_of(run.manifest, run.about, systems, run.seed, selection, program="pulse stress suite")
    header = dataclasses.replace(header, started=started)  # what it ran is known only now
    verdict = decide(
        results,
        clauses,
        (),
        operating_system(),
        mishaps=gathered.mishaps,
        strict=False,
        complete=False,
        part="measured",
    )
    if file is not None:
        file.header(header)
        for result in results:
            file.result(result)
        file.footer(verdict)
    console = new_console()
    print_run(console, header, results, verdict, each_case=True)
    for mishap in gathered.mishaps:
        click.echo(mishap, err=True)
    if file is not None and report is not None:
        from conformance.reporting.report import write_report  # not before: only a report needs Jinja

        file.write_beside("report.html", lambda page: write_report(page.parent))
        console.print(f"report: {report}/report.html, report.md, results.jsonl, badge.json", soft_wrap=True)
    return verdict.exit
