"""``python -m conformance.selfcheck [OPTION…] [NAME…]``: judges the suite.

A variant is put to every case of the clauses that might doubt it, and to the cases of ``pulse conformance --quick`` of
the others; with ``--complete`` to the whole suite.

Exit codes: 0 every mutant that can be measured here is caught by the clause it names, every variant passes and every
measured clause catches a mutant; 1 otherwise; 2 usage.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import fnmatch
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import did_you_mean
from conformance.mutation.registry import Entry, all_mutants, all_variants
from conformance.reporting.chain import sealed
from conformance.reporting.header import kit_version
from conformance.reporting.results import FORMAT, Exit, write_json
from conformance.reporting.terminal import new_console
from conformance.runner.command_line import run_command
from conformance.runner.embedded_pytest import cpus
from conformance.selfcheck.matrix import (
    MutantRow,
    Totals,
    Trial,
    VariantRow,
    judge_mutant,
    judge_variant,
    measured_clauses,
    total,
)
from conformance.selfcheck.trials import conformance
from conformance.system.file_hashes import kit_files
from conformance.system.platform import describe_platform, operating_system

__all__ = ["main"]

# How long every request waits for a mutant that hangs; all others answer in milliseconds.
# On Windows a correct writer itself waits while another process holds the target, and processes start slowly.
_ANSWER_SECONDS = 8.0 if sys.platform == "win32" else 2.0
# A whole run makes a hundred kills; every boundary is visited in addition.
_KILLS_OF_VARIANTS = "4"


def _try_mutant(entry: Entry, *, quick: bool = False) -> MutantRow:
    options = ("--clause", entry.caught_by, "--answer-seconds", f"{_ANSWER_SECONDS:g}", "--exitfirst")
    trial = conformance(f"mutant:{entry.name}", *options, *_depth(entry), *(("--quick",) if quick else ()))
    row = judge_mutant(entry, trial, every_engine=operating_system() == "linux")
    click.echo(f"mutant {entry.name}: {row.verdict}", err=True)
    return row


def _depth(entry: Entry) -> tuple[str, ...]:
    return ("--depth", str(entry.depth)) if entry.depth > 1 else ()


def _try_variant(entry: Entry, clauses: Sequence[str], *, complete: bool) -> tuple[VariantRow, Trial]:
    # What reads as the honest base does cannot fail where only reads are judged: `plain` stands for all of them there.
    concerned = [clause.id for clause in load_clauses().values() if clause.role != ("reader",)]
    selection = [word for clause in concerned for word in ("--clause", clause)] if entry.reads_as_usual else []
    if clauses:
        selection = [word for glob in clauses for word in ("--clause", glob)]
    elif not complete:
        selection += ["--quick", *(word for glob in entry.doubted_by for word in ("--whole", glob))]
    trial = conformance(f"variant:{entry.name}", "--strict", "--kills", _KILLS_OF_VARIANTS, *_depth(entry), *selection)
    row = judge_variant(entry, trial)
    click.echo(f"variant {entry.name}: {row.verdict}", err=True)
    return row, trial


def _print(console: Console, mutants: Sequence[MutantRow], variants: Sequence[VariantRow]) -> None:
    table = Table("mutant", "defect", "clause", "outcome", "detected in", title="mutants")
    colours = {"caught": "green", "missed": "bold red", "unmeasured": "yellow"}
    for row in mutants:
        said = row.entry.outcome if row.verdict == "caught" else f"{row.verdict}: {row.reason}"
        detected = f"{row.seconds:.2f} s" if row.verdict == "caught" else ""
        outcome = Text(said, style=colours[row.verdict])
        table.add_row(row.entry.name, Text(row.entry.docstring), row.entry.caught_by, outcome, detected)
    if mutants:
        console.print(table)
    table = Table("variant", "what is unusual", "verdict", "cases", "false alarms", title="variants")
    for line in variants:
        verdict = line.verdict if line.verdict == "passed" else f"{line.verdict}: {line.reason}"
        unusual = Text(line.entry.docstring)
        table.add_row(line.entry.name, unusual, Text(verdict), str(line.cases), str(len(line.false_alarms)))
    if variants:
        console.print(table)


def _as_json(row: MutantRow | VariantRow) -> dict[str, Any]:
    return {**dataclasses.asdict(row), "entry": row.entry._asdict()}


def _write_report(
    folder: Path,
    selection: Mapping[str, Any],
    mutants: Sequence[MutantRow],
    variants: Sequence[VariantRow],
    totals: Totals,
) -> None:
    matrix = {
        "format": FORMAT,
        "kit": kit_version(),
        "kit_files": kit_files(),
        "platform": describe_platform(),
        "selection": selection,
        "mutants": [_as_json(row) for row in mutants],
        "variants": [_as_json(row) for row in variants],
        "totals": dataclasses.asdict(totals),
    }
    write_json(folder / "matrix.json", sealed(matrix))


@click.command(name="python -m conformance.selfcheck", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--report", type=click.Path(file_okay=False, path_type=Path), help="Folder for matrix.json.")
@click.option("-n", "jobs", type=click.IntRange(1), help="Number of parallel runs. Default: one per CPU.")
@click.option(
    "--clause",
    "clauses",
    multiple=True,
    metavar="GLOB",
    help="Only mutants of these clauses; variants with --complete.",
)
@click.option("--only-here", is_flag=True, help="Only those that no other system can measure.")
@click.option("--quick", is_flag=True, help="Count the mutants that pulse conformance --quick catches; no variants.")
@click.option("--complete", is_flag=True, help="Put every variant to the whole suite, or to --clause: twice as long.")
@click.argument("names", nargs=-1)
def _command(
    report: Path | None,
    jobs: int | None,
    clauses: tuple[str, ...],
    only_here: bool,
    quick: bool,
    complete: bool,
    names: tuple[str, ...],
) -> int:
    """Test the suite: every mutant must be caught by the clause it names, and no variant may be flagged.

    NAMES selects mutants and variants. With NAMES, --clause, --only-here or --quick, not every clause has to catch a
    mutant.
    Mutants and variants that only another system can measure are left out. Without --complete, a variant is put to
    every case of the clauses that might doubt it, and to those of pulse conformance --quick of the others.
    """
    if quick and complete:
        raise click.UsageError("--quick tries no variant, and --complete is about variants: give one of the two")
    if quick and report is not None:
        raise click.UsageError("--quick counts only; the matrix of --report is one of the whole suite")
    entries = (*all_mutants(), *all_variants())
    unknown = sorted(set(names) - {entry.name for entry in entries})
    if unknown:
        known = ", ".join(sorted(entry.name for entry in entries))
        near = did_you_mean(unknown[0], [entry.name for entry in entries])
        raise click.UsageError(f"no mutant or variant is called {unknown[0]}{near}; choose from: {known}")
    for glob in clauses:
        if not any(_selected(entry, (glob,), (), variants=False) for entry in entries):
            raise click.UsageError(f"--clause {glob}: no mutant has to be caught by such a clause")
    selected = [entry for entry in entries if _selected(entry, clauses, names, variants=complete)]
    if only_here:
        selected = [entry for entry in selected if entry.on == (operating_system(),)]
    here = [entry for entry in selected if operating_system() in entry.on]
    wanted_mutants = [entry for entry in here if entry.caught_by]
    wanted_variants = [] if quick else [entry for entry in here if not entry.caught_by]
    console = new_console(piped_width=160)
    pool = concurrent.futures.ThreadPoolExecutor(jobs or cpus())
    try:
        # The variants first: they take longest.
        tried_variants = [pool.submit(_try_variant, entry, clauses, complete=complete) for entry in wanted_variants]
        tried_mutants = [pool.submit(_try_mutant, entry, quick=quick) for entry in wanted_mutants]
        mutants = [future.result() for future in tried_mutants]
        tried = [future.result() for future in tried_variants]
    finally:
        # Ctrl-C also reaches the runs, which end on their own; no further run may start.
        pool.shutdown(cancel_futures=True)
    variants = [row for row, _ in tried]
    everything = not (names or clauses or only_here or quick)
    measured = measured_clauses(trial for _, trial in tried) if everything else frozenset()
    totals = total(mutants, variants, load_clauses(), measured, complete=complete and not clauses)
    _print(console, mutants, variants)
    console.print(totals.sentence())
    if len(here) < len(selected):
        console.print(f"{len(selected) - len(here)} left out: only another system can measure them")
    if report is not None:
        selection = {"names": list(names), "clause": list(clauses), "only_here": only_here}
        _write_report(report, selection, mutants, variants, totals)
    return Exit.CONFORMANT if totals.holds else Exit.NOT_CONFORMANT


def _selected(entry: Entry, clauses: Sequence[str], names: Sequence[str], *, variants: bool) -> bool:
    if names and entry.name not in names:
        return False
    if not clauses:
        return True
    if not entry.caught_by:
        return variants
    return any(fnmatch.fnmatchcase(entry.caught_by, glob) for glob in clauses)


def main(arguments: list[str]) -> int:
    """Run the matrix with these arguments. Returns the exit code."""
    return run_command(_command, "python -m conformance.selfcheck", arguments, crashed=Exit.NOT_CONFORMANT)
