"""What every command prints: the clauses by group with counts, the failures, the verdict; or why there is none."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from conformance.contract.clauses import GROUP_TITLES, Clause, load_clauses
from conformance.contract.errors import ImplementationError
from conformance.reporting.causes import Cause, causes, explained
from conformance.reporting.escaping import for_terminal, printable
from conformance.reporting.headline import by_clause
from conformance.reporting.repeat import as_started
from conformance.reporting.results import OUTCOMES, Exit, Header, Result, Verdict, counted
from conformance.reporting.verdict import clause_outcome, reasons_beside

__all__ = [
    "PIPED_WIDTH",
    "clause_table",
    "new_console",
    "print_clauses",
    "print_not_started",
    "print_run",
]

PIPED_WIDTH = 110  # characters, where there is no terminal to ask

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
_SHOWN_MEMBERS = 5  # of a list
_SHOWN_CHARACTERS = 260
_SHOWN_OF_A_MESSAGE = 600
# The transcript is shown in part; Hypothesis repeats it as Python, with advice for authors of tests.
_ONLY_IN_REPORTS = ("transcript", "hypothesis")
_WITH_ITS_END = ("traceback", "stderr")


def new_console(piped_width: int = PIPED_WIDTH) -> Console:
    """A console that is ``piped_width`` characters wide where there is no terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else piped_width)


def print_clauses(
    console: Console, clauses: Iterable[Clause], cases: Collection[tuple[str, str]] | None = None
) -> None:
    """``--list``: the clauses, one a line. With ``cases``, each (clause, case), only the clauses that have one, and
    below each its cases by the names that ``--case`` takes, one a line after four spaces.
    """
    for clause in clauses:
        names = [case for of_clause, case in cases or () if of_clause == clause.id]
        if cases is None or names:
            line = f"{clause.id} {_LEVELS[clause.level]:3} {for_terminal(clause.title)} [dim]({clause.engine})[/]"
            console.print(line, soft_wrap=True)
        for name in names:
            console.print(f"    {for_terminal(name)}", soft_wrap=True)


def clause_table(counts: Mapping[str, Mapping[str, int]]) -> Table:
    """One row a clause under one heading a group; the columns count cases by outcome."""
    shown = [outcome for outcome in OUTCOMES if any(of_clause.get(outcome) for of_clause in counts.values())]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    for heading in ("clause", "requirement", "outcome", "cases"):
        table.add_column(heading, justify="right" if heading == "cases" else "left", no_wrap=heading != "requirement")
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
    title = for_terminal(f"{clause.title} {_LEVELS[clause.level]}".strip())
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


def print_run(
    console: Console, header: Header, results: Sequence[Result], verdict: Verdict | None, *, each_case: bool = False
) -> None:
    """The table, the failures with the commands that repeat them, what was not measured, and the verdict.

    ``verdict`` is None for a run that did not finish. ``each_case`` is for runs of a few cases that each stand for a
    whole load: all failures, also known ones, are shown as fully as the first of a clause, and all messages whole.
    """
    counts: dict[str, Counter[str]] = {}
    for result in results:
        counts.setdefault(result.clause, Counter())[result.outcome] += 1
    console.print()
    console.print(clause_table(counts))
    results = by_clause(results)
    shown = bad = [result for result in results if result.outcome in ("fail", "error", "xpass")]
    found = causes(bad)
    _print_failures(console, bad, explained(found), each_case=each_case)
    if found:
        console.print("\n[bold]causes[/]")
        for cause in found:
            console.print(f"  {for_terminal(cause.sentence)}", soft_wrap=True)
    lines = [] if each_case else _counts(results)  # messages of whole loads have the numbers
    for result in results:
        if result.outcome == "xfail":
            message = result.message if each_case else _one_line(result.message, 400)
            lines.append(f"[yellow]xfail[/] {result.clause} {for_terminal(f'[{result.case}] {message}')}")
            lines += [*_evidence(result, whole=True), *_what_next(result)] if each_case else []
    if lines:
        console.print()
    for line in lines:
        console.print(line, soft_wrap=True)
    _print_unmeasured(console, results, each_case=each_case)
    if each_case:
        shown = [*bad, *(result for result in results if result.outcome == "unmeasured")]
    _print_verdict(console, header, verdict, shown)


def _print_verdict(console: Console, header: Header, verdict: Verdict | None, shown: Sequence[Result]) -> None:
    """The last lines: the verdict, and those of its reasons that the cases ``shown`` do not give already."""
    name = for_terminal(header.judged, one_line=True)
    where = f"{header.platform['system']}, {header.file_system}, seed {header.seed}"
    if verdict is None:
        console.print(
            f"\n[bold]{name}[/] ({where}): the run did not finish; no verdict",
            soft_wrap=True,
        )
        return
    known = any(of_clause.get("xfail") for of_clause in verdict.counts.values())
    style = _STYLES["fail" if verdict.exit else "xfail" if known else "pass"]
    # In capitals only what is true of the implementation as a whole.
    word = f"[{style}]{verdict.word if verdict.part and not verdict.exit else verdict.word.upper()}[/]"
    said = ", ".join(filter(None, [word, verdict.coverage]))
    console.print(f"\n[bold]{name}[/] ({where}): {said}", soft_wrap=True)
    if header.reader and (whose := _whose_failure(shown)):
        console.print(f"  what failed is {whose}", soft_wrap=True)
    reasons = reasons_beside(verdict.reasons, [(result.clause, result.case) for result in shown])
    for reason in (*reasons[:_SHOWN_REASONS], *verdict.warnings):
        console.print(f"  {for_terminal(reason)}", soft_wrap=True)


