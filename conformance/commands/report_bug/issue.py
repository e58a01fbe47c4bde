"""The draft of an issue for the maintainers of what was judged, in Markdown: a pure function."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from conformance.commands.report_bug.plan import PROGRAM, SEEN, BugReport
from conformance.contract.clauses import load_clauses
from conformance.contract.explanations import load_explanations, load_requirements
from conformance.contract.manifest import Manifest
from conformance.reporting.foreign import code_block, code_span, in_markdown
from conformance.reporting.results import Header
from conformance.runner.resolve import manifest_file
from conformance.runner.target_folders import FOLDER_OF_A_CASE

__all__ = ["draft", "without_folders"]

_TRAPS = {"javascript": "Node", "typescript": "Node", "c++": "C", "kotlin": "Java", "bash": "shell", "sh": "shell"}
_MOST_CASES = 8
_IMPL = re.compile(r"--impl (?:'[^']*'|\S+)")  # a path of this machine


def without_folders(text: str) -> str:
    """The text without the temporary folders of the run, which say nothing to anyone else."""
    return FOLDER_OF_A_CASE.sub("", text)


def draft(report: BugReport, header: Header, manifest: Manifest) -> str:
    """The issue as Markdown: what a user loses, how to see it, what the fix usually is, and where it was seen."""
    return "\n".join(line for part in _parts(report, header, manifest) for line in (*part, ""))


def _parts(report: BugReport, header: Header, manifest: Manifest) -> Iterator[list[str]]:
    requirement, explanation = load_requirements()[report.clause.id], load_explanations().get(report.clause.id)
    first = report.results[0]
    about = header.implementation
    yield [f"# {report.title}"]
    attach = " Attach this folder: repro.py needs the files beside it." if report.check else ""
    if not report.check and manifest_file(manifest):
        attach = " Attach this folder: the command that repeats it needs the program."
    yield [
        f"<!-- A draft. Run the repro, read it through, and search for the same report before you send it.{attach} -->"
    ]
    yield ["## What a user loses"]
    yield [report.check.loses if report.check and report.check.loses else _plain(requirement.why)]
    yield ["## What happens"]
    yield [f"{in_markdown(without_folders(_message(first.message)))}."]
    if trace := first.evidence.get("trace"):
        yield ["The system calls of the write, where an arrow marks the one in question:"]
        yield [code_block(map(str, trace))]
    if report.check and report.check.replay and (transcript := first.evidence.get("transcript")):
        yield ["The last request, and what came back:"]
        yield [code_block([without_folders(str(transcript[-1]))])]
    yield from _cases(report)
    yield ["## How to see it"]
    yield from _how(report, manifest)
    if report.check and report.check.fix:
        yield ["## What the fix usually is"]
        yield [report.check.fix]
    elif explanation:
        yield ["## What the fix usually is"]
        yield [_plain(explanation.fix)]
        language = _TRAPS.get(manifest.language.lower(), manifest.language.capitalize())
        if trap := explanation.traps.get(language):
            yield [f"In {language}: {_plain(trap)}"]
    yield ["## Where it was seen"]
    system = " ".join(header.platform.get(name, "") for name in ("system", "release", "machine")).strip()
    version = f"{about.get('name', '')} {about.get('version', '')}".strip()
    yield [f"{in_markdown(version)}, {in_markdown(system)}, {in_markdown(header.file_system)}."]
    yield [
        f"Found by pulse-kit {in_markdown(header.kit)} (`python -m pip install pulse-kit`), a conformance kit for "
        f"programs that replace a file. Its {_requirements(report)}."
    ]


def _how(report: BugReport, manifest: Manifest) -> Iterator[list[str]]:
    if report.check is None:
        yield ["There is no script for this one: what was seen is given as evidence (`evidence.json`) only."]
        repeat = report.results[0].repro
        if repeat:
            yield ["With the kit (`python -m pip install pulse-kit`), in the folder that comes with this report:"]
            yield [code_block([_with_program(without_folders(repeat), manifest)], "sh")]
        return
    yield [f"`repro.py`, in the folder that comes with this report. {report.check.how}"]
    yield [code_block(["python3 repro.py"], "sh")]
    needs = "" if report.check.replay else ", Linux with strace"
    yield [
        f"It needs Python 3.9 or later{needs}, and what the program itself needs; nothing of the kit. It "
        "prints what it saw, and ends with 1 if the failure happens, 0 if it does not, 2 if this machine cannot tell."
    ]
    if manifest.setup:
        commands = ", ".join(code_span(shlex.join(command)) for command in manifest.setup)
        yield [f"The first run builds the program, and so does one after a change of it: {commands} in `program`."]


def _with_program(command: str, manifest: Manifest) -> str:
    """The command for the copy of the program in the report's folder; as it is where there is no manifest to copy."""
    file = manifest_file(manifest)
    return _IMPL.sub(lambda _: f"--impl {shlex.quote(f'{PROGRAM}/{file.name}')}", command) if file else command


def _cases(report: BugReport) -> Iterator[list[str]]:
    others = report.results[1:]
    if others:
        yield ["Seen in these cases, too:"]
        yield [f"- {one.clause} {code_span(one.case)}" for one in others[:_MOST_CASES]]
    if len(others) > _MOST_CASES:
        yield [f"and in {len(others) - _MOST_CASES} more (`evidence.json`)."]
    if report.also:
        names = ", ".join(dict.fromkeys(one.clause for one in report.also))
        yield [f"The same cause shows in {len(report.also)} more cases, of {names}."]


def _message(message: str) -> str:
    """What was seen, without the reason that a manifest gives for a known failure."""
    return message.rpartition(SEEN)[2].rstrip(". ")


def _requirements(report: BugReport) -> str:
    clauses = list(dict.fromkeys(result.clause for result in report.results))
    titles = [f"{clause} ({_plain(load_clauses()[clause].title)})" for clause in clauses]
    return f"{'requirement' if len(titles) == 1 else 'requirements'} {', '.join(titles)}"


def _plain(text: str) -> str:
    """Text of the contract, which is Markdown, without links into this project."""
    return re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)
