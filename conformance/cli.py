"""``pulse conformance``: judges an implementation and prints the clauses by group (SPEC.md, "Commands")."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from conformance.clauses import load_clauses
from conformance.reporting.html import write_report
from conformance.reporting.results import Exit, results_file
from conformance.reporting.terminal import new_console, print_clauses, print_run
from conformance.runner.command_line import (
    SECONDS,
    answer_seconds_option,
    dir_option,
    impl_option,
    prepared_by_name,
    report_option,
    report_options,
    run_command,
    run_plan,
    seed_option,
    strict_option,
)
from conformance.runner.controller import Controller
from conformance.runner.embedded_pytest import EmbeddedPytest
from conformance.runner.pytest_plugin import HandOver
from conformance.runner.run import RunPlan
from conformance.runner.selection import Selection

__all__ = ["main"]

NAME = "pulse conformance"
SUITE = Path(__file__).parent / "suite"
_CASE_SECONDS = 300


@dataclass(frozen=True)
class _PytestOptions:
    """How pytest runs the suite: the options that change nothing of what is measured."""

    workers: int | None
    exitfirst: bool
    junit: Path | None


@click.command(name=NAME, context_settings={"help_option_names": ["-h", "--help"]})
@impl_option()
@click.option("--clause", "clauses", multiple=True, metavar="GLOB", help="Only these clauses; repeatable.")
@click.option("--case", "cases", multiple=True, metavar="GLOB", help="Only these cases; repeatable.")
@click.option("--point", default="*", metavar="GLOB", help="Only these points of a write, as failures name them.")
@click.option(
    "--kills", type=click.IntRange(1), default=RunPlan.kills, show_default=True, help="Kills in a row (KIL-02, 03, 04)."
)
@strict_option()
@report_option()
@click.option("-n", "workers", type=click.IntRange(0), help="Worker processes; 0 = none. Default: one per CPU.")
@seed_option()
@dir_option()
@click.option(
    "--start-seconds", type=SECONDS, default=RunPlan.start_seconds, show_default=True, help="Time-out of the start."
)
@answer_seconds_option()
@click.option("-x", "--exitfirst", is_flag=True, help="Stop after the first failure.")
@click.option("--list", "list_only", is_flag=True, help="Print the clauses and stop.")
def _command(**given: Any) -> int:
    """Judge an implementation against SPEC.md.

    Exit codes: 0 conformant, 1 not conformant, 2 usage, 3 the implementation could not be started or broke the
    protocol in the smoke stage, 4 inconclusive.
    """
    console, selection = new_console(), Selection(given["clauses"], given["cases"], given["point"])
    for glob in selection.clauses:
        if not any(Selection((glob,)).takes_clause(name) for name in load_clauses()):
            raise click.UsageError(f"--clause {glob}: no such clause; --list prints them")
    if given["list_only"]:
        print_clauses(console, [clause for clause in load_clauses().values() if selection.takes_clause(clause.id)])
        return Exit.CONFORMANT
    wanted = report_options(given)
    junit = wanted.folder and wanted.folder / "junit.xml"
    with prepared_by_name(NAME, given["impl"], run_plan(given)) as run, results_file(wanted.folder) as file:
        try:
            controller = Controller(run, selection, strict=wanted.strict, file=file)
        except OSError as error:  # of the first lines of results.jsonl
            raise click.UsageError(f"--report {wanted.folder}: cannot be written: {error}") from error
        code = _run_suite(controller, _PytestOptions(given["workers"], given["exitfirst"], junit))
        print_run(console, controller.header, controller.results, controller.verdict)
        if wanted.folder is not None:
            write_report(wanted.folder)
            console.print(f"report: {wanted.folder}/report.html, results.jsonl, junit.xml", soft_wrap=True)
        return code


def _run_suite(controller: Controller, options: _PytestOptions) -> int:
    run = controller.run
    suite = EmbeddedPytest(
        tests=SUITE,
        folder=run.folder,
        plugins=("conformance.runner.pytest_plugin", "_hypothesis_pytestplugin"),
        workers=options.workers,
        seconds=_CASE_SECONDS,
        arguments=(
            *("-q", "--hypothesis-seed", str(run.seed)),
            *(word for glob in controller.selection.clauses for word in ("--clause", glob)),
            *(word for glob in controller.selection.cases for word in ("--case", glob)),
            *(("--exitfirst",) if options.exitfirst else ()),
            *(("--junitxml", str(options.junit)) if options.junit else ()),
        ),
        environment={"HYPOTHESIS_STORAGE_DIRECTORY": str(run.folder / "hypothesis")},
    )
    code = suite.run(HandOver(run, controller))
    if controller.verdict is None and code != Exit.INTERRUPTED:
        said = f"{NAME}: the kit itself failed; this run says nothing about the implementation"
        click.echo("\n".join([said, *controller.mishaps]), err=True)
        return Exit.INCONCLUSIVE
    return code


def main(arguments: list[str]) -> int:
    """Run ``pulse conformance`` with these arguments. Returns the exit code."""
    return run_command(_command, NAME, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
