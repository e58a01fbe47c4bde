"""All states of one file system, counted, and the result lines that follow. No I/O here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.oracle.document import shown
from conformance.reporting.repeat import repeat_command
from conformance.reporting.results import Result
from stress.powercut.blocks.rounds import Round
from stress.powercut.blocks.states import Plan, State, StateKind
from stress.powercut.blocks.verdict import Outcome, Seen
from stress.powercut.prediction import Foreseen

__all__ = ["Look", "Tally", "results_of"]

_EXAMPLES = 3  # failures of a kind that are kept as evidence
_MINIMUM_STATES = 50
_LIED: StateKind = "flushes ignored"


@dataclass(frozen=True)
class Look:
    """One state of a round, what was seen, and what it means. ``foreseen`` is what the model allows, None if it was not
    asked. ``written`` says in words which writes of the epoch were on the disk.
    """

    number: int
    round: Round
    state: State
    seen: Seen
    outcome: Outcome
    acknowledged: int
    foreseen: Foreseen | None
    written: str


@dataclass
class Tally:
    """The states of one file system, added up by `add`. ``lied`` are those of a disk that ignores flushes: they are
    no failure of the writer. ``not_compared`` says why the model was not asked, where it was not, and ``not_together``
    why several writers at once were left out; ``unshown`` counts the states for which the model allowed what is wrong,
    by kind. ``kept`` are the folders of the images that were kept.
    """

    file_system: str
    kinds: Counter[str] = field(default_factory=Counter)
    lied: Counter[str] = field(default_factory=Counter)
    looked_at: Counter[StateKind] = field(default_factory=Counter)
    possible: Counter[StateKind] = field(default_factory=Counter)
    recordings: int = 0
    writes: int = 0
    undone: int = 0
    most_undone: int = 0
    first_failure: int = 0  # after how many states
    next_writes: int = 0
    next_failures: int = 0
    compared: int = 0
    not_compared: str = ""
    contradictions: list[dict[str, Any]] = field(default_factory=list)
    contradicted: int = 0
    unshown: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # clause → its first failures
    kept: list[str] = field(default_factory=list)
    not_together: str = ""

    @property
    def states(self) -> int:
        """How many states were looked at."""
        return sum(self.looked_at.values())

    def planned(self, played: Round, plan: Plan) -> None:
        """Count a recording, and the states that it gave to choose from."""
        self.recordings += 1
        self.writes += played.writers * played.writes
        self.possible.update(plan.possible)

    def is_first_of_its_kind(self, look: Look) -> bool:
        """Whether a state that was not counted yet shows a failure of the writer that none before has shown."""
        kind = look.outcome.kind
        return kind != "kept" and look.state.kind != _LIED and not self.kinds[kind]

    def add(self, look: Look) -> None:
        """Count one state."""
        kind = look.outcome.kind
        self.looked_at[look.state.kind] += 1
        if look.state.kind == _LIED:
            self.lied[kind] += 1
            return
        self.kinds[kind] += 1
        if kind in ("kept", "unmountable"):
            self._compare(look)
            return
        self.first_failure = self.first_failure or self.states
        self.undone += look.outcome.undone > 0
        self.most_undone = max(self.most_undone, look.outcome.undone)
        disagreement = self._compare(look)
        found = {"found": f"{look.outcome.text}{disagreement}", **evidence_of(look)}
        if look.outcome.undone:
            self._example("PWR-02", found)
        if kind in ("torn", "missing"):
            self._example("PWR-03", found)

    def _compare(self, look: Look) -> str:
        foreseen = look.foreseen
        if foreseen is None or look.outcome.kind == "unmountable":
            return ""
        self.compared += 1
        self.unshown.update({"torn", "missing"} & foreseen.states)
        self.unshown["lost"] += any(isinstance(s, int) and s < look.acknowledged for s in foreseen.states)
        if look.outcome.state in foreseen.states:
            return ""
        self.contradicted += 1
        allowed = ", ".join(sorted(f"document {s}" if isinstance(s, int) else s for s in foreseen.states))
        text = f"; the model allowed {allowed or 'nothing at all'}"
        if look.outcome.kind == "kept" and len(self.contradictions) < _EXAMPLES:
            found = f"{look.outcome.text}{text}"
            self.contradictions.append({"found": found, **evidence_of(look), "trace": list(foreseen.trace)})
        return text

    def next_write(self, look: Look, failure: str) -> None:
        """Count a write of a new process to a recovered disk; ``failure`` is empty if it succeeded."""
        self.next_writes += 1
        if failure:
            self.next_failures += 1
            self._example("PWR-04", {"found": failure, **evidence_of(look)})

    def _example(self, clause: str, found: dict[str, Any]) -> None:
        examples = self.examples.setdefault(clause, [])
        if len(examples) < _EXAMPLES:
            examples.append(found)

    def sentence(self) -> str:
        """How much was looked at, and what was found, in one line."""
        of_kinds = ", ".join(
            f"{'all ' if count == self.possible[kind] else ''}{count:,}"
            f"{'' if count == self.possible[kind] else f' of {self.possible[kind]:,}'} {_PLURALS[kind]}"
            for kind, count in self.looked_at.items()
            if kind != _LIED
        )
        unmountable = self.kinds["unmountable"]
        not_mounted = f"; {unmountable:,} that the file system could not mount" if unmountable else ""
        return (
            f"{sum(self.kinds.values()):,} states of {self.writes:,} writes ({of_kinds}): {self.kinds['torn']:,} torn, "
            f"{self.kinds['missing']:,} missing, {self.undone:,} with acknowledged writes lost{not_mounted}"
        )

    def of_ignored_flushes(self) -> str:
        """What a disk that ignores flushes does to the same writes."""
        if not self.lied:
            return ""
        counts = ", ".join(f"{self.lied[kind]:,} {kind}" for kind in ("torn", "missing", "lost", "unmountable"))
        return f"; with flushes ignored by the disk, {sum(self.lied.values()):,} more: {counts}"

    def comparison(self) -> str:
        """How the states compare with the power-loss model, in a few words."""
        if self.contradicted:
            return f"the model calls {self.contradicted:,} of {self.compared:,} outcomes impossible"
        if self.compared:
            never = "".join(f"; it allowed {kind} {count:,} times, and none was seen" for kind, count in self._unseen())
            return f"the model foresaw each of {self.compared:,} outcomes{never}"
        return f"not compared with the model: {self.not_compared or 'several wrote at once'}"

    def _unseen(self) -> list[tuple[str, int]]:
        return [(kind, count) for kind, count in sorted(self.unshown.items()) if count and not self.kinds[kind]]


_PLURALS: Mapping[StateKind, str] = {
    "prefix": "prefixes",
    "torn write": "torn writes",
    "subset": "subsets",
    "flushes ignored": "with flushes ignored",
}


def evidence_of(look: Look) -> dict[str, Any]:
    """What a state was, and what was seen, for the report."""
    data = look.seen.data
    return {
        "number": look.number,
        "cut": f"{look.round.described()}; {look.state.kind}: {look.written}",
        "target": shown(data, 160) if data is not None else look.seen.unreadable or "missing",
        "folder": [f"{file.name}: {file.length:,} bytes" for file in look.seen.beside[:20]],
        "acknowledged": f"{look.acknowledged:,} writes",
    }


def results_of(tally: Tally, case: str, repro: str) -> list[Result]:
    """The result lines of one file system: one case each of PWR-02, PWR-03 and PWR-04. ``repro`` is the command that
    repeats them.

    What is torn, missing or lost is the implementation's failure, as the kit's own writer has kept everything on the
    same file system. Where nothing of that kind was found, an outcome that the model calls impossible makes PWR-03 an
    error of the kit.
    """
    after = (
        f"{tally.next_writes:,} writes of a new process, one to each kind of folder that a recovery left: "
        f"{tally.next_failures:,} failed"
    )
    rate = f"; {tally.states / tally.seconds:.0f} states a second" if tally.seconds else ""
    kept = f"; kept: {', '.join(tally.kept)}" if tally.kept else ""
    alone = f"; only one writer at a time, as two fail (see CON-01): {tally.not_together}" if tally.not_together else ""
    whole = f"{tally.sentence()}{tally.of_ignored_flushes()}; {tally.comparison()}{rate}{alone}{kept}"
    messages = {"PWR-02": tally.sentence(), "PWR-03": whole, "PWR-04": after}
    return [_result(tally, clause, case, message, repro) for clause, message in messages.items()]


def _result(tally: Tally, clause: str, case: str, message: str, repro: str) -> Result:
    seconds, counts = round(tally.seconds, 3), {"states": tally.states, "writes": tally.writes}
    examples = tally.examples.get(clause, [])
    wrong = tally.contradictions if clause == "PWR-03" and not examples else []
    if shown_first := examples or wrong:
        first = shown_first[0]
        message = f"{message}; the first: state {first['number']}, {first['cut']}: {first['found']}"
        repeat = repeat_command(repro, [("only", first["number"])])
        evidence = {"examples": shown_first, "states until the first failure": tally.first_failure}
        if wrong:
            return Result(clause, case, "error", message, evidence, repeat, seconds, blame="kit", counts=counts)
        return Result(clause, case, "fail", message, evidence, repeat, seconds, counts=counts)
    if tally.states < _MINIMUM_STATES:
        message = f"{message}; at least {_MINIMUM_STATES} states are needed: give --states"
        return Result(clause, case, "unmeasured", message, {}, repro, seconds, inconclusive=True, counts=counts)
    return Result(clause, case, "pass", message, {}, repro, seconds, counts=counts)
