"""``pulse compare``: what is different between two runs of an implementation, and whether ground was lost."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from conformance.commands.compare.changes import Comparison, compare
from conformance.commands.compare.forms import as_json, as_markdown, in_one_line, print_comparison
from conformance.commands.compare.recorded_run import load_run, results_of
from conformance.reporting.results import Exit
from conformance.reporting.terminal import new_console
from conformance.runner.command_line import run_command

__all__ = ["compared", "main"]

NAME = "pulse compare"


@click.command(name=NAME, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--json", "form", flag_value="json", help="Print one JSON object.")
@click.option("--markdown", "form", flag_value="markdown", help="Print Markdown, for a job summary.")
def _command(old: Path, new: Path, form: str | None) -> int:
    """Say what is worse, better, new and gone in the results NEW since the results OLD.

    OLD and NEW are folders that --report wrote, or the results.jsonl in them. Exit codes: 0 no lost ground, 1 lost
    ground, 2 usage, and files that cannot be compared.
    """
    try:
        comparison = compared(old, new)
    except (OSError, ValueError) as error:
        click.echo(f"{NAME}: {in_one_line(error)}", err=True)
        return Exit.USAGE
    if form == "json":
        click.echo(json.dumps(as_json(comparison), indent=2))
    elif form == "markdown":
        click.echo(as_markdown(comparison), nl=False)
    else:
        print_comparison(new_console(), comparison)
    return Exit.NOT_CONFORMANT if comparison.lost else Exit.CONFORMANT


def compared(old: Path, new: Path) -> Comparison:
    """Compare the results at two paths. Raises ValueError or OSError, which say what is wrong and where."""
    files = [results_of(path) for path in (old, new)]
    if files[0].samefile(files[1]):
        raise ValueError(f"{old} and {new} are one file: nothing could ever be lost")
    return compare(load_run(old), load_run(new))


def main(arguments: list[str]) -> int:
    """Run ``pulse compare`` with these arguments. Returns the exit code."""
    return run_command(_command, NAME, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
