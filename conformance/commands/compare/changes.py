"""What is different between two runs, and which of it is lost ground: pure functions (docs/compare.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from conformance.commands.compare.recorded_run import RecordedCase, RecordedRun, whole_clause
from conformance.contract.clauses import load_clauses
from conformance.reporting.verdict import clause_outcome
from conformance.runner.frozen_names import gone_cases
from conformance.runner.quick import sees_less

__all__ = ["KINDS", "Change", "ClauseChange", "Comparison", "compare", "notes_on", "require_comparable"]

Kind = Literal["worse", "better", "new", "gone"]
KINDS: tuple[Kind, ...] = get_args(Kind)
State = Literal["held", "failed", "unmeasured", "absent"]

_STATES: Mapping[str, State] = {
    "pass": "held",
    "xpass": "held",
    "fail": "failed",
    "error": "failed",
    "xfail": "failed",
    "unmeasured": "unmeasured",
    "n/a": "unmeasured",
}
# (before, now) → (what it is, whether ground is lost). What is not here is no change.
_CHANGES: Mapping[tuple[State, State], tuple[Kind, bool]] = {
    ("held", "failed"): ("worse", True),
    ("held", "unmeasured"): ("worse", True),
    ("held", "absent"): ("gone", True),
    ("failed", "held"): ("better", False),
    ("failed", "unmeasured"): ("gone", False),
    ("failed", "absent"): ("gone", True),
    ("unmeasured", "held"): ("better", False),
    ("unmeasured", "failed"): ("new", False),
    ("absent", "held"): ("new", False),
    ("absent", "failed"): ("new", False),
}


_NOTED = ("roles", "modes", "files of the kit")


@dataclass(frozen=True)
class Change:
    """One case that is not as it was. ``before`` and ``now`` are outcomes, or empty where the case did not exist.

    ``lost`` says that it is lost ground; ``message`` and ``repro`` are of the run that is named by ``now``, or else of
    the other one.
    """

    clause: str
    case: str
    kind: Kind
    before: str
    now: str
    lost: bool
    message: str = ""
    repro: str = ""


@dataclass(frozen=True)
class ClauseChange:
    """A clause whose outcome changed. ``lost`` says that it was measured and is not any more; ``message`` says why."""

    clause: str
    before: str
    now: str
    lost: bool
    message: str = ""


@dataclass(frozen=True)
class Comparison:
    """All that is different between two runs. ``compared`` is the number of cases that both of them were asked for,
    ``failing`` how many of them fail in both.
    """

    old: RecordedRun
    new: RecordedRun
    notes: tuple[str, ...]
    changes: tuple[Change, ...]
    clauses: tuple[ClauseChange, ...]
    compared: int
    failing: int

    @property
    def lost(self) -> int:
        """How many cases and clauses are lost ground."""
        return sum(change.lost for change in self.changes) + sum(clause.lost for clause in self.clauses)

    def of_kind(self, kind: Kind) -> list[Change]:
        """The changes of one kind, those first that are lost ground."""
        return sorted((change for change in self.changes if change.kind == kind), key=lambda change: not change.lost)


def require_comparable(old: RecordedRun, new: RecordedRun) -> None:
    """Raise ValueError, with one line, for runs of which nothing can be said together."""
    for what, before, now in (
        ("implementations", old.name, new.name),
        ("profiles", old.profile, new.profile),
        ("systems", old.system, new.system),
        ("points", old.selection.point, new.selection.point),
        *((name, old.beside.get(name), new.beside.get(name)) for name in _strict(old, new)),
    ):
        if before != now:
            raise ValueError(
                f"{old.source} and {new.source} have different {what}: {_listed(before)} and {_listed(now)}"
            )


def _strict(old: RecordedRun, new: RecordedRun) -> list[str]:
    """What else of the header must not differ: the command that judged, and whatever it was asked to leave out."""
    names = dict.fromkeys([*old.beside, *new.beside])
    return [name for name in names if name not in _NOTED]


def notes_on(old: RecordedRun, new: RecordedRun) -> list[str]:
    """What the reader of a comparison has to know: a sentence each."""
    notes = []
    if old.kit != new.kit:
        notes.append(f"different versions of the kit: {old.kit} and {new.kit}; a case may have become stricter")
    elif old.beside.get("files of the kit") != new.beside.get("files of the kit"):
        notes.append(f"different files of the kit, both of version {old.kit}; a case may have become stricter")
    if old.file_system != new.file_system:
        notes.append(f"different file systems: {old.file_system} and {new.file_system}")
    for name in ("roles", "modes"):
        before, now = old.beside.get(name), new.beside.get(name)
        if before != now:
            notes.append(f"different {name}: {_listed(before)} and {_listed(now)}")
    if old.selection != new.selection:
        notes.append("different selections; compared is what both runs were asked for")
    if old.selection.quick != new.selection.quick:
        notes.append(
            "only one run is quick, and visits fewer points of a write: what it passes there may fail in a whole run"
        )
    return notes


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def compare(old: RecordedRun, new: RecordedRun, *, gone: Collection[tuple[str, str]] | None = None) -> Comparison:
    """Compare two runs. ``gone`` are cases that the suite had once, by default those of this kit.

    Raises ValueError for runs that `require_comparable` refuses, or with no case in common.
    """
    gone = gone_cases() if gone is None else gone
    require_comparable(old, new)
    keys = [key for key in dict.fromkeys([*old.cases, *new.cases]) if all(_asked_for(run, *key) for run in (old, new))]
    order = list(load_clauses())
    keys.sort(key=lambda key: order.index(key[0]))
    if not any(key in old.cases and key in new.cases for key in keys):
        raise ValueError(f"{old.source} and {new.source} have no case in common")
    changes = tuple(filter(None, (_change(key, old, new, gone) for key in keys)))
    failing = sum(
        _state(run[0]) == _state(run[1]) == "failed" for run in ((old.cases.get(k), new.cases.get(k)) for k in keys)
    )
    of_clauses = [key for key in keys if (key in new.cases or key not in gone) and not _unseen(key, old, new)]
    clauses = tuple(_clause_changes(of_clauses, old, new))
    compared = sum(case != "*" for _, case in keys)
    return Comparison(old, new, tuple(notes_on(old, new)), changes, clauses, compared, failing)


def _asked_for(run: RecordedRun, clause: str, case: str) -> bool:
    if case == "*" and not run.selection.cases:  # what a run says of a clause that it measures no case of
        return run.selection.takes_clause(clause)
    return run.selection.takes(clause, case)


def _state(case: RecordedCase | None) -> State:
    return "absent" if case is None else _STATES[case.outcome]


def _counts_for_the_run(clause: str) -> bool:
    return load_clauses()[clause].level != "informative"


def _change(
    key: tuple[str, str], old: RecordedRun, new: RecordedRun, gone: Collection[tuple[str, str]]
) -> Change | None:
    """How one case changed, if it did."""
    clause, case = key
    if case == "*":
        return None  # of the clause as a whole: see `_clause_changes`
    # Where a run measured no case of the clause it says so once.
    before = old.cases.get(key) or whole_clause(old, clause)
    now = new.cases.get(key) or whole_clause(new, clause)
    states = _without_luck(before, now)
    if states == ("held", "failed") and _sees_less(old, new, key):
        states = ("unmeasured", "failed")  # it may have failed there then
    if states not in _CHANGES or _unseen(key, old, new):
        return None
    kind, lost = _CHANGES[states]
    shown = now or before
    assert shown is not None  # absent in both is no change
    return Change(
        clause,
        case,
        kind,
        before.outcome if before else "",
        now.outcome if now else "",
        lost and _counts_for_the_run(clause) and not (now is None and key in gone),
        shown.message,
        shown.repro,
    )


def _sees_less(run: RecordedRun, other: RecordedRun, key: tuple[str, str]) -> bool:
    """Whether the first run is quick and the other is not, in a case that visits fewer points then."""
    clause, case = key
    return run.selection.shortens(clause) and not other.selection.shortens(clause) and sees_less(case)


def _unseen(key: tuple[str, str], old: RecordedRun, new: RecordedRun) -> bool:
    """Whether a case that failed passes now only as far as a quick run sees, which is no repair."""
    return _without_luck(old.cases.get(key), new.cases.get(key)) == ("failed", "held") and _sees_less(new, old, key)


def _without_luck(before: RecordedCase | None, now: RecordedCase | None) -> tuple[State, State]:
    """The states of a case before and now. A pass of a flaky known failure is luck: neither held ground nor better."""
    first, then = _state(before), _state(now)
    if before is not None and before.flaky and first == "held":
        first = "failed"
    if now is not None and now.flaky and then == "held":
        then = first if first in ("held", "failed") else "failed"
    return first, then


def _clause_changes(keys: Iterable[tuple[str, str]], old: RecordedRun, new: RecordedRun) -> Iterator[ClauseChange]:
    of_clause: dict[str, list[tuple[str, str]]] = {}
    for key in keys:
        of_clause.setdefault(key[0], []).append(key)
    for clause, cases in of_clause.items():
        before, now = (_counted(run, cases) for run in (old, new))
        words = [clause_outcome(counts) if counts else "" for counts in (before, now)]
        if words[0] == words[1]:
            continue
        lost = _measured(before) and not _measured(now) and _counts_for_the_run(clause)
        unmeasured = (case for key in cases if (case := new.cases.get(key)) and _state(case) == "unmeasured")
        why = next(unmeasured, None) if not _measured(now) else None
        yield ClauseChange(clause, words[0], words[1], lost, why.message if why else "")


def _counted(run: RecordedRun, keys: Iterable[tuple[str, str]]) -> Counter[str]:
    return Counter(str(run.cases[key].outcome) for key in keys if key in run.cases)


def _measured(counts: Mapping[str, int]) -> bool:
    return any(_STATES[outcome] in ("held", "failed") for outcome, number in counts.items() if number)
