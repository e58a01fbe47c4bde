"""What a person fears, and the answer for one file: pure functions on what was observed."""

from __future__ import annotations

import dataclasses
import errno
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from conformance.commands.judge.content import Wholeness, in_words
from conformance.commands.judge.execution import Traced
from conformance.commands.judge.points import Planned
from conformance.commands.judge.writes import Written, first_rewrite
from conformance.oracle.snapshot import Snapshot
from conformance.syscalls.operations import Operation
from conformance.syscalls.order import CHANGING, published_names
from conformance.syscalls.powerloss.model import Before, judge
from conformance.syscalls.tracer.calls import TraceError

__all__ = [
    "QUESTIONS",
    "Answer",
    "Attributes",
    "Change",
    "Question",
    "Resumed",
    "Verdict",
    "Visited",
    "found_at",
    "in_the_folder",
    "of_attributes",
    "of_errors",
    "of_kills",
    "of_power",
    "of_readers",
    "of_temps",
    "shown",
    "unbroken",
    "where",
    "with_next_runs",
]

Question = Literal["reader", "kill", "power", "disk", "temps", "attributes", "resume"]
Verdict = Literal["yes", "no", "not measured"]

QUESTIONS: Mapping[Question, tuple[str, str]] = {
    "reader": ("a reader can see half of it", "VIS-01"),
    "power": ("a power cut loses or empties it", "PWR-01"),
    "attributes": ("mode, owner or link is lost", "MET-01"),
    "kill": ("a kill leaves it broken", "KIL-01"),
    "resume": ("a kill stops the next run", "KIL-02"),
    "disk": ("a full disk, or another error, destroys it", "FLT-01"),
    "temps": ("temps are left after an error", "FLT-02"),
}
"""Each question in words, and the clause of the contract that it belongs to; in the order of the answers."""

_LIKELY = (errno.ENOSPC, 0, errno.EIO)  # of several errors at one operation the example is one that happens; 0: none


@dataclass(frozen=True)
class Answer:
    """The answer to one question about one file.

    ``text`` is what was seen, or why nothing was measured; ``operation`` the earliest operation that shows it, and
    ``point`` the point that does, for ``--point`` (empty: an undisturbed run shows it; with a slash: the run after a
    disturbed one does). ``tried`` of ``of`` points were
    tried. ``number`` is that of the operation, -1 where there is none, and ``source``
    the line or function that made it, empty where that is not known.
    """

    question: Question
    verdict: Verdict
    text: str
    operation: str = ""
    point: str = ""
    tried: int = 0
    of: int = 0
    number: int = -1
    source: str = ""

    @property
    def of_next_run(self) -> bool:
        """Whether the run after a disturbed one shows it."""
        return "/" in self.point


@dataclass(frozen=True)
class Change:
    """A file was ``snapshot`` from the look number ``look`` on, after the operation ``number``; -1: from the start."""

    look: int
    number: int
    snapshot: Snapshot


@dataclass(frozen=True)
class Resumed:
    """The run after a disturbed one: how often it wrote, ``why`` it did not end well (empty: it did), and its trace."""

    writes: int
    why: str = ""
    run: Traced | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Visited:
    """What a run at a point left: whether the point was ``hit``, how the run ended (None: it was stopped), the state of
    the file and whether that is none of a whole one, and what was left behind. Of a kill also how many writes were
    ``done`` before it, all new files with their states, and the run after it. ``after`` says in words what was done to
    the run before, empty where there was none.
    """

    planned: Planned
    hit: bool
    status: int | None = None
    state: str = "old"
    broken: bool = False
    left: tuple[str, ...] = ()
    operation: str = ""
    done: int = 0
    resumed: Resumed | None = None
    leftovers: Mapping[str, str] = field(default_factory=dict)
    after: str = ""

    def without_trace(self) -> Visited:
        """The same, without the trace of the run after it."""
        if self.resumed is None:
            return self
        return dataclasses.replace(self, resumed=dataclasses.replace(self.resumed, run=None))


@dataclass(frozen=True)
class Attributes:
    """A file with an unusual mode and owner before and after a run, and whether a symbolic link to it stayed one.

    ``why_not`` says why the run says nothing, ``link_why_not`` the same for the link.
    """

    before: Snapshot
    after: Snapshot
    link_kept: bool = True
    why_not: str = ""
    link_why_not: str = ""
    by_root: bool = False


def shown(operation: Operation) -> str:
    """An operation in words, with names relative to the folder; one that was made to fail with its error."""
    text = in_the_folder(str(operation))
    if not operation.call.error:
        return text
    return f"{text.removesuffix(' 0 bytes')} = {errno.errorcode.get(operation.call.error, operation.call.error)}"


