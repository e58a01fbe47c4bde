"""``--summary FILE``: the outcome of a run in Markdown, appended, as the job summary of a CI service wants it.

Whatever an implementation may have chosen, its name, its messages, its file names, is shown as it is: no markup in it
has an effect.
"""

from __future__ import annotations

import contextlib
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import click

from conformance.contract.clauses import GROUP_TITLES, Clause, load_clauses
from conformance.contract.errors import ImplementationError, OutputError
from conformance.reporting.foreign import code_span, in_markdown
from conformance.reporting.headline import by_clause
from conformance.reporting.results import OUTCOMES, Header, Outcome, Result, Verdict, counted
from conformance.reporting.verdict import clause_outcome, reasons_beside

__all__ = ["append", "not_started", "summary_file", "summary_of"]

_BAD: tuple[Outcome, ...] = ("fail", "error", "xpass")
# GitHub shows nothing at all of a summary of more than 1 MiB.
_SHOWN_CHARACTERS = 500  # of one text
_SHOWN_REASONS = 10


@contextlib.contextmanager
def summary_file(path: Path | None, impl: str) -> Iterator[None]:
    """Check that the summary can be written, and say in it why there is no run of ``impl`` where there is none.

    Raises click.UsageError when the file cannot be appended to.
    """
    if path is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)  # such as that of a report, which is made later
            path.open("ab").close()
        except OSError as error:
            raise click.UsageError(f"--summary {path}: cannot be written: {error}") from error
    try:
        yield
    except click.exceptions.Exit as end:
        if path is not None and isinstance(end.__cause__, ImplementationError):
            append(path, not_started(impl, end.__cause__), end.exit_code)
        raise


def append(path: Path, text: str, exit: int = 0) -> None:
    """Append a summary to the file. Raises OutputError, with the exit code of the verdict, when that fails."""
    try:
        with path.open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
            stream.write(text)
    except OSError as error:
        raise OutputError(f"{path} could not be written: {error}", exit) from error


def not_started(impl: str, error: ImplementationError) -> str:
    """The summary where no case was run."""
    lines = [f"## {in_markdown(_cut(impl))}: not judged", "", in_markdown(_cut(str(error)))]
    return _text(lines)


def summary_of(header: Header, results: Sequence[Result], verdict: Verdict | None, here: Path | None = None) -> str:
    """The summary of a run in Markdown: the verdict, a table of the groups and of each clause that is not as it should
    be, the first failure of each clause with the command that repeats it, and what was not measured.

    ``verdict`` is None for a run that did not finish. A manifest in the folder ``here`` is named as from there in the
    command: a reader of the summary has the project in another place.
    """
    counts: dict[str, Counter[str]] = {}
    for result in results:
        counts.setdefault(result.clause, Counter())[result.outcome] += 1
    bad = by_clause(result for result in results if result.outcome in _BAD)
    lines = [*_heading(header, verdict), "", *_table(counts), *_failures(bad, here)]
    if verdict is not None:
        shown = [(result.clause, result.case) for result in bad]
        reasons = reasons_beside(verdict.reasons, shown)
        shown_reasons = (*reasons[:_SHOWN_REASONS], *verdict.warnings)
        lines += ["", *(f"- {in_markdown(_cut(reason))}" for reason in shown_reasons)]
    return _text([*lines, *_unmeasured(results)])


def _text(lines: Iterable[str]) -> str:
    # Empty lines before and after it: what others append must not run into it.
    return "\n".join(["", *lines, "", ""])


def _heading(header: Header, verdict: Verdict | None) -> list[str]:
    about = header.implementation
    name = " ".join(str(word) for word in (about["name"], about.get("version")) if word)
    word = "the run did not finish, no verdict" if verdict is None else verdict.sentence
    where = f"{header.platform['system']}, {header.file_system}, kit {header.kit}, seed {header.seed}"
    return [f"## {in_markdown(_cut(name))}: {in_markdown(word)}", "", in_markdown(where)]


def _table(counts: Mapping[str, Counter[str]]) -> list[str]:
    shown = [outcome for outcome in OUTCOMES if any(of_clause[outcome] for of_clause in counts.values())]
    lines = [
        f"| clause | requirement | outcome | cases | {' | '.join(shown)} |",
        f"|---|---|---|{'--:|' * (len(shown) + 1)}",
    ]
    for group, title in GROUP_TITLES.items():
        members = [clause for clause in load_clauses().values() if clause.group == group and counts.get(clause.id)]
        if not members:
            continue
        outcomes = [clause_outcome(counts[clause.id]) for clause in members]
        concerned = [outcome for outcome in outcomes if outcome != "n/a"]
        passed = f"{concerned.count('pass')} of {len(concerned)}" if concerned else "n/a"
        total = sum((counts[clause.id] for clause in members), Counter[str]())
        lines.append(_row(f"**{group}**", f"**{title}**", f"**{passed}**", total, shown))
        lines += [
            _row(clause.id, _titled(clause), f"**{outcome}**", counts[clause.id], shown)
            for clause, outcome in zip(members, outcomes, strict=True)
            if outcome in (*_BAD, "xfail")
        ]
    return lines


def _titled(clause: Clause) -> str:
    return clause.title if clause.level == "must" else f"{clause.title} ({clause.level.upper()})"


def _row(name: str, title: str, outcome: str, counts: Counter[str], shown: Sequence[str]) -> str:
    cells = [name, title, outcome, str(sum(counts.values())), *(str(counts[one] or "") for one in shown)]
    return f"| {' | '.join(cells)} |"


def _failures(bad: Sequence[Result], here: Path | None) -> Iterator[str]:
    """The first failure of each clause, with the number of the others."""
    for clause in load_clauses():
        of_clause = [result for result in bad if result.clause == clause]
        if not of_clause:
            continue
        first = of_clause[0]
        more = f" (and {counted(len(of_clause) - 1, 'more cases')})" if len(of_clause) > 1 else ""
        yield ""
        yield f"**{first.outcome} {clause}** {code_span(_cut(first.case))}{more}: {in_markdown(_cut(first.message))}"
        yield ""
        yield f"Repeat it: {code_span(_cut(_as_from(here, first.repro)))}"


def _as_from(here: Path | None, command: str) -> str:
    """The command with ``--impl .`` or ``--impl ./PATH`` for a manifest in this folder."""
    words = shlex.split(command)
    if here is None or "--impl" not in words[:-1]:
        return command
    number = words.index("--impl") + 1
    manifest = Path(words[number])
    if not manifest.is_relative_to(here):
        return command
    path = manifest.parent if manifest.name == "implementation.toml" else manifest
    words[number] = "." if path == here else f"./{path.relative_to(here).as_posix()}"
    return shlex.join(words)


def _unmeasured(results: Sequence[Result]) -> Iterator[str]:
    """What was not measured, clauses with the same reason in one line."""
    reasons: dict[str, list[str]] = {}
    for result in results:
        if result.outcome == "unmeasured":
            name = result.clause if result.case == "*" else f"{result.clause} in part"
            reasons.setdefault(result.message, []).append(name)
    if reasons:
        yield from ("", "<details><summary>Not measured</summary>", "")
        for reason, names in reasons.items():
            yield f"- {', '.join(dict.fromkeys(names))}: {in_markdown(_cut(reason))}"
        yield from ("", "</details>")


def _cut(text: str) -> str:
    half = _SHOWN_CHARACTERS // 2
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:half]} … {text[-half:]}"
