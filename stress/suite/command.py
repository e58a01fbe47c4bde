"""``pulse stress suite``: a set of scenarios in parallel, from the command line to the results."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

import click
import pytest

from conformance.clauses import load_clauses
from conformance.errors import ImplementationError, ManifestError
from conformance.reporting.header import header_of
from conformance.reporting.results import Exit, ResultsFile, results_file
from conformance.reporting.terminal import new_console, print_not_started, print_run
from conformance.reporting.verdict import decide
from conformance.resolve import resolve
from conformance.runner.run import Run, RunPlan, prepared
from conformance.system.platform import operating_system
from stress.suite.pytest_plugin import SOAK_SECONDS, Gathered, HandOver

__all__ = ["suite"]

SUITE = Path(__file__).parent
_PATIENCE_SECONDS = 300


@click.command(name="suite")
@click.option(
    "--impl", default="reference", show_default=True, help="The writer, and reader: a manifest's path, or a name."
)
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
@click.option("--seed", type=click.IntRange(0), help="Repeat the random sizes and the schedule of chaos.")
@click.option("--report", type=click.Path(file_okay=False, path_type=Path), help="Folder for results.jsonl.")
def suite(
    impl: str,
    soak: bool,
    folders: tuple[Path, ...],
    workers: int | None,
    expression: str,
    seed: int | None,
    report: Path | None,
) -> int:
    """Put an implementation under several loads: many writers, many readers, several targets, chaos.

    Exit codes: the same as those of ``pulse stress``.
    """
    try:
        manifest = resolve(impl, frozenset(load_clauses()))
        if "writer" not in manifest.roles:
            raise click.UsageError(f"{manifest.name} does not write: there would be no load")
        with (
            results_file(report) as file,
            prepared(manifest, RunPlan(seed=secrets.randbits(32) if seed is None else seed)) as run,
        ):
            return _run(run, soak, folders, workers, expression, file)
    except ManifestError as error:
        raise click.UsageError(str(error)) from error
    except ImplementationError as error:
        return print_not_started("pulse stress suite", impl, error)


def _run(
    run: Run, soak: bool, folders: tuple[Path, ...], workers: int | None, expression: str, file: ResultsFile | None
) -> int:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = count if workers is None else workers
    patience = _PATIENCE_SECONDS + (SOAK_SECONDS if soak else 0)
    arguments = [
        str(SUITE),
        *("-c", os.devnull, "--rootdir", str(SUITE), "--noconftest", "-p", "no:cacheprovider"),
        # Other installed plugins must not change a verdict.
        *("--disable-plugin-autoload", "-p", "stress.suite.pytest_plugin", "-p", "pytest_timeout"),
        *("-v", "--no-header", "--tb=no", "-r", "N", "--strict-markers", "--import-mode=importlib"),
        *("--assert=plain", "--disable-warnings", "--basetemp", str(run.folder / "pytest")),
        *("--timeout", f"{patience:g}"),
        *(("-p", "xdist.plugin", "-n", str(wanted), "--dist", "worksteal") if wanted else ()),
        *(("-k", expression) if expression else ()),
        *(("--soak",) if soak else ()),
        *(word for folder in folders for word in ("--stress-dir", str(folder.resolve()))),
    ]
    # Nothing is written outside the run's own folder: no bytecode beside the scenarios.
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    # They are for the user's own tests.
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(name, None)
    gathered = Gathered()
    code = pytest.main(arguments, plugins=[HandOver(run), gathered])
    if code == pytest.ExitCode.INTERRUPTED and not gathered.mishaps:
        return Exit.INTERRUPTED
    results = gathered.results
    clauses = {clause: load_clauses()[clause] for clause in dict.fromkeys(result.clause for result in results)}
    systems = list(dict.fromkeys(result.case.rpartition(":")[2] for result in results))
    cases = list(dict.fromkeys(result.case for result in results))
    header = header_of(run.manifest, run.about, systems, run.seed, {"clause": list(clauses), "case": cases})
    verdict = decide(results, clauses, (), operating_system(), mishaps=gathered.mishaps, strict=False, complete=False)
    if file is not None:
        file.header(header)
        for result in results:
            file.result(result)
        file.footer(verdict)
    print_run(new_console(), header, results, verdict, each_case=True)
    for mishap in gathered.mishaps:
        click.echo(mishap, err=True)
    return verdict.exit
