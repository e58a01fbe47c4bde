"""``pulse conformance``: judges an implementation and prints the clauses by group (SPEC.md, "Commands")."""

from __future__ import annotations

import dataclasses
import fnmatch
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from conformance.commands.compare.baseline import judge_by, load_baseline, require_comparable_run
from conformance.contract.clauses import load_clauses, outcome_without_measuring
from conformance.contract.errors import OutputError, did_you_mean
from conformance.contract.manifest import Manifest
from conformance.reporting.results import Exit, Result, ResultsFile, counted, results_file
from conformance.reporting.slowest import slowest
from conformance.reporting.summary import append, summary_file, summary_of
from conformance.reporting.terminal import new_console, print_clauses, print_run
from conformance.runner.collection import cases_in
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
    sandbox_options,
    seed_option,
    strict_option,
    user_option,
)
from conformance.runner.controller import Controller
from conformance.runner.embedded_pytest import EmbeddedPytest
from conformance.runner.frozen_names import present_cases
from conformance.runner.known_failures import gaps, write_known_failures
from conformance.runner.offered_points import point_names
from conformance.runner.pytest_plugin import HandOver
from conformance.runner.quick import QUICK_KILLS
from conformance.runner.resolve import manifest_file
from conformance.runner.run import Run, RunPlan
from conformance.runner.selection import Selection
from conformance.runner.watchdog import Watchdog
from conformance.system.platform import operating_system

__all__ = ["main"]

NAME = "pulse conformance"
SUITE = Path(__file__).parent / "suite"
_CASE_SECONDS = 300
_SHOWN_POINTS = 5


@dataclass(frozen=True)
class _PytestOptions:
    """How pytest runs the suite: the options that change nothing of what is measured."""

    workers: int | None
    exitfirst: bool
    junit: Path | None