def in_the_folder(text: str) -> str:
    """A text with names relative to the stage as one with names relative to the folder."""
    # Only where a name begins: a folder may be called homework.
    return re.sub(r"(?<!\S)tmp/", "$TMPDIR/", re.sub(r"(?<!\S)work/", "", text))


def of_readers(
    changes: Sequence[Change], looks: int, operations: Sequence[Operation], written: Written, whole: Wholeness
) -> Answer:
    """What readers saw during an undisturbed run, and whether bytes were changed where readers could see it."""
    texts = {each.number: shown(each) for each in operations}
    appeared = written.existed
    for change in changes:
        state = whole.state(change.snapshot)
        if whole.is_broken(state):
            text = f"a reader finds the file {in_words(state)}"
            return Answer("reader", "yes", text, texts.get(change.number, ""), number=change.number)
        if appeared and not change.snapshot.exists:
            text = "a reader finds no file"
            return Answer("reader", "yes", text, texts.get(change.number, ""), number=change.number)
        appeared = appeared or change.snapshot.exists
    in_place = [each for each in operations if each.name == written.name and _changes_bytes(each)]
    if in_place:
        text = "its own bytes are changed, and a reader may come in the middle"
        return Answer("reader", "yes", text, shown(in_place[0]), number=in_place[0].number)
    return Answer("reader", "no", f"in {looks:,} looks, one after each operation")


def _changes_bytes(operation: Operation) -> bool:
    return operation.call.succeeded and operation.kind in CHANGING and operation.kind != "allocate"


def of_power(
    operations: Sequence[Operation], written: Written, existing: Mapping[str, int], length: int | None
) -> Answer:
    """What the power-loss model says of the first rewrite. ``length`` is that of the file in bytes after it."""
    # Temps have other names in each run.
    written = dataclasses.replace(written, temps=published_names(operations, written.name) - {written.name})
    if length is None:
        return Answer("power", "not measured", "its length after the first rewrite was not seen")
    own = first_rewrite(operations, written)
    made = {each.name for each in own if each.kind in ("create", "create-unnamed") and each.call.succeeded}
    for temp in sorted(written.temps & existing.keys()):
        if temp not in made and not any(each.name == temp and _changes_bytes(each) for each in own):
            return Answer("power", "not measured", f"the new file, {in_the_folder(temp)}, was there before")
    names = {name for each in own for name in (each.name, each.other_name)}
    others = {
        name: length
        for name, length in existing.items()
        if name != written.name and (name in names or name.endswith("/"))
    }
    before = Before(written.name, existing.get(written.name), length, others)
    try:
        judgement = judge(own, before)
    except TraceError as error:
        return Answer("power", "not measured", in_the_folder(str(error)))
    which = f" of the first of {written.times} rewrites" if written.times > 1 else ""
    if judgement.torn is not None:
        number = judgement.torn.cut.operation
        at = next((shown(each) for each in own if each.number == number), "")
        story = judgement.torn.story.partition(" names: ")[2] or judgement.torn.story
        return Answer("power", "yes", f"if the power is cut then: {in_the_folder(story)}", at, number=number)
    text = f"in {judgement.states:,} states after a cut at {judgement.cuts} moments{which}"
    if judgement.lost is not None:
        text += "; but the last change may be undone: the folder was not fsynced after the rename"
    return Answer("power", "no", text)


def of_attributes(found: Attributes) -> Answer:
    """Whether the mode, the owner and a symbolic link survived."""
    lost: list[str] = []
    if found.why_not and found.link_why_not:
        return Answer("attributes", "not measured", found.why_not)
    if not found.why_not:
        if found.before.mode != found.after.mode:
            lost.append(f"mode {found.before.mode:04o} became {found.after.mode:04o}")
        if found.by_root and found.before.owner != found.after.owner:
            lost.append("owner {}:{} became {}:{}".format(*found.before.owner, *found.after.owner))
    if not found.link_why_not and not found.link_kept:
        lost.append("a symbolic link at its name was replaced by a file")
    if lost:
        return Answer("attributes", "yes", "; ".join(lost))
    checked = [] if found.why_not else ["mode", *(["owner"] if found.by_root else [])]
    checked += [] if found.link_why_not else ["symbolic link"]
    beside = [] if found.by_root else ["the owner is judged for root only"]
    beside += [each for each in (found.why_not, found.link_why_not) if each]
    return Answer("attributes", "no", "; ".join([f"{', '.join(checked)}: kept", *beside]))


def of_kills(target: str, visited: Iterable[Visited], of: int, deeper: int | None = None) -> Answer:
    """What the kills left. ``deeper`` is as in `with_next_runs`."""
    return _of_visits("kill", target, [each for each in visited if each.planned.kills], of, deeper)


