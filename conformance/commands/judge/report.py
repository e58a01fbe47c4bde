"""What ``pulse judge`` prints and writes."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from conformance.commands.judge.answers import QUESTIONS, Answer
from conformance.commands.judge.elsewhere import notes_on
from conformance.commands.judge.folder import Measured
from conformance.commands.judge.inquiry import Inquiry, Judged
from conformance.commands.judge.printed import asks, telling_lines
from conformance.contract.clauses import load_clauses
from conformance.contract.manifest import Manifest
from conformance.reporting.escaping import printable
from conformance.reporting.header import header_of
from conformance.reporting.results import Exit, Outcome, Result, ResultsFile, counted
from conformance.reporting.verdict import decide
from conformance.system.platform import file_system_of, operating_system

__all__ = ["Report", "exit_code", "repeat", "results_of"]

_OUTCOMES: Mapping[str, Outcome] = {"yes": "fail", "no": "pass", "not measured": "unmeasured"}
_WIDTH = max(len(words) for words, _ in QUESTIONS.values())
_SHOWN_LINES = 5
# Options that a repeated run needs as well, by the names of their parameters.
_REPEATED = {
    "folder": "--dir",
    "valid": "--valid",
    "given": "--stdin",
    "run_seconds": "--run-seconds",
    "resume": "--resume",
    "result": "--result",
}
_DEFAULTS = {"folder": Path(), "run_seconds": 60.0, "resume": "", "result": ""}


def repeat(words: Sequence[str], given: Mapping[str, Any], target: str, answer: Answer) -> str:
    """The command that shows an answer once more."""
    options = ["--target", target.removeprefix("work/")]
    options += ["--point", answer.point] if answer.point else ["--budget", "0"]
    if answer.of_next_run:
        options += ["--depth", "2"]
    return shlex.join(["pulse", "judge", *options, *_repeated(given), "--", *words])


def _repeated(given: Mapping[str, Any]) -> list[str]:
    options: list[str] = []
    for name, option in _REPEATED.items():
        value = given.get(name)
        if value is not None and value != _DEFAULTS.get(name):
            options += [option, f"{value:g}" if isinstance(value, float) else str(value)]
    return options


def exit_code(files: Sequence[Judged]) -> Exit:
    """1 when anything was found; 4 when a file or a question about it could not be judged, or there is none; else 0."""
    answers = [answer for each in files for answer in each.answers]
    if any(answer.verdict == "yes" for answer in answers):
        return Exit.NOT_CONFORMANT
    doubts = any(answer.verdict == "not measured" and answer.question != "attributes" for answer in answers)
    if not answers or doubts or any(each.why_not and each.named for each in files):
        return Exit.INCONCLUSIVE
    return Exit.CONFORMANT


def results_of(files: Sequence[Judged], words: Sequence[str], given: Mapping[str, Any]) -> list[Result]:
    """The answers as results of the clauses that they belong to, in the kit's own format."""
    return [
        Result(
            clause=QUESTIONS[answer.question][1],
            case=f"judge[{each.name.removeprefix('work/')}]",
            outcome=_OUTCOMES[answer.verdict],
            message="" if answer.verdict == "no" else f"{QUESTIONS[answer.question][0]}: {answer.text}",
            evidence={key: value for key, value in _evidence(answer) if value},
            repro=repeat(words, given, each.name, answer),
            inconclusive=answer.verdict == "not measured",
            counts={"points": answer.tried} if answer.of else {},
        )
        for each in files
        for answer in each.answers
    ]


def _evidence(answer: Answer) -> tuple[tuple[str, str], ...]:
    return ("seen", answer.text), ("operation", answer.operation), ("made by", answer.source), ("point", answer.point)


