"""``pulse stress powercut``: real power cuts, from the command line to the results."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from conformance.contract.clauses import load_clauses
from conformance.reporting.escaping import for_terminal
from conformance.reporting.header import header_of
from conformance.reporting.repeat import as_started, repeat_command
from conformance.reporting.report import write_report
from conformance.reporting.results import Result, ResultsFile, results_file
from conformance.reporting.terminal import new_console, print_run
from conformance.reporting.verdict import decide
from conformance.runner.command_line import (
    ReportOptions,
    dir_option,
    impl_option,
    prepared_by_name,
    report_option,
    report_options,
    run_plan,
    seed_option,
    strict_option,
)
from conformance.runner.run import Run
from conformance.system.platform import operating_system
from stress.disk import CAN_BE_CUT
from stress.powercut import experiment
from stress.powercut.blocks.experiment import BlockPlan
from stress.powercut.blocks.file_systems import FileSystem, file_systems, known_to_kernel
from stress.powercut.blocks.names import is_name
from stress.powercut.blocks.results import FORESEEN_ALONE
from stress.powercut.verdict import CLAUSES, Way, case_name

__all__ = ["powercut"]

_WAYS: tuple[Way, ...] = ("random", "boundaries", "blocks")


def _which(context: click.Context, option: click.Parameter, text: str | None) -> int | str | None:
    """The number of a cut or state, or the name of a state."""
    if text is None or is_name(text):
        return text
    if not (text.isdecimal() and text.isascii()):
        raise click.BadParameter(f"{text!r} is neither a number nor the name of a state, such as 0-2-1-0-p0of2")
    return int(text)


@click.command(name="powercut")
@impl_option()
@click.option(
    "--file-system",
    "names",
    multiple=True,
    help="Only this file system; repeatable: ext4, xfs, btrfs, or what else can be made and mounted here.",
)
@click.option("--way", "ways", multiple=True, type=click.Choice(_WAYS), help="Only this way of cutting; repeatable.")
@click.option("--cuts", type=click.IntRange(1), default=200, show_default=True, help="Random cuts on each file system.")
@click.option(
    "--states", type=click.IntRange(1), default=500, show_default=True, help="States on each, cut at every block."
)
@click.option(
    "--only",
    metavar="NUMBER|NAME",
    callback=_which,
    help="Only this cut or state, to repeat a failure: a state's number is for one recording, its name for others too.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="With --way blocks, write the first failing state of each kind into this folder, or that of --only: image, "
    "command that mounts it, and which writes were on the disk.",
)
@seed_option("Repeat the random choices; the timing is not exact.")
@strict_option()
@report_option("Folder for results.jsonl and report.html.")
@dir_option("Folder for the disk images.")
def powercut(
    impl: str,
    names: tuple[str, ...],
    ways: tuple[Way, ...],
    cuts: int,
    states: int,
    only: int | str | None,
    keep: Path | None,
    **given: Any,
) -> int:
    """Cut the power of real file systems while an implementation writes, and check what is left (Linux, as root).

    Exit codes: 0 conformant, 1 not conformant, 2 usage, 3 the implementation could not be started or broke the
    protocol in the smoke stage, 4 inconclusive: too little was seen, or nothing could be measured here, 130
    interrupted.
    """
    cases = _cases(names, ways or _WAYS, only, keep)
    plan = experiment.CutPlan(cases, cuts, BlockPlan(states, only, keep), only if isinstance(only, int) else None)
    if keep is not None:
        _require_writable(keep)
    reporting = report_options(given)
    with (
        prepared_by_name("pulse stress powercut", impl, run_plan(given)) as run,
        results_file(reporting.folder) as file,
    ):
        return _judge(run, plan, file, reporting)


def _cases(
    names: tuple[str, ...], ways: tuple[Way, ...], only: int | str | None, keep: Path | None
) -> tuple[tuple[FileSystem, Way], ...]:
    """Each of these file systems (empty: all of this machine) in each way in which it can be cut, which is that of the
    state ``only`` where this is a name. Raises UsageError.
    """
    known = file_systems(known_to_kernel())
    for name in names:
        if name not in known:
            needs = f"of another type, mkfs.{name} must be here, and the type in /proc/filesystems"
            raise click.BadParameter(f"{name!r} is not one of {', '.join(known)}; {needs}", param_hint="--file-system")
    if "blocks" not in ways and (isinstance(only, str) or keep is not None):
        option = "--only with the name of a state" if isinstance(only, str) else "--keep"
        raise click.UsageError(f"{option} is for cuts at every block: give --way blocks")
    cases = tuple(
        (known[name], way) for name in names or known for way in ways if way == "blocks" or name in CAN_BE_CUT
    )
    if isinstance(only, str):
        cases = tuple(case for case in cases if case[1] == "blocks")
    if not cases:
        raise click.UsageError(f"{', '.join(names)} can be cut at every block only: give --way blocks")
    for name in names:
        if "blocks" in ways and ways != _WAYS and len(ways) > 1 and name not in CAN_BE_CUT:
            click.echo(f"pulse stress powercut: {name} can be cut at every block only", err=True)
    return cases


def _require_writable(keep: Path) -> None:
    """Raise UsageError unless something can be written into this folder, which is made."""
    try:
        keep.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=keep) as file:
            file.write(bytes(4096))
    except OSError as error:
        raise click.UsageError(f"--keep {keep}: cannot be written: {error}") from error


def _judge(run: Run, plan: experiment.CutPlan, file: ResultsFile | None, reporting: ReportOptions) -> int:
    console = new_console()
    cases = [case_name(way, file_system.name) for file_system, way in plan.cases]
    header = header_of(
        run.manifest,
        run.about,
        list(dict.fromkeys(file_system.name for file_system, _ in plan.cases)),
        run.seed,
        {"clause": CLAUSES, "case": cases},
        program="pulse stress powercut",
    )
    if file is not None:
        file.header(header)
    results: list[Result] = []
    above = ""
    for result in experiment.results(run, plan):
        results.append(result)
        if file is not None:
            file.result(result)
        if result.clause == "PWR-03":
            said = "as above" if result.message == above else for_terminal(result.message)
            above = result.message
            console.print(f"{result.case}: {said} ({result.seconds:.1f} s)", soft_wrap=True)
    clauses = {clause: load_clauses()[clause] for clause in CLAUSES}
    # Known failures that match nothing are the suite's business: this run has only three clauses.
    verdict = decide(results, clauses, (), operating_system(), strict=reporting.strict, complete=False, part="measured")
    print_run(console, header, results, verdict, each_case=True)
    if any(FORESEEN_ALONE in result.evidence for result in results):
        command = repeat_command("pulse conformance", [("impl", run.manifest.source), ("clause", "PWR-01")])
        where = "PWR-01, which asks the model alone, would fail here"
        console.print(f"{where}: {for_terminal(as_started(command))}", soft_wrap=True)
    if file is not None:
        file.footer(verdict)
        file.write_beside("report.html", lambda page: write_report(page.parent))
        console.print(f"report: {reporting.folder}/report.html, report.md, results.jsonl", soft_wrap=True)
    return verdict.exit
