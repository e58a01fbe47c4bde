"""The answers about one watched file: pure functions on what was seen."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from conformance.commands.observe.durations import in_words
from conformance.commands.observe.names import Beside, left_behind, shapes_of
from conformance.commands.observe.rewrites import OperationLog
from conformance.commands.observe.tally import LATE_SECONDS, OneRead, Tally
from conformance.commands.observe.watching import Watched
from conformance.reporting.results import counted

__all__ = ["QUESTIONS", "Answer", "Question", "answers_of", "handling", "time_of_day"]

Question = Literal["torn", "missing", "place", "synced", "older", "attributes", "temps"]
Verdict = Literal["yes", "no", "not measured"]

QUESTIONS: Mapping[Question, tuple[str, str]] = {
    "torn": ("a reader finds it empty or torn", "VIS-05"),
    "missing": ("a reader finds no file", "VIS-05"),
    "place": ("its bytes change in place", "VIS-01"),
    "synced": ("it is renamed before it is synced", "PWR-01"),
    "older": ("a reader finds an older one again", "CON-03"),
    "attributes": ("mode, owner or link is lost", "MET-01"),
    "temps": ("temps are left behind", "FLT-02"),
}
"""Each question in words, and the clause of the contract that it belongs to; in the order of the answers.

``synced`` is answered where the calls of a process are traced.
"""

_SHOWN_TEMPS = 3


@dataclass(frozen=True)
class Answer:
    """The answer to one question: what was seen, out of how many, or why nothing was measured."""

    question: Question
    verdict: Verdict
    text: str
    of: int = 0


def answers_of(
    watched: Watched,
    temp_age: float,
    clock: Callable[[float], str] | None = None,
    log: OperationLog | None = None,
) -> tuple[Answer, ...]:
    """The answers about a file, in the order of `QUESTIONS`; none when it was never there.

    ``temp_age`` is how old a temp has to be, in seconds, to be left behind. ``clock`` turns a moment (of the monotonic
    clock) into the time of day. ``log`` is what the calls of a traced process say.
    """
    tally = watched.tally
    if not tally.reads:
        return ()
    at = clock or time_of_day(0.0)
    return (
        _torn(tally, at),
        _missing(watched, at),
        _place(watched, at, log),
        *([_synced(log)] if log is not None else []),
        _older(tally),
        _attributes(tally),
        _temps(watched, temp_age),
    )


def time_of_day(ahead: float) -> Callable[[float], str]:
    """Turns moments into times of day: ``ahead`` is by how many seconds that clock is ahead of the monotonic one."""
    return lambda moment: f"{datetime.datetime.fromtimestamp(moment + ahead):%H:%M:%S.%f}"[:-3]


def _torn(tally: Tally, at: Callable[[float], str]) -> Answer:
    reads = counted(tally.reads, "reads")
    found = [
        f"{number:,} {word}, the first at {at(first.moment)} with {first.size:,} bytes"
        for number, word, first in (
            (tally.empty, "empty", tally.first_empty),
            (tally.torn, f"no whole {tally.kind or 'file'}", tally.first_torn),
        )
        if number and isinstance(first, OneRead)
    ]
    if found:
        return Answer("torn", "yes", f"of {reads}: {'; '.join(found)}", tally.reads)
    if tally.journaled:
        return Answer("torn", "not measured", f"{tally.kind}: its library restores it from a journal", tally.reads)
    if tally.unread:
        return Answer("torn", "not measured", f"over 16 MiB in {tally.unread:,} of {reads}", tally.reads)
    if tally.valid is None:
        return Answer("torn", "not measured", f"never empty in {reads}; what is whole: see --valid", tally.reads)
    return Answer("torn", *_unless_unchanged(tally, f"in {reads}"), tally.reads)


def _unless_unchanged(tally: Tally, text: str) -> tuple[Verdict, str]:
    return ("no", text) if tally.changed else ("not measured", f"it did not change in {counted(tally.reads, 'reads')}")


def _never_replaced(tally: Tally) -> str:
    return f"in {counted(tally.changed, 'changes')}, none of them a new file"


def _missing(watched: Watched, at: Callable[[float], str]) -> Answer:
    tally, names = watched.tally, watched.names
    looks = counted(tally.looks, "looks")
    found = []
    if tally.missing_looks:
        first = tally.gaps[0]
        lasted = in_words(first.end - first.start)
        found.append(f"{tally.missing_looks:,} of {looks}, the first at {at(first.start)}, for {lasted}")
    if tally.refused_later:
        found.append(f"{tally.refused_later:,} of {looks} were refused: {tally.first_refusal}")
    found += [f"{number:,} of {looks} found {what}" for what, number in tally.instead.items()]
    if found:
        return Answer("missing", "yes", "; ".join(found), tally.looks)
    if names.returned:
        text = f"never in {looks}, but {counted(names.returned, 'times')} the name was free before a new file had it"
        return Answer("missing", "yes", text, tally.looks)
    return Answer("missing", *_unless_unchanged(tally, f"in {looks}"), tally.looks)


def _place(watched: Watched, at: Callable[[float], str], log: OperationLog | None) -> Answer:
    tally, names = watched.tally, watched.names
    if tally.journaled:
        return Answer("place", "not measured", f"{tally.kind}: changed in place by design")
    if log is not None and (often := log.by_how().get("in place")):
        of = log.rewrites.total()
        first = next(each for each in log.rewrites if each.how == "in place")
        return Answer("place", "yes", f"{often:,} of {counted(of, 'rewrites')} by the process: {first}", of)
    by_reading = watched.numbers_tell and tally.rewrite is not None
    if by_reading and tally.rewrite is not None:
        sizes = " → ".join(f"{size:,}" for size in tally.rewrite.sizes)
        text = f"{tally.rewritten:,} of {counted(tally.changed, 'changes')}, the first at {at(tally.rewrite.moment)}"
        return Answer("place", "yes", f"{text}: {sizes} bytes", tally.changed)
    if names.created:
        text = f"{counted(names.created, 'times')} a new file was made under its own name, and filled there"
        return Answer("place", "yes", text, tally.changed)
    if names.written and not tally.appended:
        text = f"its bytes were changed at least {counted(names.written, 'times')}, too quickly for the reads"
        return Answer("place", "yes", text, tally.changed)
    if not (watched.numbers_tell or watched.events):
        return Answer("place", "not measured", f"{watched.file_system} does not tell a new file from the old one")
    appended = f"; bytes were appended {counted(tally.appended, 'times')}" if tally.appended else ""
    text = f"in {counted(tally.changed, 'changes')}{appended}"
    return Answer("place", *_unless_unchanged(tally, text), tally.changed)


def _synced(log: OperationLog) -> Answer:
    replaced = {each: times for each, times in log.rewrites.items() if each.how == "replaced"}
    of = sum(replaced.values())
    unsynced = [each for each in replaced if each.synced is False]
    unknown = sum(times for each, times in replaced.items() if each.synced is None)
    if log.unknown:
        text = f"the process calls {', '.join(sorted(log.unknown))}, which may write and sync unseen"
        return Answer("synced", "not measured", text, of)
    if unsynced:
        often = sum(replaced[each] for each in unsynced)
        return Answer("synced", "yes", f"{often:,} of {counted(of, 'new files')}: {unsynced[0]}", of)
    if not of:
        return Answer("synced", "not measured", "no new file got its name by the process")
    if unknown:
        text = f"{unknown:,} of {counted(of, 'new files')} were not seen from their first byte on"
        return Answer("synced", "not measured", text, of)
    return Answer("synced", "no", f"in {counted(of, 'new files')}", of)


def _older(tally: Tally) -> Answer:
    files = counted(tally.replaced, "new files")
    if tally.older:
        text = f"{tally.older:,} of {files} older than the one before, by up to {in_words(tally.oldest_by)}"
        return Answer("older", "yes", text, tally.replaced)
    if not tally.replaced:
        return Answer("older", *_unless_unchanged(tally, _never_replaced(tally)), tally.changed)
    slightly = f" ({tally.slightly_older:,} by less than {LATE_SECONDS:g} s)" if tally.slightly_older else ""
    return Answer("older", "no", f"in {files}{slightly}", tally.replaced)


def _attributes(tally: Tally) -> Answer:
    files = counted(tally.replaced, "new files")
    if tally.lost:
        what = "; ".join(f"{text} ({number:,} of {files})" for text, number in tally.lost.items())
        return Answer("attributes", "yes", what, tally.replaced)
    if not tally.replaced:
        return Answer("attributes", *_unless_unchanged(tally, _never_replaced(tally)), tally.changed)
    return Answer("attributes", "no", f"in {files}", tally.replaced)


def _temps(watched: Watched, temp_age: float) -> Answer:
    if watched.beside is None:
        return Answer("temps", "not measured", "the folder could not be listed")
    found = left_behind(watched.names.name, watched.beside, shapes_of(watched.names.sources))
    old = [each for each in found if each.age >= temp_age]
    young = len(found) - len(old)
    names = counted(len(watched.beside), "files")
    in_use = f"; {young} younger than {in_words(temp_age)} may be in use (--temp-age)" if young else ""
    if old:
        return Answer("temps", "yes", f"{len(old):,} of {names} beside it: {_listed(old)}{in_use}", len(watched.beside))
    if young:
        return Answer("temps", "not measured", in_use.removeprefix("; "), len(watched.beside))
    return Answer("temps", "no", f"none of {names} beside it looks like one", len(watched.beside))


def _listed(temps: list[Beside]) -> str:
    oldest = sorted(temps, key=lambda each: -each.age)
    shown = ", ".join(
        f"{each.name} ({in_words(each.age)} old{', from before' if each.before else ''})"
        for each in oldest[:_SHOWN_TEMPS]
    )
    return f"{shown} and {len(temps) - _SHOWN_TEMPS} more" if len(temps) > _SHOWN_TEMPS else shown


def handling(watched: Watched) -> str:
    """How the file was changed, in words; empty when it was not."""
    return "; ".join(_handling(watched))


def _handling(watched: Watched) -> Iterator[str]:
    tally, names = watched.tally, watched.names
    if names.renamed:
        shapes = shapes_of(names.sources)
        sources = " and ".join(str(shape) for shape in shapes[:2]) + (" and others" if len(shapes) > 2 else "")
        kind = ", exchanged" if names.exchanged else ""
        yield f"a rename from {sources or 'another folder'}{kind} ({counted(names.renamed, 'times')})"
    if names.linked:
        yield f"a link to a whole file ({counted(names.linked, 'times')})"
    if names.created:
        after = ", after the old one was removed" if names.removed else ""
        yield f"a new file under its name{after} ({counted(names.created, 'times')})"
    if tally.rewritten:
        yield f"in place ({counted(tally.rewritten, 'times')} seen)"
    if tally.appended:
        yield f"by appending ({counted(tally.appended, 'times')} seen)"
    if tally.replaced and not names.replaced:
        yield f"by a new file ({counted(tally.replaced, 'times')} seen)"