class Report:
    """Prints the parts of one inquiry as they come."""

    def __init__(self, words: Sequence[str], given: Mapping[str, Any]) -> None:
        self._words = words
        self._given = given
        self._started = time.monotonic()
        self._shows_progress = sys.stderr.isatty()
        self._folder = Path()
        self._explained: set[str] = set()

    def copied(self, folder: Path, size: Measured) -> None:
        """What the command runs in."""
        self._folder = folder
        skipped = f", without {len(size.skipped)} that are sockets or devices" if size.skipped else ""
        _say(f"copied {counted(size.files, 'items')} ({size.size / 1024:,.0f} KiB) of {folder}{skipped}; it runs there")

    def first(self, inquiry: Inquiry, files: Sequence[Judged]) -> None:
        """The files, and what the undisturbed runs answer."""
        ended = inquiry.traced.ended
        code = f", which ends with exit code {ended.status}" if ended.status else ""
        if ended.status or not files:
            code += "".join(f"\n  it printed: {line}" for line in telling_lines(ended.printed, _SHOWN_LINES))
        operations = counted(len(ended.operations), "operations")
        _say(f"undisturbed: {ended.seconds:.2f} s, {operations} in the folder{code}")
        for note in inquiry.notes:
            _say(f"note: {note}")
        self._outside(inquiry)
        inquiry.notes.clear()
        for each in files:
            _say("")
            _say(f"{_name(each)}: {each.words}" if each.words else _name(each))
            if each.why_not:
                _say(f"  not judged: {each.why_not}")
            elif each.whole:
                _say(f"  whole is: {each.whole}")
            self._answers(each, each.answers)
        if not files:
            asking = asks(ended.printed) and self._given.get("given") is None
            _say(f"it wrote no file in the folder{'; if it asks for input: --stdin FILE' if asking else ''}")
        _say(f"({time.monotonic() - self._started:.1f} s)")

    def _outside(self, inquiry: Inquiry) -> None:
        report = inquiry.traced.ended.report
        for note in notes_on(report.outside, self._folder, self._words, os.environ, _repeated(self._given)):
            _say(f"note: {note}")
        if report.outlived:
            _say(
                "note: a process of it still ran when it ended, and was stopped; what such a process does is not judged"
            )

    def progress(self, done: int, of: int) -> None:
        """How far the disturbed runs have come, on a terminal."""
        if self._shows_progress:
            click.echo(f"\r{done} of {of} points", err=True, nl=False)

    def last(self, inquiry: Inquiry, files: Sequence[Judged], file: ResultsFile | None, folder: Path) -> Exit:
        """What the disturbed runs answer, and the end. Returns the exit code."""
        if self._shows_progress and inquiry.points:
            click.echo("\r" + " " * 40 + "\r", err=True, nl=False)
        for note in inquiry.notes:
            _say(f"note: {note}")
        for each in files:
            if later := each.answers[3:]:
                _say("")
                _say(_name(each))
                self._answers(each, later)
        _say("")
        answers = [answer for each in files for answer in each.answers]
        verdicts = Counter(answer.verdict for answer in answers)
        unknown = verdicts["not measured"]
        found = f"{counted(verdicts['yes'], 'findings')} in {counted(len(answers) - unknown, 'answers')}"
        found += f"; {unknown} not measured" if unknown else ""
        judged = counted(len([each for each in files if each.answers]), "files")
        tried = f"{inquiry.tried} of {counted(inquiry.points, 'points')} tried"
        if inquiry.wish.depth > 1:
            differing = counted(len(inquiry.courses), "differing next runs")
            tried += f", and {inquiry.deeper_tried} of {inquiry.deeper_points} in {differing}"
        missing = inquiry.tried < inquiry.points or inquiry.deeper_tried < inquiry.deeper_points
        more = "; more with --budget" if missing else ""
        seconds = time.monotonic() - self._started
        code = exit_code(files)
        _say(f"{judged} judged: {found}; {tried}{more} ({seconds:.1f} s)")
        if code == Exit.INCONCLUSIVE:
            _say("inconclusive: not everything could be judged")
        if file is not None:
            self._write(file, inquiry, files, folder)
        return code

    def _answers(self, each: Judged, answers: Sequence[Answer]) -> None:
        for answer in answers:
            words, clause = QUESTIONS[answer.question]
            _say(f"  {words:{_WIDTH}}  {answer.verdict:12}  {'' if answer.verdict == 'yes' else answer.text}".rstrip())
            if answer.verdict == "yes":
                where = f"{answer.operation}: " if answer.operation else ""
                _say(f"      {where}{answer.text}")
                if answer.number >= 0:
                    _say(f"      made by: {answer.source or 'not known'}")
                _say(f"      repeat: {repeat(self._words, self._given, each.name, answer)}")
                if clause not in self._explained:
                    _say(f"      why, and the usual fix: pulse explain {clause}")
                self._explained.add(clause)

    def _write(self, file: ResultsFile, inquiry: Inquiry, files: Sequence[Judged], folder: Path) -> None:
        manifest = Manifest(
            name=shlex.join(self._words),
            language="unknown",
            profile="replace",
            roles=("writer",),
            mode="oneshot",
            folder=folder,
            source=shlex.join(self._words),
            command=tuple(self._words),
        )
        where = file_system_of(inquiry.stage.root)
        asked = {"target": list(self._given["targets"]), "point": [self._given["point"]]}
        if inquiry.wish.depth > 1:
            asked["depth"] = [str(inquiry.wish.depth)]
        file.header(header_of(manifest, {}, [where], inquiry.wish.seed, asked, program="pulse judge"))
        results = results_of(files, self._words, self._given)
        for result in results:
            file.result(result)
        clauses = {clause: load_clauses()[clause] for _, clause in QUESTIONS.values()}
        file.footer(decide(results, clauses, (), operating_system(), strict=True, complete=False, part="judged"))


def _name(each: Judged) -> str:
    return each.name.removeprefix("work/")


def _say(text: str) -> None:
    click.echo(printable(text))
