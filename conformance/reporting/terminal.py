"""What a run prints at its end: the clauses by group with counts, the failures, the verdict; or why there is none."""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Iterable, Mapping

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from conformance.clauses import GROUP_TITLES, Clause, load_clauses
from conformance.errors import ImplementationError
from conformance.reporting.results import OUTCOMES, Exit, Result
from conformance.reporting.verdict import clause_outcome, reasons_beside
from conformance.runner.controller import Controller
from conformance.runner.selection import Selection

__all__ = ["clause_table", "print_clauses", "print_every_character", "print_summary", "tell_not_started"]

_STYLES = {
    "pass": "green",
    "fail": "bold red",
    "error": "bold red",
    "xpass": "bold red",
    "xfail": "yellow",
    "unmeasured": "dim",
    "n/a": "dim",
}
_LEVELS = {"must": "", "should": "(S)", "informative": "(I)"}
_SHOWN_REASONS = 25


def print_every_character() -> None:
    """Let standard output show what its encoding lacks as an escape, such as ``\\u2265``, instead of failing.

    Standard error does so by itself. The pipes of Windows have encodings of 256 characters, the plain C locale of 128.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def print_clauses(console: Console, selection: Selection) -> None:
    """``--list``: the clauses, one a line."""
    for clause in load_clauses().values():
        if selection.takes_clause(clause.id):
            line = f"{clause.id} {_LEVELS[clause.level]:3} {escape(clause.title)} [dim]({clause.engine})[/]"
            console.print(line, soft_wrap=True)


def clause_table(counts: Mapping[str, Mapping[str, int]]) -> Table:
    """One row a clause under one heading a group; the columns count cases by outcome."""
    shown = [outcome for outcome in OUTCOMES if any(of_clause.get(outcome) for of_clause in counts.values())]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    for heading in ("clause", "what holds", "outcome", "cases"):
        table.add_column(heading, justify="right" if heading == "cases" else "left", no_wrap=heading != "what holds")
    for outcome in shown:
        table.add_column(outcome, justify="right")
    for group in dict.fromkeys(clause.group for clause in load_clauses().values()):
        members = [clause for clause in load_clauses().values() if clause.group == group and counts.get(clause.id)]
        if not members:
            continue
        total = sum((Counter(counts[clause.id]) for clause in members), Counter())
        named = f"[bold]{group}[/]", f"[bold]{GROUP_TITLES[group]}[/]", _passed(members, counts)
        table.add_row(*named, str(sum(total.values())), *_cells(total, shown))
        for clause in members:
            table.add_row(*_row(clause, counts[clause.id], shown))
    return table


def _row(clause: Clause, counts: Mapping[str, int], shown: Iterable[str]) -> tuple[str, ...]:
    outcome = clause_outcome(counts)
    title = escape(f"{clause.title} {_LEVELS[clause.level]}".strip())
    return (
        f"  {clause.id}",
        title,
        f"[{_STYLES[outcome]}]{outcome}[/]",
        str(sum(counts.values())),
        *_cells(counts, shown),
    )


def _cells(counts: Mapping[str, int], shown: Iterable[str]) -> Iterable[str]:
    return (str(counts.get(outcome) or "·") for outcome in shown)


def _passed(members: list[Clause], counts: Mapping[str, Mapping[str, int]]) -> str:
    outcomes = [clause_outcome(counts[clause.id]) for clause in members]
    concerned = [outcome for outcome in outcomes if outcome != "n/a"]
    return f"[bold]{concerned.count('pass')} of {len(concerned)}[/]" if concerned else "[dim]n/a[/]"


def print_summary(console: Console, controller: Controller) -> None:
    """The table, each failure with the command that repeats it, and the verdict."""
    about = controller.header.implementation
    counts: dict[str, Counter[str]] = {}
    for result in controller.results:
        counts.setdefault(result.clause, Counter())[result.outcome] += 1
    console.print()
    console.print(clause_table(counts))
    order = list(load_clauses())
    results = sorted(controller.results, key=lambda result: order.index(result.clause))
    bad = [result for result in results if result.outcome in ("fail", "error", "xpass")]
    _print_failures(console, bad)
    console.print()
    _print_counts(console, results)
    for result in results:
        if result.outcome == "xfail":
            text = escape(f"[{result.case}] {_one_line(result.message, 400)}")
            console.print(f"[yellow]xfail[/] {result.clause} {text}", soft_wrap=True)
    _print_unmeasured(console, results)
    name = " ".join(word for word in (about["name"], about["version"]) if word)
    where = f"{controller.header.platform['system']}, {controller.header.file_system}, seed {controller.header.seed}"
    if controller.verdict is None:
        console.print(f"\n[bold]{escape(name)}[/] ({where}): the run did not finish; no verdict", soft_wrap=True)
        return
    style = _STYLES[
        "pass" if controller.verdict.word == "conformant" else "xfail" if not controller.verdict.exit else "fail"
    ]
    word = f"[{style}]{controller.verdict.word.upper()}[/]"
    console.print(f"\n[bold]{escape(name)}[/] ({where}): {word}", soft_wrap=True)
    reasons = reasons_beside(controller.verdict.reasons, [(result.clause, result.case) for result in bad])
    for reason in reasons[:_SHOWN_REASONS]:
        console.print(f"  {escape(reason)}", soft_wrap=True)


def _print_counts(console: Console, results: list[Result]) -> None:
    """What the syscall engine enumerated, clauses with the same numbers in one line."""
    totals: dict[str, Counter[str]] = {}
    for result in results:
        if result.counts:
            totals.setdefault(result.clause, Counter()).update(result.counts)
    lines: dict[str, list[str]] = {}
    for clause, counts in totals.items():
        text = ", ".join(f"{number:,} {what}" for what, number in counts.items())
        lines.setdefault(text, []).append(clause)
    for text, clauses in lines.items():
        console.print(f"[dim]enumerated:[/] {', '.join(clauses)}: {text}", soft_wrap=True)


def _print_failures(console: Console, bad: list[Result]) -> None:
    """The first failure of each clause with its evidence, the others in a line each."""
    shown: set[str] = set()
    for result in bad:
        if result.clause in shown:
            console.print(f"  also {escape(f'[{result.case}] {_one_line(result.message)}')}", soft_wrap=True)
        else:
            shown.add(result.clause)
            _print_failure(console, result)


def _print_failure(console: Console, result: Result) -> None:
    lines = [
        "",
        f"[bold red]{result.outcome}[/] [bold]{result.clause}[/] {escape(f'[{result.case}]')}",
        f"  {escape(result.message)}",
    ]
    for title, value in result.evidence.items():
        if title == "trace":
            lines += [f"  [dim]{escape(line)}[/]" for line in value]
        elif value and title != "transcript":
            lines.append(f"  [dim]{title}:[/] {escape(str(value)[:600])}")
    lines += [f"  [dim]>[/] {escape(line)}" for line in result.evidence.get("transcript", ())[-2:]]
    lines.append(f"  [dim]repeat:[/] {escape(result.repro)}")
    for line in lines:
        # Not wrapped: a command that repeats a failure must survive being copied.
        console.print(line, soft_wrap=True)


def _one_line(text: str, limit: int = 160) -> str:
    first = text.partition("\n")[0]
    return first if len(first) <= limit else f"{first[:limit]}…"


def _print_unmeasured(console: Console, results: list[Result]) -> None:
    reasons: dict[str, list[str]] = {}
    for result in results:
        if result.outcome == "unmeasured":
            reasons.setdefault(result.message, []).append(
                f"{result.clause}" + ("" if result.case == "*" else " in part")
            )
    if reasons:
        console.print()
    for reason, clauses in reasons.items():
        names = ", ".join(dict.fromkeys(clauses))
        console.print(f"[dim]unmeasured:[/] {names}: {escape(reason)}", soft_wrap=True)


def tell_not_started(command: str, impl: str, error: ImplementationError) -> Exit:
    """Say on standard error why an implementation could not be started, with the last that it printed there itself."""
    click.echo(f"{command}: {impl}: {error}", err=True)
    if error.stderr.strip():
        click.echo(f"its standard error:\n{error.stderr.rstrip()}", err=True)
    return Exit.NOT_STARTED
