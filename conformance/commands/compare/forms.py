"""A comparison as text for a terminal, as Markdown for a job summary, and as a JSON value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from rich.console import Console

from conformance.commands.compare.changes import KINDS, Change, Comparison, Kind
from conformance.contract.clauses import load_clauses
from conformance.reporting.escaping import for_terminal, printable
from conformance.reporting.foreign import code_span, in_markdown
from conformance.reporting.repeat import as_started
from conformance.reporting.results import counted

__all__ = ["FORMAT", "as_json", "as_markdown", "in_one_line", "print_comparison", "summary"]

FORMAT = 1
_MOST_ROWS = 100  # of each kind, in Markdown: a job summary has at most 1 MiB
_MOST_CHARACTERS = 300  # of a message
_STYLES: dict[Kind, str] = {"worse": "bold red", "better": "green", "new": "bold", "gone": "yellow"}


def summary(comparison: Comparison) -> str:
    """The comparison in one sentence, with its denominator."""
    counts = Counter(change.kind for change in comparison.changes)
    kinds = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS)
    return (
        f"{_verdict(comparison)} (of {counted(comparison.compared, 'cases')} {kinds}; "
        f"{comparison.failing} {'fails' if comparison.failing == 1 else 'fail'} as before)"
    )


def _verdict(comparison: Comparison) -> str:
    if not comparison.lost:
        return "no lost ground"
    cases = sum(change.lost for change in comparison.changes)
    clauses = sum(change.lost for change in comparison.clauses)
    parts = [counted(cases, "cases")] if cases else []
    if clauses:
        parts.append(f"{counted(clauses, 'clauses')} not measured any more")
    return f"lost ground: {' and '.join(parts)}"


def in_one_line(error: Exception) -> str:
    """What an error says, on one line and with nothing that a terminal obeys."""
    return " ".join(printable(str(error)).split())


def _title(comparison: Comparison) -> str:
    old, new = comparison.old, comparison.new
    if old.title == new.title:
        return old.title
    return f"{old.title} → {new.version or 'no version'}"


def _outcomes(before: str, now: str) -> str:
    return f"{before or 'no such case'} → {now or 'no such case'}"


def _line(text: str, most: int = _MOST_CHARACTERS) -> str:
    """The first line of a text, with nothing that a terminal obeys."""
    first = printable(text.partition("\n")[0].replace("\t", " "))
    return first if len(first) <= most else f"{first[:most]}…"


def _level(clause: str) -> str:
    level = load_clauses()[clause].level
    return "" if level == "must" else f" ({level.upper()})"


def print_comparison(console: Console, comparison: Comparison) -> None:
    """Print it. Commands that repeat a case are printed for lost ground alone."""
    system = f"{comparison.new.system}, {comparison.new.file_system}"
    lines = [f"[bold]{for_terminal(_line(_title(comparison)))}[/] ({for_terminal(_line(system))})"]
    lines += [f"  note: {for_terminal(_line(note))}" for note in comparison.notes]
    for kind in KINDS:
        if changes := comparison.of_kind(kind):
            lines += ["", f"[{_STYLES[kind]}]{kind}[/]", *_changed_cases(changes)]
    if changed := [change for change in comparison.clauses if change.before and change.now]:
        lines += ["", "[bold]clauses[/]"]
        for clause in changed:
            mark = ", [bold red]not measured any more[/]" if clause.lost else ""
            seen = f": {for_terminal(_line(clause.message))}" if clause.message else ""
            lines.append(f"  {clause.clause} {_outcomes(clause.before, clause.now)}{mark}{seen}")
    for line in [*lines, "", f"[bold]{for_terminal(summary(comparison))}[/]"]:
        console.print(line, soft_wrap=True)


def _changed_cases(changes: list[Change]) -> Iterator[str]:
    clause = ""
    for change in sorted(changes, key=lambda change: list(load_clauses()).index(change.clause)):
        if change.clause != clause:
            clause = change.clause
            yield f"  [bold]{clause}[/]{_level(clause)} {for_terminal(load_clauses()[clause].title)}"
        yield f"    {for_terminal(_line(change.case))}: {_outcomes(change.before, change.now)}"
        if change.message and change.now:
            yield f"      [dim]{for_terminal(_line(change.message))}[/]"
        if change.lost and change.repro and change.now:
            yield f"      [dim]repeat:[/] {for_terminal(as_started(change.repro), one_line=True)}"


def as_markdown(comparison: Comparison) -> str:
    """The comparison as Markdown, with nothing that a name or a message could make a reader do."""
    old, new = comparison.old, comparison.new
    lines = [
        f"### {in_markdown(_title(comparison))}: {'lost ground' if comparison.lost else 'no lost ground'}",
        "",
        f"{in_markdown(summary(comparison))}. On {in_markdown(new.system)}, {in_markdown(new.file_system)}; "
        f"{in_markdown(old.source)} and {in_markdown(new.source)}.",
    ]
    if comparison.notes:
        lines += ["", *(f"- {in_markdown(note)}" for note in comparison.notes)]
    if lost := [change for change in comparison.clauses if change.lost]:
        lines += ["", "Not measured any more:", ""]
        lines += [f"- {change.clause}: {in_markdown(_line(change.message)) or 'no case of it'}" for change in lost]
    for kind in KINDS:
        if changes := comparison.of_kind(kind):
            lines += ["", *_markdown_table(kind, changes)]
    return "\n".join(lines) + "\n"


def _markdown_table(kind: Kind, changes: list[Change]) -> Iterator[str]:
    yield f"**{kind}** ({counted(len(changes), 'cases')})"
    yield ""
    yield "| clause | case | before | now | seen |"
    yield "|---|---|---|---|---|"
    for change in changes[:_MOST_ROWS]:
        seen = in_markdown(_line(change.message)) if change.now else ""
        name = f"{change.clause}{_level(change.clause)}"
        cells = (name, code_span(_line(change.case)), change.before or "none", change.now or "none", seen)
        yield f"| {' | '.join(cells)} |"
    if len(changes) > _MOST_ROWS:
        yield ""
        yield f"… and {counted(len(changes) - _MOST_ROWS, 'cases')} more; `pulse compare` without `--markdown` has all"


def as_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as a JSON value (docs/compare.md)."""
    runs = {
        name: {
            "source": run.source,
            "name": run.name,
            "version": run.version,
            "system": run.system,
            "file_system": run.file_system,
            "kit": run.kit,
        }
        for name, run in (("old", comparison.old), ("new", comparison.new))
    }
    return {
        "type": "comparison",
        "format": FORMAT,
        **runs,
        "lost_ground": bool(comparison.lost),
        "summary": summary(comparison),
        "notes": list(comparison.notes),
        "compared": comparison.compared,
        "still_failing": comparison.failing,
        "clauses": [{**vars(change), "level": load_clauses()[change.clause].level} for change in comparison.clauses],
        "changes": [
            {**vars(change), "level": load_clauses()[change.clause].level}
            for kind in KINDS
            for change in comparison.of_kind(kind)
        ],
    }