def of_errors(target: str, visited: Iterable[Visited], of: int, deeper: int | None = None) -> Answer:
    """What the errors left. ``deeper`` is as in `with_next_runs`."""
    return _of_visits("disk", target, [each for each in visited if not each.planned.kills], of, deeper)


def _of_visits(question: Question, target: str, visited: Sequence[Visited], of: int, deeper: int | None) -> Answer:
    mine = [each for each in visited if each.planned.target == target]
    answer = _of_one_level(question, [each for each in mine if each.planned.after is None], of)
    if deeper is None:
        return answer
    return with_next_runs(answer, _of_one_level(question, [each for each in mine if each.planned.after], deeper))


def _of_one_level(question: Question, visited: Sequence[Visited], of: int) -> Answer:
    hits = [each for each in visited if each.hit]
    broken = [each for each in hits if each.broken]
    if broken:
        worst = min(broken, key=_likeliest_first)
        text = f"{where(worst)}, it is {in_words(worst.state)}; so at {len(broken)} of {len(hits)} points"
        return found_at(question, worst, text, len(hits), of)
    return unbroken(question, len(hits), len(visited) - len(hits), of)


def _likeliest_first(visited: Visited) -> tuple[int, int]:
    """The order in which examples are preferred: the earliest operation, and there the error that happens most."""
    error = visited.planned.point.error
    return visited.planned.point.number, _LIKELY.index(error) if error in _LIKELY else len(_LIKELY)


def where(visited: Visited) -> str:
    """Where a run was disturbed, as the start of a sentence."""
    what = visited.planned.point.what
    how = "killed there" if what == "kill" else "then the disk is full" if what == "disk-full" else "failed there"
    return f"{how} in the run after {visited.after}" if visited.after else how


def found_at(question: Question, visited: Visited, text: str, tried: int, of: int) -> Answer:
    """The answer that a point showed something."""
    return Answer(
        question, "yes", text, visited.operation, visited.planned.called, tried, of, visited.planned.point.number
    )


def with_next_runs(answer: Answer, after: Answer) -> Answer:
    """An answer, and that of the same question about the runs after the points: the first that shows something.

    The number of points in the runs after them is ``deeper`` elsewhere, None where they were not to be disturbed.
    """
    if answer.verdict == "yes":
        return answer
    tried, of = answer.tried + after.tried, answer.of + after.of
    if after.verdict == "yes":
        return dataclasses.replace(after, tried=tried, of=of)
    if answer.verdict == "not measured" and after.verdict == "not measured":
        return answer if answer.of or not after.of else after
    if not after.of:
        text = "no next run differs from an undisturbed one"
    elif after.verdict == "no":
        text = f"in the next run, {after.text}"
    else:
        text = f"of {after.of} points in the next run, none was tried or hit"
    texts = [answer.text, text] if answer.verdict == "no" else [text]
    return Answer(answer.question, "no", "; ".join(texts), tried=tried, of=of)


def unbroken(question: Question, hits: int, missed: int, of: int) -> Answer:
    """The answer to a question when none of the points that were hit shows anything."""
    beside = f"; {missed} not hit, as the operations differ from run to run" if missed else ""
    if not of:
        return Answer(question, "not measured", "there is no operation to do it at")
    if not hits:
        why = beside.removeprefix("; ") or "no point was tried: see --budget and --point"
        return Answer(question, "not measured", why, of=of)
    tried = "" if hits + missed >= of else ", the others were not tried"
    return Answer(question, "no", f"at {hits} of {of} points{tried}{beside}", tried=hits, of=of)


def of_temps(target: str, visited: Iterable[Visited], of: int, deeper: int | None = None) -> Answer:
    """What was left behind by runs that met an error and ended by themselves; a removal that failed excuses it.

    ``deeper`` is as in `with_next_runs`.
    """
    ended = [
        each
        for each in visited
        if each.hit and not each.planned.kills and each.status is not None and each.status >= 0
        if each.planned.target == target and each.planned.point.key != "unlink"
    ]
    answer = _of_those_that_ended([each for each in ended if each.planned.after is None], of)
    if deeper is None:
        return answer
    return with_next_runs(answer, _of_those_that_ended([each for each in ended if each.planned.after], deeper))


def _of_those_that_ended(ended: Sequence[Visited], of: int) -> Answer:
    left = [each for each in ended if each.left]
    if left:
        first = min(left, key=_likeliest_first)
        which = f" in the run after {first.after}" if first.after else ""
        text = f"after the error{which}, {', '.join(first.left)} is left; so at {len(left)} of {len(ended)} points"
        return found_at("temps", first, text, len(ended), of)
    return unbroken("temps", len(ended), 0, of)
