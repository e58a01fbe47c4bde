"""``pulse explain``: why a clause exists, how it is measured, and what usually mends a program that fails it."""

from __future__ import annotations

import fnmatch
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence

import click
from rich.markup import escape

from conformance.contract.clauses import Clause, load_clauses
from conformance.contract.explanations import LANGUAGES, load_explanations, load_requirements
from conformance.reporting.results import Exit
from conformance.reporting.terminal import new_console, print_clauses
from conformance.runner.command_line import run_command

__all__ = ["main"]

NAME = "pulse explain"
_WIDTH = 100  # characters: longer lines are hard to read
_INDENT = 10


@click.command(name=NAME, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("clauses", nargs=-1, metavar="[CLAUSE]...")
@click.option(
    "--language",
    type=click.Choice(LANGUAGES, case_sensitive=False),
    help="Only the traps of this language.",
)
def _command(clauses: tuple[str, ...], language: str | None) -> int:
    """Say why a clause exists, how it is measured, what the usual fix is, and which traps each language has.

    CLAUSE is an id such as FLT-04, or a glob such as 'PWR-*'; without one the clauses are listed.
    """
    console = new_console(_WIDTH)
    chosen: dict[str, Clause] = {}
    for glob in clauses:
        found = {name: clause for name, clause in load_clauses().items() if fnmatch.fnmatchcase(name, glob.upper())}
        if not found:
            raise click.UsageError(f"{glob}: no such clause; {NAME} alone lists them")
        chosen |= found
    if not clauses:
        print_clauses(console, load_clauses().values())
        return Exit.CONFORMANT
    width = min(console.width, _WIDTH)
    for number, clause in enumerate(chosen.values()):
        for line in _explained(clause, LANGUAGES if language is None else (language,), width, first=number == 0):
            console.print(line, soft_wrap=True)
    return Exit.CONFORMANT


def _explained(clause: Clause, languages: Sequence[str], width: int, *, first: bool) -> Iterator[str]:
    """The lines about one clause, in rich's markup."""
    requirement, explanation = load_requirements()[clause.id], load_explanations().get(clause.id)
    if not first:
        yield ""
    level = "" if clause.level == "must" else f" ({clause.level})"
    yield f"[bold]{clause.id}[/] {escape(clause.title)}{level}"
    for paragraph in requirement.text:
        yield ""
        yield from _filled(_without_links(paragraph), width)
    yield ""
    yield from _titled("why", requirement.why, width)
    yield from _titled("seen", requirement.evidence, width)
    yield from (f"{'':{_INDENT}}[dim]{address}[/]" for address in requirement.reports.values())
    if explanation is None:
        return
    yield from _titled("measured", explanation.measured, width)
    yield from _titled("fix", explanation.fix, width)
    for language, trap in explanation.traps.items():
        if language in languages:
            yield from _titled(language, trap, width)


def _titled(title: str, text: str, width: int) -> Iterator[str]:
    """A title in the margin, and the text beside it."""
    first, *rest = _filled(text, width - _INDENT)
    yield f"[bold]{title:{_INDENT}}[/]{first}"
    yield from (f"{'':{_INDENT}}{line}" for line in rest)


def _filled(text: str, width: int) -> list[str]:
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return [escape(line) for line in lines] or [""]


def _without_links(text: str) -> str:
    return re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)


def main(arguments: list[str]) -> int:
    """Run ``pulse explain`` with these arguments. Returns the exit code."""
    return run_command(_command, NAME, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