@click.command(name=NAME, context_settings={"help_option_names": ["-h", "--help"]})
@impl_option()
@click.option(
    "--command", "text", metavar="TEXT", help="Judge this command with {path}, and maybe {input}: no manifest."
)
@click.option("--clause", "clauses", multiple=True, metavar="GLOB", help="Only these clauses; repeatable.")
@click.option("--case", "cases", multiple=True, metavar="GLOB", help="Only these cases; repeatable.")
@click.option("--point", default="*", metavar="GLOB", help="Only these points of a write, as failures name them.")
@click.option(
    "--kills", type=click.IntRange(1), default=RunPlan.kills, show_default=True, help="Kills in a row (KIL-02, 03, 04)."
)
@click.option(
    "--depth",
    type=click.IntRange(1, 2),
    default=RunPlan.depth,
    show_default=True,
    help="2: disturb the next write, too.",
)
@click.option("--quick", is_flag=True, help="Only some cases of each clause, in seconds: no verdict of conformance.")
@click.option("--whole", multiple=True, hidden=True, help="With --quick: every case of these clauses; for the matrix.")
@strict_option()
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    help="Earlier results: compare with them, and fail only on lost ground.",
)
@click.option("--write-known-failures", "write", is_flag=True, help="Add what fails to the manifest, to be completed.")
@report_option()
@click.option(
    "--summary", type=click.Path(dir_okay=False, path_type=Path), help="Append the outcome in Markdown to this file."
)
@click.option("-n", "workers", type=click.IntRange(0), help="Worker processes; 0 = none. Default: one per CPU.")
@seed_option()
@dir_option()
@user_option()
@sandbox_options()
@click.option(
    "--start-seconds", type=SECONDS, default=RunPlan.start_seconds, show_default=True, help="Time-out of the start."
)
@answer_seconds_option()
@click.option("-x", "--exitfirst", is_flag=True, help="Stop after the first failure.")
@click.option("--results-only", is_flag=True, hidden=True, help="Print nothing; of a report, only results.jsonl.")
@click.option(
    "--list", "list_only", is_flag=True, help="Print the clauses and stop; of selected clauses, their cases too."
)
def _command(**given: Any) -> int:
    """Judge an implementation against SPEC.md.

    Exit codes: 0 conformant, 1 not conformant, 2 usage, 3 the implementation could not be started or broke the
    protocol in the smoke stage, 4 inconclusive. With --baseline 1 means lost ground, and nothing else does.
    """
    if given["text"] is not None:
        given["impl"] = f"command:{given['text']}"
    asked = [given[name] for name in ("clauses", "cases", "point", "quick", "whole")]
    console, selection = new_console(), Selection(*asked)
    cases = _cases(selection, given["depth"], wanted=given["list_only"])
    if given["list_only"]:
        chosen = [(clause, case) for clause, case in cases if selection.takes(clause, case)]
        print_clauses(console, load_clauses().values(), None if selection.complete else chosen)
        return Exit.CONFORMANT
    if given["baseline"] and given["exitfirst"]:
        raise click.UsageError("-x leaves cases out, so that --baseline would find them gone: give one of the two")
    wanted, baseline = report_options(given), given["baseline"] and load_baseline(given["baseline"], given["report"])
    summary, plan = given["summary"], run_plan(given)
    if selection.quick:
        # Every point that a clause visits is visited where all its cases are wanted.
        traced = [clause.id for clause in load_clauses().values() if clause.engine == "trace"]
        plan = dataclasses.replace(plan, kills=min(plan.kills, QUICK_KILLS), quick=all(map(selection.shortens, traced)))
    with (
        summary_file(summary, given["impl"]),
        prepared_by_name(NAME, given["impl"], plan) as run,
        results_file(wanted.folder) as file,
    ):
        unmatched = partial(_unmatched_point, run)
        quick = _number(cases, run.manifest, selection) if selection.quick else ""
        try:
            controller = Controller(run, selection, strict=wanted.strict, file=file, unmatched=unmatched, quick=quick)
        except OutputError as error:  # of the first lines of results.jsonl
            raise click.UsageError(f"--report {wanted.folder}: cannot be written: {error}") from error
        if baseline is not None:
            require_comparable_run(baseline, controller.header)
        manifest = manifest_file(run.manifest)
        if given["write"] and manifest is None:
            raise click.UsageError(f"--write-known-failures: {given['impl']} has no manifest to write into")
        junit = run.private / "junit.xml"
        shown = not given["results_only"]  # the matrix makes hundreds of runs and reads nothing else
        options = _PytestOptions(given["workers"], given["exitfirst"], junit if file is not None and shown else None)
        code = _run_suite(controller, options)
        if shown:
            _show(console, controller, code)
        if summary is not None:
            append(summary, summary_of(controller.header, controller.results, controller.verdict, Path.cwd()), code)
        if file is not None and shown:
            _write_beside(file, junit, controller)
            badge = ", badge.json" if controller.verdict else ""
            written = f"report.html, report.md, results.jsonl, junit.xml{badge}"
            console.print(f"report: {wanted.folder}/{written}", soft_wrap=True)
        if controller.unmatched and code == Exit.INCONCLUSIVE:
            raise click.UsageError(controller.unmatched)
        if manifest is not None and controller.verdict is not None:
            _say_what_is_listed(controller, manifest, code, write=given["write"])
        if baseline is not None and controller.verdict is not None:
            return judge_by(baseline, controller.header, controller.results, code, console)
        return code


def _show(console: Console, controller: Controller, code: int) -> None:
    print_run(console, controller.header, controller.results, controller.verdict)
    if controller.selection.quick and code == Exit.CONFORMANT:
        console.print("  a quick run is no verdict of conformance: for that, run it without --quick", soft_wrap=True)
    for line in slowest(controller.results):
        console.print(f"[dim]{escape(line)}[/]", soft_wrap=True)


def _write_beside(file: ResultsFile, junit: Path, controller: Controller) -> None:
    """Write the pages beside results.jsonl, and what pytest left at ``junit``, which is nothing if it was killed."""
    from conformance.reporting.junit import write_junit  # late: only a report needs Jinja and XML
    from conformance.reporting.report import write_report

    file.write_beside("report.html", lambda page: write_report(page.parent))
    if junit.exists():
        file.write_beside("junit.xml", lambda to: write_junit(junit, to, controller.verdict))


