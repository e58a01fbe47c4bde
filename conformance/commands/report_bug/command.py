"""``pulse report-bug``: writes each failure of a run as a bug report, with a repro that needs nothing of the kit."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from conformance.commands.report_bug.plan import planned
from conformance.commands.report_bug.write import write_bug_report
from conformance.contract.clauses import load_clauses
from conformance.contract.errors import ManifestError
from conformance.contract.manifest import Manifest
from conformance.reporting.escaping import for_terminal, printable
from conformance.reporting.recorded import Recorded, load_recorded
from conformance.reporting.results import Exit, counted
from conformance.reporting.terminal import new_console
from conformance.runner.command_line import run_command
from conformance.runner.resolve import resolve
from conformance.runner.selection import Selection

__all__ = ["main"]

NAME = "pulse report-bug"


@click.command(name=NAME, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("results", type=click.Path(path_type=Path))
@click.option("--clause", "clauses", multiple=True, metavar="GLOB", help="Only these clauses; repeatable.")
@click.option(
    "--to",
    "parent",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("bug-reports"),
    show_default=True,
    help="Folder for the reports, a folder each.",
)
@click.option("--impl", help="The implementation. Default: the one that the results name.")
def _command(results: Path, clauses: tuple[str, ...], parent: Path, impl: str | None) -> int:
    """Write a bug report for each cause of failures: a draft in plain words, the evidence, and a repro.

    RESULTS is a results.jsonl, or the folder with it. The repro needs Python and, for most failures, Linux with strace;
    the draft says so where there is none. Nothing is sent anywhere.

    Exit codes: 0 written, or nothing failed; 2 usage.
    """
    for glob in Selection(clauses, (), "*").unknown_clauses(load_clauses()):
        raise click.UsageError(f"--clause {glob}: no such clause; pulse explain lists them")
    try:
        recorded = load_recorded(results / "results.jsonl" if results.is_dir() else results)
        manifest = _manifest(recorded, impl)
    except (OSError, ValueError) as error:  # a ManifestError is a ValueError
        click.echo(f"{NAME}: {' '.join(printable(str(error)).split())}", err=True)
        return Exit.USAGE
    console = new_console()
    reports = planned(recorded.results, clauses)
    for report in reports:
        folder = parent / report.name
        try:
            write_bug_report(folder, report, recorded.header, manifest)
        except FileExistsError as error:
            raise click.UsageError(
                f"{folder}: is there already; remove it, or name another folder with --to"
            ) from error
        except OSError as error:
            raise click.UsageError(f"{folder}: cannot be written: {error}") from error
        how = "repro.py" if report.check else "evidence only"
        console.print(for_terminal(f"{folder}: {report.title} ({how})"), soft_wrap=True)
    with_repro = sum(report.check is not None for report in reports)
    failed = counted(len(reports), "reports")
    console.print(f"{failed}, {with_repro} with a repro; of {counted(len(recorded.results), 'cases')}", soft_wrap=True)
    return Exit.CONFORMANT


def _manifest(recorded: Recorded, impl: str | None) -> Manifest:
    """The manifest of what was judged. Raises ManifestError."""
    name = impl or _named(result.repro for result in recorded.results)
    if name is None:
        raise ManifestError("the results do not name the implementation; name it with --impl")
    if name.startswith(("mutant:", "variant:")):
        raise ManifestError(f"{name}: is a part of the kit, and has no maintainer to report to")
    try:
        manifest = resolve(name, frozenset(load_clauses()))
    except ManifestError as error:
        raise ManifestError(f"{error}; --impl names the implementation that was judged") from error
    judged = recorded.header.implementation.get("name")
    if manifest.name != judged:
        raise ManifestError(f"{name}: is {manifest.name!r}, and the results are of {judged!r}")
    return manifest


def _named(commands: Iterable[str]) -> str | None:
    """The value of ``--impl`` in the first of the commands that has one."""
    for command in commands:
        try:
            words = shlex.split(command)
        except ValueError:  # a quote that is not closed: written by nothing of the kit
            continue
        if "--impl" in words[:-1]:
            return words[words.index("--impl") + 1]
    return None


def main(arguments: list[str]) -> int:
    """Run ``pulse report-bug`` with these arguments. Returns the exit code."""
    return run_command(_command, NAME, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
