"""What was found after a power cut, and what it means: torn, missing, lost or kept. No I/O here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from conformance.contract.errors import Violation
from conformance.oracle.document import require_values, shown
from conformance.oracle.payload import encode, identify
from conformance.oracle.snapshot import Snapshot
from conformance.reporting.repeat import repeat_command
from conformance.reporting.results import Result
from stress.powercut.prediction import Foreseen, State

__all__ = ["CLAUSES", "Finding", "Judgement", "Tally", "Way", "case_name", "judge", "require_document", "results_of"]

Way = Literal["random", "boundaries", "blocks"]
CLAUSES = ("PWR-02", "PWR-03", "PWR-04")
_CASE_OF_WAY: Mapping[Way, str] = {
    "random": "cut_at_random",
    "boundaries": "cut_at_every_boundary",
    "blocks": "cut_at_every_block",
}

_EXAMPLES = 3  # failures of a kind that are kept as evidence
_MINIMUM_CUTS = 20
_MINIMUM_IN_FLIGHT = 5
_MINIMUM_BOUNDARIES = 4  # of create, write, rename: before each, and after the last


@dataclass(frozen=True)
class Finding:
    """What was found after one cut, which ``cut`` describes; ``number`` and ``boundary`` are those of the plan.

    ``asked`` are the documents whose write was requested, in order; the first is the one that was certainly on the disk
    (None: there was no target). ``acknowledged`` is the index of the last one that was answered with ok before the cut
    began; ``begun`` that of the last one requested by then. ``next_write`` says what was wrong with the write of a new
    process after the recovery; it is empty if nothing was. ``foreseen`` is what the power-loss model predicts for the
    cut, None if it could not be asked. ``left`` counts the files in the ``listing`` that are neither the target nor
    kept beside it.
    """

    cut: str
    asked: Sequence[Mapping[str, Any] | None]
    acknowledged: int
    begun: int
    target: Snapshot
    listing: tuple[str, ...]
    next_write: str
    number: int = 0
    boundary: int = 0
    foreseen: Foreseen | None = None
    left: int = 0


@dataclass(frozen=True)
class Judgement:
    """``kind`` says what the cut did to the target, and ``state`` what the target holds now; ``behind`` counts the
    acknowledged writes that it undid.
    """

    kind: Literal["kept", "lost", "torn", "missing"]
    text: str
    state: State
    behind: int = 0


def judge(finding: Finding, profile: str) -> Judgement:
    """Judge the target: it must be one of the requested documents, whole, and not older than the last acknowledged."""

    def torn(text: str) -> Judgement:
        return Judgement("torn", text, "torn", finding.acknowledged)

    target = finding.target
    if not target.exists:
        if finding.asked[0] is not None:
            text = "there is no target, although one was on the disk before the first write"
            return Judgement("missing", text, "missing", finding.acknowledged)
        return _judge_age(finding, 0, "missing", "no target")
    if target.data is None:
        text = f"{target.what} is at the target, and no file"
        return Judgement("missing", text, "missing", finding.acknowledged)
    if not target.data.strip(b"\0"):
        return torn(f"the target consists of {len(target.data):,} zeros" if target.data else "the target is empty")
    try:
        _, sequence = identify(target.data)
        if sequence >= len(finding.asked):
            return torn(f"the target holds document {sequence}, whose write was never requested")
        require_document(target.data, finding.asked[sequence], profile)
    except Violation as violation:
        return torn(str(violation))
    return _judge_age(finding, sequence, sequence, f"document {sequence}")


def _judge_age(finding: Finding, index: int, state: State, what: str) -> Judgement:
    behind = finding.acknowledged - index
    if behind > 0:
        text = f"{what} after the recovery, although document {finding.acknowledged} had been acknowledged"
        return Judgement("lost", text, state, behind)
    return Judgement("kept", what, state)


def require_document(data: bytes, expected: Mapping[str, Any] | None, profile: str) -> None:
    """Raise Violation unless these bytes are this document: by value, or by byte in profile ``replace``."""
    if expected is None:
        raise Violation("the target holds a document whose write was never requested", bytes=shown(data))
    if profile != "replace":
        require_values(data, expected)
    elif data != encode(expected).encode("utf-8"):
        raise Violation("the target does not hold the bytes written", bytes=shown(data))


class _Disagreement(NamedTuple):
    """What the model allowed instead of what was found, in words, and from which operations that follows."""

    text: str
    evidence: Mapping[str, Any]


@dataclass
class Tally:
    """The effects of all cuts of one way on one file system, added up by `add`.

    ``not_compared`` says why the power-loss model could not be asked, if it could not. ``contradicted`` counts the
    outcomes that it calls impossible; ``contradictions`` are the first of those in which nothing was lost or torn.
    """

    file_system: str
    way: Way
    profile: str
    boundaries: int = 0
    cuts: int = 0
    in_flight: int = 0
    acknowledged: int = 0
    left_beside: int = 0
    lost_writes: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    next_failures: int = 0
    not_compared: str = ""
    foreseen: int = 0
    contradicted: int = 0
    contradictions: list[dict[str, Any]] = field(default_factory=list)
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # clause → its first failures

    def add(self, finding: Finding) -> Judgement:
        """Judge one finding and count it."""
        judgement = judge(finding, self.profile)
        self.cuts += 1
        self.boundaries = max(self.boundaries, finding.boundary + 1)
        self.in_flight += finding.begun > finding.acknowledged
        self.acknowledged += finding.acknowledged
        self.left_beside += finding.left
        self.lost_writes += judgement.behind
        self.kinds[judgement.kind] += 1
        disagreement = self._compare(judgement, finding)
        found = {"found": f"{judgement.text}{disagreement.text}", **_evidence(finding), **disagreement.evidence}
        if judgement.behind:
            self._example("PWR-02", found)
        if judgement.kind in ("torn", "missing"):
            self._example("PWR-03", found)
        elif disagreement.text and not judgement.behind and len(self.contradictions) < _EXAMPLES:
            self.contradictions.append(found)
        if finding.next_write:
            self.next_failures += 1
            self._example("PWR-04", {"found": finding.next_write, **_evidence(finding)})
        return judgement

    def _compare(self, judgement: Judgement, finding: Finding) -> _Disagreement:
        """Count whether the model had foreseen what was found, and say how it disagrees where it had not."""
        foreseen = finding.foreseen
        if foreseen is None:
            return _Disagreement("", {})
        if judgement.state in foreseen.states:
            self.foreseen += 1
            return _Disagreement("", {})
        self.contradicted += 1
        return _Disagreement(f"; the model allowed {_in_words(foreseen.states)}", {"trace": list(foreseen.trace)})

    def _example(self, clause: str, found: dict[str, Any]) -> None:
        examples = self.examples.setdefault(clause, [])
        if len(examples) < _EXAMPLES:
            examples.append(found)

    def counts(self) -> dict[str, int]:
        """The numbers of cuts and writes, for the result line."""
        return {"cuts": self.cuts, "in a write": self.in_flight, "acknowledged writes": self.acknowledged}

    def sentence(self) -> str:
        """The number of cuts and writes, and what was found, in one line."""
        where = f" at the {self.boundaries} boundaries of a write" if self.way == "boundaries" else ""
        return (
            f"{self.cuts:,} cuts{where}, {self.in_flight:,} of them in a write, {self.acknowledged:,} acknowledged "
            f"writes: {self.kinds['torn']:,} torn, {self.kinds['missing']:,} missing, {self.lost_writes:,} lost"
        )

    def comparison(self) -> str:
        """How the outcomes compare with the power-loss model, in a few words."""
        if self.contradicted:
            return f"the model calls {self.contradicted:,} of {self.cuts:,} outcomes impossible"
        if self.foreseen:
            return f"the model foresaw each of {self.foreseen:,} outcomes"
        return f"not compared with the model: {self.not_compared}"

    def too_little(self) -> str:
        """Why this is too little work to mean anything, or an empty string."""
        if self.way == "boundaries":
            return "" if self.boundaries >= _MINIMUM_BOUNDARIES else f"a write has {_MINIMUM_BOUNDARIES} and more"
        if self.cuts < _MINIMUM_CUTS or self.in_flight < _MINIMUM_IN_FLIGHT:
            return f"at least {_MINIMUM_CUTS} cuts, {_MINIMUM_IN_FLIGHT} of them in a write, are needed: give --cuts"
        return ""


def _in_words(states: Iterable[State]) -> str:
    words = (f"document {state}" if isinstance(state, int) else state for state in states)
    return ", ".join(sorted(words)) or "nothing at all"


def _evidence(finding: Finding) -> dict[str, Any]:
    data = finding.target.data
    return {
        "number": finding.number,
        "cut": finding.cut,
        "target": shown(data, 160) if data is not None else finding.target.what or "missing",
        "folder": list(finding.listing[:20]),
        "acknowledged": f"document {finding.acknowledged}" if finding.acknowledged else "nothing since the first",
        "in flight": f"document {finding.acknowledged + 1}" if finding.begun > finding.acknowledged else "nothing",
    }


def results_of(tally: Tally, repro: str) -> list[Result]:
    """The result lines of one way on one file system: one case each of PWR-02, PWR-03 and PWR-04.

    What was torn, missing or lost on a real disk is the implementation's failure, whatever the power-loss model says of
    it: the model knows only the writes that were traced, and a writer may do less when nothing traces it. Where nothing
    of that kind was found, an outcome that the model calls impossible makes PWR-03 an error of the kit. ``repro`` is
    the command that repeats the cuts.
    """
    after_recovery = (
        f"{tally.cuts:,} writes of a new process after the recovery, beside {tally.left_beside:,} files left there: "
        f"{tally.next_failures:,} failed"
    )
    compared = f"{tally.sentence()}; {tally.comparison()}"
    lost = compared if tally.lost_writes else tally.sentence()
    messages = {"PWR-02": lost, "PWR-03": compared, "PWR-04": after_recovery}
    return [_result(tally, clause, message, repro) for clause, message in messages.items()]


def _result(tally: Tally, clause: str, message: str, repro: str) -> Result:
    case, counts = case_name(tally.way, tally.file_system), tally.counts()
    examples = tally.examples.get(clause, [])
    wrong = tally.contradictions if clause == "PWR-03" and not examples else []
    if examples := examples or wrong:
        first = examples[0]
        message = f"{message}; the first: cut {first['number']}, {first['cut']}: {first['found']}"
        repeat = repeat_command(repro, [("only", first["number"])])
        if wrong:
            evidence = {"examples": examples}
            return Result(clause, case, "error", message, evidence, repeat, blame="kit", counts=counts)
        return Result(clause, case, "fail", message, {"examples": examples}, repeat, counts=counts)
    if doubt := tally.too_little():
        message = f"{message}; {doubt}"
        return Result(clause, case, "unmeasured", message, {}, repro, inconclusive=True, counts=counts)
    return Result(clause, case, "pass", message, {}, repro, counts=counts)


def case_name(way: Way, file_system: str) -> str:
    """The name of a case, as the suite names its own: what is done, a colon, the parameter."""
    return f"{_CASE_OF_WAY[way]}:{file_system}"