def _whose_failure(shown: Iterable[Result]) -> str:
    """Which of a writer and a reader that were judged together has failed; empty when neither has."""
    bad = [result for result in shown if result.outcome in ("fail", "error", "xpass")]
    whose = dict.fromkeys("the reader" if result.clause.startswith("RDR") else "the writer" for result in bad)
    return " and ".join(whose)


def _counts(results: list[Result]) -> list[str]:
    """What the syscall engine enumerated, clauses with the same numbers in one line."""
    totals: dict[str, Counter[str]] = {}
    for result in results:
        if result.counts:
            totals.setdefault(result.clause, Counter()).update(result.counts)
    lines: dict[str, list[str]] = {}
    for clause, counts in totals.items():
        text = ", ".join(counted(number, what) for what, number in counts.items())
        lines.setdefault(text, []).append(clause)
    return [f"[dim]enumerated:[/] {', '.join(clauses)}: {text}" for text, clauses in lines.items()]


def _print_failures(
    console: Console, bad: list[Result], by_cause: Mapping[tuple[str, str], Cause], *, each_case: bool
) -> None:
    """The first failure of each clause with its evidence, the others in a line each unless ``each_case``."""
    shown: set[str] = set()
    for result in bad:
        if result.clause in shown and not each_case:
            console.print(f"  also {for_terminal(f'[{result.case}] {_one_line(result.message)}')}", soft_wrap=True)
        else:
            shown.add(result.clause)
            _print_failure(console, result, by_cause.get((result.clause, result.case)), whole=each_case)


def _print_failure(console: Console, result: Result, cause: Cause | None, *, whole: bool) -> None:
    level = load_clauses()[result.clause].level
    marked = "" if level == "must" else f" ({level.upper()})"
    lines = [
        "",
        f"[bold red]{result.outcome}[/] [bold]{result.clause}[/]{marked} {for_terminal(f'[{result.case}]')}",
        f"  {for_terminal(result.message if whole else _cut(result.message, _SHOWN_OF_A_MESSAGE))}",
    ]
    if cause is not None:
        lines.append(f"  [dim]cause:[/] as {for_terminal(f'{cause.first.clause} [{cause.first.case}]')}")
    lines += _evidence(result, whole=whole)
    lines += [f"  [dim]>[/] {for_terminal(line)}" for line in result.evidence.get("transcript", ())[-2:]]
    for line in (*lines, *_what_next(result)):
        # Not wrapped: a command that repeats a failure must survive being copied.
        console.print(line, soft_wrap=True)


def _evidence(result: Result, *, whole: bool) -> list[str]:
    lines: list[str] = []
    for title, value in result.evidence.items():
        if not value or title in _ONLY_IN_REPORTS:
            continue
        if title == "trace":
            lines += [f"  [dim]{for_terminal(line)}[/]" for line in value]
        elif title == "examples":
            lines += _example(value[0])
        else:
            text = str(value)[-1500:] if whole or title in _WITH_ITS_END else _short(value)
            lines.append(f"  [dim]{title}:[/] {for_terminal(text)}")
    return lines


def _what_next(result: Result) -> list[str]:
    return [
        f"  [dim]repeat:[/] {for_terminal(as_started(result.repro))}",
        f"  [dim]why, and the usual fix:[/] pulse explain {result.clause}",
    ]


def _short(value: Any) -> str:
    """A piece of evidence in a line or a few: of a list its first members, of a text its beginning and its end."""
    if isinstance(value, list):
        more = f", … ({len(value)} in all)" if len(value) > _SHOWN_MEMBERS else ""
        return ", ".join(_cut(str(member)) for member in value[:_SHOWN_MEMBERS]) + more
    return _cut(str(value))


def _cut(text: str, most: int = _SHOWN_CHARACTERS) -> str:
    half = (most - 20) // 2
    return text if len(text) <= most else f"{text[:half]} … {text[-half:]}"


def _example(example: Mapping[str, Any]) -> list[str]:
    lines = []
    for title, value in example.items():
        text = "".join(f"\n    {line}" for line in value) if title == "trace" else str(value)
        lines.append(f"  [dim]{title}:[/] {for_terminal(text)}")
    return lines


def _one_line(text: str, limit: int = 160) -> str:
    first = text.partition("\n")[0]
    return first if len(first) <= limit else f"{first[:limit]}…"


def _print_unmeasured(console: Console, results: list[Result], *, each_case: bool) -> None:
    """What was not measured, clauses with the same reason in one line."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for result in results:
        if result.outcome == "unmeasured" or (each_case and result.outcome == "n/a"):
            part = f" [{result.case}]" if each_case else " in part"
            name = result.clause + ("" if result.case == "*" else part)
            reasons.setdefault((result.outcome, result.message), []).append(name)
    if reasons:
        console.print()
    for (outcome, reason), names in reasons.items():
        text = for_terminal(f"{', '.join(dict.fromkeys(names))}: {reason}")
        console.print(f"[dim]{outcome}:[/] {text}", soft_wrap=True)


def print_not_started(command: str, impl: str, error: ImplementationError) -> Exit:
    """Say on standard error why an implementation could not be started, with the last that it printed there itself."""
    click.echo(f"{command}: {impl}: {printable(str(error))}", err=True)
    if error.request:
        click.echo(f"the request: {printable(error.request)}", err=True)
    if error.stderr.strip():
        lines = "".join(f"\n  | {line}" for line in printable(error.stderr.rstrip()).splitlines())
        click.echo(f"its standard error:{lines}", err=True)
    return Exit.NOT_STARTED
