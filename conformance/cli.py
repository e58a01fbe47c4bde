"""``pulse conformance``: judges an implementation and prints the clauses by group (SPEC.md, "Commands")."""

from __future__ import annotations

import secrets
import signal
import sys
import traceback
from pathlib import Path

import click

from conformance.clauses import load_clauses
from conformance.errors import ImplementationError, ManifestError
from conformance.reporting.html import write_report
from conformance.reporting.results import Exit
from conformance.reporting.terminal import (
    new_console,
    print_clauses,
    print_every_character,
    print_not_started,
    print_run,
)
from conformance.resolve import resolve
from conformance.runner import run as runs
from conformance.runner.controller import Controller
from conformance.runner.embedded_pytest import EmbeddedPytest
from conformance.runner.pytest_plugin import HandOver
from conformance.runner.selection import Selection
from conformance.subject.client import ANSWER_SECONDS, START_SECONDS

__all__ = ["main"]

SUITE = Path(__file__).parent / "suite"
SECONDS = click.FloatRange(min=0, min_open=True)


@click.command(name="pulse conformance", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--impl", default="reference", show_default=True, help="A manifest's path, or a name.")
@click.option("--clause", "clauses", multiple=True, metavar="GLOB", help="Only these clauses; repeatable.")
@click.option("--case", "cases", multiple=True, metavar="GLOB", help="Only these cases; repeatable.")
@click.option("--point", default="*", metavar="GLOB", help="Only these points of a write, as failures name them.")
@click.option(
    "--kills", type=click.IntRange(1), default=runs.KILLS, show_default=True, help="Kills in a row (KIL-02, 03, 04)."
)
@click.option("--strict", is_flag=True, help="A failed SHOULD fails the run.")
@click.option("--report", type=click.Path(file_okay=False, path_type=Path), help="Folder for results, JUnit and HTML.")
@click.option("-n", "workers", type=click.IntRange(0), help="Worker processes; 0 = none. Default: one per CPU.")
@click.option("--seed", type=click.IntRange(0), help="Repeat everything random.")
@click.option("--dir", "parent", type=click.Path(file_okay=False, path_type=Path), help="Test on this file system.")
@click.option("--start-seconds", type=SECONDS, default=START_SECONDS, show_default=True, help="Time-out of the start.")
@click.option(
    "--answer-seconds", type=SECONDS, default=ANSWER_SECONDS, show_default=True, help="Time-out of a request."
)
@click.option("-x", "--exitfirst", is_flag=True, help="Stop after the first failure.")
@click.option("--list", "list_only", is_flag=True, help="Print the clauses and stop.")
def _command(
    impl: str,
    clauses: tuple[str, ...],
    cases: tuple[str, ...],
    point: str,
    kills: int,
    strict: bool,
    report: Path | None,
    workers: int | None,
    seed: int | None,
    parent: Path | None,
    start_seconds: float,
    answer_seconds: float,
    exitfirst: bool,
    list_only: bool,
) -> int:
    """Judge an implementation against SPEC.md.

    Exit codes: 0 conformant, 1 not conformant, 2 usage, 3 the implementation could not be started or broke the
    protocol in the smoke stage, 4 inconclusive.
    """
    console = new_console()
    selection = Selection(clauses, cases, point)
    unmatched = [glob for glob in clauses if not any(Selection((glob,)).takes_clause(name) for name in load_clauses())]
    if unmatched:
        raise click.UsageError(f"--clause {unmatched[0]}: no such clause; --list prints them")
    if list_only:
        print_clauses(console, [clause for clause in load_clauses().values() if selection.takes_clause(clause.id)])
        return Exit.CONFORMANT
    try:
        manifest = resolve(impl, frozenset(load_clauses()))
        run = runs.prepare(
            manifest,
            runs.RunPlan(
                seed=secrets.randbits(32) if seed is None else seed,
                parent=parent,
                start_seconds=start_seconds,
                answer_seconds=answer_seconds,
                kills=kills,
                point=point,
            ),
        )
    except ManifestError as error:
        click.echo(f"pulse conformance: {error}", err=True)
        return Exit.USAGE
    except ImplementationError as error:
        return print_not_started("pulse conformance", impl, error)
    try:
        try:
            controller = Controller(run, selection, strict=strict, report=report)
        except OSError as error:
            raise click.UsageError(f"--report {report}: cannot be written: {error}") from error
        code = _run_suite(controller, workers, report, exitfirst=exitfirst)
        print_run(console, controller.header, controller.results, controller.verdict)
        if report is not None:
            write_report(report)
            console.print(f"report: {report}/report.html, results.jsonl, junit.xml", soft_wrap=True)
        return code
    finally:
        runs.tear_down(run.folder)


def _run_suite(controller: Controller, workers: int | None, report: Path | None, *, exitfirst: bool) -> int:
    run = controller.run
    suite = EmbeddedPytest(
        tests=SUITE,
        folder=run.folder,
        plugins=("conformance.runner.pytest_plugin", "_hypothesis_pytestplugin"),
        workers=workers,
        seconds=300,
        arguments=(
            *("-q", "--hypothesis-seed", str(run.seed)),
            *(word for glob in controller.selection.clauses for word in ("--clause", glob)),
            *(word for glob in controller.selection.cases for word in ("--case", glob)),
            *(("--exitfirst",) if exitfirst else ()),
            *(("--junitxml", str(report / "junit.xml")) if report else ()),
        ),
        environment={"HYPOTHESIS_STORAGE_DIRECTORY": str(run.folder / "hypothesis")},
    )
    code = suite.run(HandOver(run, controller))
    if controller.verdict is None and code != Exit.INTERRUPTED:
        click.echo(
            "\n".join(
                [
                    "pulse conformance: the kit itself failed; this run says nothing about the implementation",
                    *controller.mishaps,
                ]
            ),
            err=True,
        )
        return Exit.INCONCLUSIVE
    return code


def main(arguments: list[str]) -> int:
    """Run ``pulse conformance`` with these arguments. Returns the exit code."""
    print_every_character()
    # Being asked to end is like Ctrl-C: everything is cleaned up.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(_command.main(arguments, prog_name="pulse conformance", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except Exception:  # a crash of the kit must not look like a verdict about the implementation
        traceback.print_exc()
        click.echo("pulse conformance: the kit itself failed; this says nothing about the implementation", err=True)
        return Exit.INCONCLUSIVE
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