def _say_what_is_listed(controller: Controller, manifest: Path, code: int, *, write: bool) -> None:
    """Add what failed to the manifest if that is wanted, and ask for the issues that its known failures lack."""
    known = controller.run.manifest.known_failures
    if write:
        added = write_known_failures(manifest, controller.results, operating_system(), code)
        entries, cases = counted(len(added), "known failures"), counted(sum(len(each.cases) for each in added), "cases")
        click.echo(f"{entries} added to {manifest}, for {cases}; the verdict of this run stays as it is")
        known = (*known, *added)
    if text := gaps(known, str(manifest)):
        click.echo(text)


def _cases(selection: Selection, depth: int, *, wanted: bool) -> list[tuple[str, str]]:
    """All cases of the suite, each (clause, case); none where they are not needed.

    Raises click.UsageError for a selection of a clause or a case that does not exist, or of nothing: it would pass.
    """
    for glob in selection.unknown_clauses(load_clauses()):
        raise click.UsageError(
            f"--clause {glob}: no such clause; --list prints them{did_you_mean(glob, load_clauses())}"
        )
    if selection.complete or not (wanted or selection.cases or selection.quick):
        return []
    # Collecting the suite takes a third of the time of a quick run, and is only needed where a name has to be shown.
    cases = cases_in(SUITE, depth) if wanted or selection.cases else sorted(present_cases())
    for glob in selection.unknown_cases(cases):
        names = {case for clause, case in cases if selection.takes_clause(clause)}
        clauses = " ".join(f"--clause {shlex.quote(clause)}" for clause in selection.clauses or ("*",))
        raise click.UsageError(
            f"--case {glob}: no case of the selected clauses has such a name; --list {clauses} prints them"
            + did_you_mean(glob, names)
        )
    if not any(selection.takes(clause, case) for clause, case in cases):
        raise click.UsageError("--quick: it has none of the selected cases; run them without it")
    return cases


def _number(cases: Sequence[tuple[str, str]], manifest: Manifest, selection: Selection) -> str:
    """How many of the cases that concern an implementation are selected, in words."""
    concerned = [
        (clause, case)
        for clause, case in cases
        if not outcome_without_measuring(load_clauses()[clause], manifest.roles, manifest.profile)
    ]
    return f"{sum(selection.takes(clause, case) for clause, case in concerned):,} of {len(concerned):,} cases"


def _unmatched_point(run: Run, results: Sequence[Result]) -> str:
    """What is wrong with ``--point`` when no write of the selected cases has such a point; else nothing."""
    if run.point == "*":
        return ""
    names = point_names(run)
    if any(fnmatch.fnmatchcase(name, run.point) for name in names):
        return ""
    if names:
        shown = f"{', '.join(names[:_SHOWN_POINTS])}, … ({len(names):,} in all)"
        near = did_you_mean(run.point, names)
        return f"--point {run.point}: the writes of the selected cases have no such point; they have {shown}{near}"
    measured = any(result.outcome == "pass" for result in results)
    return f"--point {run.point}: the selected cases visit no points; see --clause" if measured else ""


def _run_suite(controller: Controller, options: _PytestOptions) -> int:
    run = controller.run
    suite = EmbeddedPytest(
        tests=SUITE,
        folder=run.private,
        plugins=("conformance.runner.pytest_plugin", "_hypothesis_pytestplugin"),
        workers=options.workers,
        seconds=_CASE_SECONDS,
        arguments=(
            *("-q", "--hypothesis-seed", str(run.seed)),
            *(word for glob in controller.selection.clauses for word in ("--clause", glob)),
            *(word for glob in controller.selection.cases for word in ("--case", glob)),
            *(("--quick",) if controller.selection.quick else ()),
            *(word for glob in controller.selection.whole for word in ("--whole", glob)),
            *(("--exitfirst",) if options.exitfirst else ()),
            *(("--junitxml", str(options.junit)) if options.junit else ()),
        ),
        environment={"HYPOTHESIS_STORAGE_DIRECTORY": str(run.private / "hypothesis")},
    )
    most = max((each.repeats or 1 for each in run.manifest.known_failures), default=1)
    code = suite.run(HandOver(run, controller), Watchdog(_CASE_SECONDS * most, controller.mishaps.append))
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
