"""``pulse conformance --baseline``: the run that ends is compared with an earlier one, and that makes the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from conformance.commands.compare.changes import compare, require_comparable
from conformance.commands.compare.forms import in_one_line, print_comparison
from conformance.commands.compare.recorded_run import RESULTS, RecordedRun, load_run, results_of, run_from
from conformance.reporting.escaping import for_terminal
from conformance.reporting.results import Exit, Header, Result

__all__ = ["exit_code", "judge_by", "load_baseline", "require_comparable_run"]

_THIS_RUN = "this run"


def load_baseline(path: Path, report: Path | None) -> RecordedRun:
    """Read the results of the earlier run, before anything is judged.

    ``report`` is the folder in which this run will write its own. Raises click.UsageError.
    """
    try:
        if report is not None and (report / RESULTS).exists() and (report / RESULTS).samefile(results_of(path)):
            raise ValueError(f"{path}: --report {report} would overwrite it; keep the baseline somewhere else")
        return load_run(path)
    except (OSError, ValueError) as error:
        raise click.UsageError(f"--baseline {in_one_line(error)}") from error


def require_comparable_run(baseline: RecordedRun, header: Header) -> None:
    """Raise click.UsageError for a baseline of something else than what this run judges."""
    try:
        require_comparable(baseline, run_from(header, (), _THIS_RUN, Path(_THIS_RUN)))
    except ValueError as error:
        raise click.UsageError(f"--baseline: {in_one_line(error)}") from error


def judge_by(baseline: RecordedRun, header: Header, results: Sequence[Result], code: int, console: Console) -> int:
    """Print the comparison of this run, which ended with ``code``, with its baseline. Returns the exit code."""
    try:
        comparison = compare(baseline, run_from(header, results, _THIS_RUN, Path(_THIS_RUN)))
    except ValueError as error:
        raise click.UsageError(f"--baseline: {in_one_line(error)}") from error
    console.print(f"\n[bold]since the baseline[/] {for_terminal(baseline.source, one_line=True)}", soft_wrap=True)
    print_comparison(console, comparison)
    ending = exit_code(code, lost=comparison.lost > 0)
    if ending != code:
        console.print(f"exit code {ending} instead of {code}, by the baseline", soft_wrap=True)
    return ending


def exit_code(code: int, *, lost: bool) -> int:
    """The exit code of a run with a baseline: 1 for lost ground and for nothing else.

    A run that proves nothing (4) still proves nothing where no ground was lost.
    """
    if lost:
        return Exit.NOT_CONFORMANT
    return Exit.CONFORMANT if code == Exit.NOT_CONFORMANT else code
