"""What ``pulse observe`` prints and writes."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from conformance.commands.observe.answers import QUESTIONS, Answer, answers_of, handling, time_of_day
from conformance.commands.observe.durations import in_words
from conformance.commands.observe.tracing import Tracing
from conformance.commands.observe.watching import Watched
from conformance.contract.clauses import load_clauses
from conformance.contract.manifest import Manifest
from conformance.reporting.escaping import printable
from conformance.reporting.header import header_of
from conformance.reporting.results import Exit, Outcome, Result, ResultsFile, counted
from conformance.reporting.verdict import decide
from conformance.system.platform import operating_system

__all__ = [
    "all_answers",
    "end_progress",
    "exit_code",
    "print_report",
    "results_of",
    "say",
    "show_progress",
    "write_results",
]

_OUTCOMES: Mapping[str, Outcome] = {"yes": "fail", "no": "pass", "not measured": "unmeasured"}
_WIDTH = max(len(words) for words, _ in QUESTIONS.values())
Answers = Mapping[Path, tuple[Answer, ...]]


def all_answers(files: Sequence[Watched], temp_age: float, traced: Tracing | None = None) -> Answers:
    """The answers about each file, by its path as it was given."""
    clock = time_of_day(time.time() - time.monotonic())
    logs = traced.logs if traced is not None else {}
    return {each.path: answers_of(each, temp_age, clock, logs.get(each.path)) for each in files}


def exit_code(answers: Answers) -> Exit:
    """1 when anything was found; 4 when a question about a file, or a file, was not measured; else 0."""
    verdicts = [answer.verdict for each in answers.values() for answer in each]
    if "yes" in verdicts:
        return Exit.NOT_CONFORMANT
    return Exit.INCONCLUSIVE if "not measured" in verdicts or not all(answers.values()) else Exit.CONFORMANT


def results_of(answers: Answers, command: str) -> list[Result]:
    """The answers as results of the clauses that they belong to, in the kit's own format."""
    return [
        Result(
            clause=QUESTIONS[answer.question][1],
            case=f"observe-{answer.question}[{path}]",
            outcome=_OUTCOMES[answer.verdict],
            message="" if answer.verdict == "no" else f"{QUESTIONS[answer.question][0]}: {answer.text}",
            evidence={"seen": answer.text},
            repro=command,
            inconclusive=answer.verdict == "not measured",
            counts={"of": answer.of} if answer.of else {},
        )
        for path, each in answers.items()
        for answer in each
    ]


def print_report(files: Sequence[Watched], answers: Answers, seconds: float, traced: Tracing | None = None) -> None:
    """Print what was seen of each file, and the end."""
    for each in files:
        say("")
        how = handling(each)
        say(f"{each.path}: {each.tally.how_often(seconds)}{f': {how}' if how else ''}")
        for note in (*each.notes, *_notes(each)):
            say(f"  note: {note}")
        if traced is not None:
            _print_rewrites(traced, each)
        if not answers[each.path]:
            say(f"  not judged: {_why_not(each)}")
        for answer in answers[each.path]:
            words = QUESTIONS[answer.question][0]
            say(f"  {words:{_WIDTH}}  {answer.verdict:12}  {'' if answer.verdict == 'yes' else answer.text}".rstrip())
            if answer.verdict == "yes":
                say(f"      {answer.text}")
    given = [answer for each in answers.values() for answer in each]
    found = counted(sum(answer.verdict == "yes" for answer in given), "findings")
    reads = counted(sum(each.tally.reads for each in files), "reads")
    say("")
    for note in traced.notes if traced is not None else ():
        say(f"note: {note}")
    say(f"{counted(len(files), 'files')} watched: {found} in {len(given)} answers; {reads} ({seconds:.1f} s)")
    if exit_code(answers) == Exit.INCONCLUSIVE:
        say("inconclusive: not everything could be measured")


def _print_rewrites(traced: Tracing, watched: Watched) -> None:
    """How the traced process has rewritten a file, most often first."""
    log = traced.logs[watched.path]
    by = len(log.processes)
    others = f", by {by} processes" if by > 1 else ""
    say(f"  {traced.in_words()}: {counted(log.rewrites.total(), 'rewrites')}{others}")
    for rewrite, times in log.rewrites.most_common():
        say(f"      {counted(times, 'times')}: {rewrite}")


def _notes(watched: Watched) -> list[str]:
    tally = watched.tally
    notes = []
    if watched.lost:
        notes.append(f"the system dropped events {counted(watched.lost, 'times')}; what they would say is not counted")
    if tally.states["busy"]:
        notes.append(f"{tally.states['busy']:,} of {counted(tally.looks, 'looks')} came while it was being replaced")
    if tally.changed >= 2:
        notes.append(
            f"between two changes: {in_words(tally.shortest)} to {in_words(tally.longest)}; "
            f"{tally.looks / tally.changed:,.1f} looks for each change"
        )
    if tally.gone is not None:
        notes.append("it is gone, and had not come back at the end")
    if tally.kind:
        notes.append(f"whole is: valid {tally.kind}")
    return notes


def _why_not(watched: Watched) -> str:
    looks, states = counted(watched.tally.looks, "looks"), watched.tally.states
    if states["refused"]:
        return f"it may not be read: refused in {states['refused']:,} of {looks}; run it as a user who may"
    if watched.tally.instead:
        return f"{next(iter(watched.tally.instead))} is there, and no file, in {looks}"
    return f"it did not exist in {looks}"


def write_results(
    file: ResultsFile, files: Sequence[Watched], answers: Answers, selection: Mapping[str, Sequence[str]], command: str
) -> None:
    """Write the header, a result for each answer, and the verdict."""
    manifest = Manifest(
        name=", ".join(str(each.path) for each in files),
        language="unknown",
        profile="replace",
        roles=("writer",),
        mode="oneshot",
        folder=files[0].folder,
        source="",
    )
    systems = list(dict.fromkeys(each.file_system for each in files))
    file.header(header_of(manifest, {}, systems, 0, selection, program="pulse observe"))
    results = results_of(answers, command)
    for result in results:
        file.result(result)
    clauses = {each.clause: load_clauses()[each.clause] for each in results}
    file.footer(decide(results, clauses, (), operating_system(), strict=True, complete=False, part="watched"))


def show_progress(files: Sequence[Watched], seconds: float) -> None:
    """Say on a terminal how far the watch has come."""
    if sys.stderr.isatty():
        reads = counted(sum(each.tally.reads for each in files), "reads")
        changes = counted(sum(each.tally.changed for each in files), "changes")
        click.echo(f"\r{seconds:,.0f} s: {reads}, {changes} ", err=True, nl=False)


def end_progress() -> None:
    """Remove what `show_progress` has shown."""
    if sys.stderr.isatty():
        click.echo("\r" + " " * 60 + "\r", err=True, nl=False)


def say(text: str) -> None:
    """Print a line, whatever characters a name has."""
    click.echo(printable(text, one_line=True))
