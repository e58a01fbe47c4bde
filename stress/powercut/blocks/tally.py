"""All states of one file system, counted. No I/O here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.oracle.document import shown
from conformance.reporting.results import counted
from stress.powercut.blocks.rounds import Round
from stress.powercut.blocks.states import Plan, State, StateKind
from stress.powercut.blocks.verdict import Outcome, Seen
from stress.powercut.prediction import Foreseen

__all__ = ["Found", "Look", "NextFailure", "Tally", "evidence_of", "failed_clauses"]

_EXAMPLES = 3  # failures of a kind that are kept as evidence
_LIED: StateKind = "flushes ignored"
_PLURALS: Mapping[StateKind, str] = {"prefix": "prefixes", "partial write": "partial block writes", "subset": "subsets"}


@dataclass(frozen=True)
class Look:
    """One state of a round, what was seen, and what it means. ``number`` is its place in the plan of this recording, if
    it has one, and ``name`` finds it again in another one. ``foreseen`` is what the model allows, None if it was not
    asked. ``written`` says in words which writes of the epoch were on the disk.
    """

    number: int | None
    name: str
    round: Round
    state: State
    seen: Seen
    outcome: Outcome
    acknowledged: int
    foreseen: Foreseen | None
    written: str

    @property
    def label(self) -> str:
        """What to call it."""
        return self.name if self.number is None else str(self.number)

    def described(self) -> str:
        """The state in words."""
        return f"{self.round.described()}; {self.state.kind}: {self.written}"


def failed_clauses(look: Look) -> list[str]:
    """The clauses of which a state is a failure of the writer."""
    torn = look.outcome.kind in ("torn", "missing")
    if look.state.kind == _LIED:
        return []
    return ["PWR-02"] * (look.outcome.undone > 0) + ["PWR-03"] * torn


@dataclass(frozen=True)
class NextFailure:
    """Why the write of a new process to a recovered disk has failed; ``hung``: it has not answered."""

    text: str
    hung: bool = False


@dataclass
class Found:
    """What states have shown, by kind. ``undone`` counts those in which acknowledged writes were lost, and ``both``
    those of them that are torn or missing, too.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    undone: int = 0
    both: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one."""
        self.kinds[outcome.kind] += 1
        self.undone += outcome.undone > 0
        self.both += outcome.undone > 0 and outcome.kind != "lost"

    @property
    def states(self) -> int:
        """How many were counted."""
        return self.kinds.total()

    @property
    def failures(self) -> int:
        """How many were torn, missing or lost."""
        return self.states - self.kinds["kept"] - self.kinds["unmountable"]

    def sentence(self) -> str:
        """The counts in words."""
        both = f", {self.both:,} of them torn or missing" if self.both else ""
        unmountable = self.kinds["unmountable"]
        not_mounted = f", {unmountable:,} that the file system could not mount" if unmountable else ""
        return (
            f"{self.kinds['torn']:,} torn, {self.kinds['missing']:,} missing, {self.undone:,} with acknowledged writes "
            f"lost{both}{not_mounted}"
        )


@dataclass
class Tally:
    """The states of one file system, added up by `add`. ``lied`` are those of a disk that ignores flushes: they are no
    failure of the writer. ``not_compared`` says why the model was not asked, where it was not, ``not_together`` why
    there is only one writer at a time, and ``not_held`` why none was held after its calls. ``unmounted`` counts the
    prefixes that could not be mounted, and ``unmounted_of_control`` is their share with the kit's own writer.
    ``allowed`` counts the states for which the model allowed what would be a failure there, by kind; ``forbidden`` are
    those kinds that fail PWR-01, and ``shown`` the kinds of the failures that were seen. ``kept``
    are the folders of the images that were kept, ``not_kept`` says why others were not.
    """

    file_system: str
    found: Found = field(default_factory=Found)
    lied: Found = field(default_factory=Found)
    looked_at: Counter[StateKind] = field(default_factory=Counter)
    possible: Counter[StateKind] = field(default_factory=Counter)
    most_prefixes: int = 0  # of a recording
    documents: int = 0
    first_failures: dict[str, int] = field(default_factory=dict)  # clause → the failing state, counted from 1
    next_writes: int = 0
    next_failures: int = 0
    next_hung: bool = False
    compared: int = 0
    not_compared: str = ""
    contradictions: list[dict[str, Any]] = field(default_factory=list)
    contradicted: int = 0
    allowed: Counter[str] = field(default_factory=Counter)
    forbidden: set[str] = field(default_factory=set)
    shown: set[str] = field(default_factory=set)
    seconds: float = 0.0  # of looking at states
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # clause → its first failures
    kept: list[str] = field(default_factory=list)
    not_kept: list[str] = field(default_factory=list)
    not_together: str = ""
    not_held: str = ""
    unmounted: int = 0
    unmounted_of_control: float = 0.0

    @property
    def states(self) -> int:
        """How many states were looked at."""
        return self.looked_at.total()

    @property
    def unmounted_share(self) -> float:
        """Which part of the prefixes could not be mounted. Each is what a disk had at some moment."""
        return self.unmounted / max(1, self.looked_at["prefix"])

    def planned(self, played: Round, plan: Plan) -> None:
        """Count a recording, and the states that it gave to choose from."""
        self.documents += played.writers * played.writes
        self.possible.update(plan.possible)
        self.most_prefixes = max(self.most_prefixes, plan.possible.get("prefix", 0))

    def is_first_of_its_kind(self, look: Look) -> bool:
        """Whether a state that was not counted yet shows a failure of the writer that none before has shown."""
        kind = look.outcome.kind
        return kind != "kept" and look.state.kind != _LIED and not self.found.kinds[kind]

    def add(self, look: Look) -> None:
        """Count one state."""
        self.looked_at[look.state.kind] += 1
        if look.state.kind == _LIED:
            self.lied.add(look.outcome)
            return
        self.found.add(look.outcome)
        self.unmounted += (look.outcome.kind, look.state.kind) == ("unmountable", "prefix")
        if look.outcome.kind not in ("kept", "unmountable"):
            self.shown |= {look.outcome.kind, str(look.outcome.state)}
        disagreement = self._compare(look)
        for clause in failed_clauses(look):
            self.first_failures.setdefault(clause, self.states)
            self._example(clause, {"found": f"{look.outcome.text}{disagreement}", **evidence_of(look)})

    def _compare(self, look: Look) -> str:
        foreseen = look.foreseen
        if foreseen is None or look.outcome.kind == "unmountable":
            return ""
        self.compared += 1
        self.allowed["torn"] += "torn" in foreseen.states
        must_exist = look.round.exists or look.acknowledged > 0
        self.allowed["missing"] += must_exist and "missing" in foreseen.states
        forbidden = {"torn", "missing"} if look.round.exists else {"torn"}  # a first document is lost, not missing
        self.forbidden.update(forbidden & foreseen.states)
        self.allowed["lost"] += any(isinstance(s, int) and s < look.acknowledged for s in foreseen.states)
        if look.outcome.state in foreseen.states:
            return ""
        self.contradicted += 1
        allowed = ", ".join(sorted(f"document {s}" if isinstance(s, int) else s for s in foreseen.states))
        text = f"; the model allowed {allowed or 'nothing at all'}"
        if look.outcome.kind == "kept" and len(self.contradictions) < _EXAMPLES:
            found = f"{look.outcome.text}{text}"
            self.contradictions.append({"found": found, **evidence_of(look), "trace": list(foreseen.trace)})
        return text

    def next_write(self, look: Look, failure: NextFailure | None) -> None:
        """Count a write of a new process to a recovered disk; no ``failure`` if it succeeded."""
        self.next_writes += 1
        if failure:
            self.next_failures += 1
            self.next_hung = self.next_hung or failure.hung
            self._example("PWR-04", {"found": failure.text, **evidence_of(look)})

    @property
    def enough_next_failures(self) -> bool:
        """Whether no other write of a new process is made: each that hangs takes a minute, and none changes PWR-04."""
        return self.next_hung or self.next_failures >= _EXAMPLES

    def _example(self, clause: str, found: dict[str, Any]) -> None:
        examples = self.examples.setdefault(clause, [])
        if len(examples) < _EXAMPLES:
            examples.append(found)

    def sentence(self) -> str:
        """How much was looked at, and what was found, in one line."""
        of_kinds = ", ".join(
            f"{'all ' if count == self.possible[kind] else ''}{count:,}"
            f"{'' if count == self.possible[kind] else f' of {self.possible[kind]:,}'} {plural}"
            for kind, plural in _PLURALS.items()
            if (count := self.looked_at[kind])
        )
        return (
            f"{counted(self.found.states, 'states')} of {counted(self.documents, 'documents')} ({of_kinds}): "
            f"{self.found.sentence()}"
        )

    def of_ignored_flushes(self) -> str:
        """What a disk that ignores flushes does to the same writes."""
        if not self.lied.states:
            return ""
        return f"; with flushes ignored by the disk, {self.lied.states:,} more: {self.lied.sentence()}"

    @property
    def forbidden_unseen(self) -> bool:
        """Whether the model allowed what PWR-01 forbids, a target torn or missing, and no state showed any."""
        return bool(self.forbidden) and not self.shown & {"torn", "missing"}

    def comparison(self) -> str:
        """How the states compare with the power-loss model, in a few words."""
        outcomes = counted(self.compared, "outcomes")
        if self.contradicted:
            return f"the model calls {self.contradicted:,} of {outcomes} impossible"
        if self.compared:
            never = "".join(
                f"; it allowed {kind} {'once' if count == 1 else f'{count:,} times'}, and none was seen"
                for kind, count in sorted(self.allowed.items())
                if count and kind not in self.shown
            )
            return f"the model foresaw {'it' if self.compared == 1 else f'each of {outcomes}'}{never}"
        return f"not compared with the model: {self.not_compared or 'several wrote at once'}"


def evidence_of(look: Look) -> dict[str, Any]:
    """What a state was, and what was seen, for the report."""
    data = look.seen.data
    return {
        "state": look.label,
        "name": look.name,
        "cut": look.described(),
        "target": shown(data, 160) if data is not None else look.seen.unreadable or "missing",
        "folder": [f"{file.name}: {file.length:,} bytes" for file in look.seen.beside[:20]],
        "acknowledged": counted(look.acknowledged, "documents"),
    }
