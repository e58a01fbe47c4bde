"""The power-loss model: from the operations of one write to the judged disk states after a power cut (clauses PWR).

Nothing here reads or writes a file. `conformance.syscalls.powerloss.states` defines the states. The new document is
what the target holds at the end of the trace; the origin of each byte distinguishes it from every other content, so the
model needs no bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from conformance.syscalls.operations import Operation
from conformance.syscalls.powerloss.content import Content, Piece, resized, size
from conformance.syscalls.powerloss.effects import Before, Effects, changed, file_names_after
from conformance.syscalls.powerloss.simulation import effects_of
from conformance.syscalls.powerloss.states import MODELS, Cut, DiskState, Model, States, cuts_of

__all__ = [
    "Before",
    "Counterexample",
    "Cut",
    "DiskState",
    "Judgement",
    "Outcome",
    "allowed_outcomes",
    "distinct_states",
    "judge",
    "materialise",
]

Outcome = Literal["old", "new", "missing", "torn"]


@dataclass(frozen=True)
class Counterexample:
    """A forbidden state: of those that the earliest possible cut allows, the one that lost the least."""

    clause: Literal["PWR-01", "PWR-02"]
    cut: Cut
    model: Model
    state: DiskState
    outcome: Outcome
    story: str


@dataclass(frozen=True)
class Judgement:
    """What the model says about a write: how much it examined, and the worst that it found (None: nothing).

    ``states`` counts the different folders of each cut under each model, ``distinct`` those of the whole write.
    """

    cuts: int
    states: int
    distinct: int
    torn: Counterexample | None  # PWR-01
    lost: Counterexample | None  # PWR-02


def judge(operations: Sequence[Operation], before: Before) -> Judgement:
    """Judge every allowed state after a cut at every point of an acknowledged write. Raises TraceError."""
    trace = _Trace(operations, before)
    states = 0
    distinct: set[tuple[tuple[str, Content], ...]] = set()
    torn: Counterexample | None = None
    for cut in trace.cuts:
        for model in MODELS:
            allowed = trace.states.at(cut, model)
            states += len(allowed)
            distinct.update(state.files for state in allowed)
        if torn is None:
            wrong: set[Outcome] = {"torn"} if before.old_length is None else {"torn", "missing"}
            torn = _counterexample(trace, "PWR-01", cut, wrong)
    lost = _counterexample(trace, "PWR-02", trace.cuts[-1], {"old", "missing", "torn"})
    return Judgement(len(trace.cuts), states, len(distinct), torn, lost)


def allowed_outcomes(operations: Sequence[Operation], before: Before, after: int | None) -> frozenset[Outcome]:
    """What the target may be after a power cut, to be compared with a real one.

    ``after`` is the number of the operation that had just ended (-1: none had begun), None for a cut at any point.
    A target that does not exist is ``missing``, whether it existed before or not. Raises TraceError, and ValueError
    for an operation that is not in the trace or never ended.
    """
    trace = _Trace(operations, before)
    cuts = [cut for cut in trace.cuts if after is None or (cut.operation == after and not cut.during)]
    if not cuts:
        raise ValueError(f"no cut after operation {after}: the trace has no such operation that ended")
    return frozenset(
        trace.outcome(state.content(before.target))
        for cut in cuts
        for model in MODELS
        for state in trace.states.at(cut, model)
    )


def distinct_states(operations: Sequence[Operation], before: Before) -> tuple[DiskState, ...]:
    """The different folders of all cuts under both models, earliest cuts first (PWR-04). Raises TraceError."""
    trace = _Trace(operations, before)
    found: dict[tuple[tuple[str, Content], ...], DiskState] = {}
    for cut in trace.cuts:
        for model in MODELS:
            for state in trace.states.at(cut, model):
                found.setdefault(state.files, state)
    return tuple(found.values())


def materialise(state: DiskState, old: Mapping[str, bytes], new: bytes) -> dict[str, bytes]:
    """The files of a state with real bytes: names relative to the folder, ``/`` between folders and files.

    ``old`` are the bytes of the files before the write. A byte written at an offset of any file is taken to be the new
    document's byte at that offset; beyond its end, and for old files that are not given, it is ``?``.
    """
    return {name: b"".join(_bytes_of(piece, old, new) for piece in content) for name, content in state.files}


def _bytes_of(piece: Piece, old: Mapping[str, bytes], new: bytes) -> bytes:
    if piece.kind == "zero":
        return bytes(piece.length)
    source = new if piece.kind == "written" else old.get(str(piece.origin), b"")
    return source[piece.offset : piece.offset + piece.length].ljust(piece.length, b"?")


class _Trace:
    """One write, with everything that is computed once."""

    def __init__(self, operations: Sequence[Operation], before: Before) -> None:
        self.operations = {operation.number: operation for operation in operations}
        self.before = before
        self.effects = effects_of(operations, before)
        self.cuts = cuts_of(operations, self.effects)
        self.states = States(self.effects, before.target)
        self.final = _final_content(self.effects, before.target)

    def outcome(self, content: Content | None) -> Outcome:
        """The outcome that a content of the target amounts to."""
        if content is None:
            return "missing"
        written = all(piece.kind == "written" for piece in content)
        if content == self.final and written and size(content) == self.before.new_length:
            return "new"
        old = self.before.old_length
        if old is not None and content == ((Piece("old", old, self.before.target),) if old else ()):
            return "old"
        return "torn"

    def describe(self, content: Content | None) -> str:
        """A content of the target in words, with numbers of bytes."""
        outcome = self.outcome(content)
        if content is None:
            return "missing"
        if outcome != "torn":
            return f"the complete {outcome} document"
        length = size(content)
        count = {
            kind: sum(piece.length for piece in content if piece.kind == kind) for kind in ("old", "written", "zero")
        }
        if count["zero"]:
            return f"{length:,} bytes, {count['zero']:,} of them zeros"
        if count["old"] and count["written"]:
            return f"a mixture of {count['old']:,} bytes of the old document and {count['written']:,} written bytes"
        if count["old"]:
            return f"{length:,} of {self.before.old_length or 0:,} bytes of the old document"
        if resized(self.final or (), length) == content and length < self.before.new_length:
            return f"{length:,} of {self.before.new_length:,} bytes"
        return f"{length:,} written bytes that are not the new document"


def _final_content(effects: Effects, target: str) -> Content | None:
    """What the target holds once everything has taken effect."""
    names = file_names_after(effects.names_before, effects.names)
    if target not in names:
        return None
    content = effects.files[names[target]].content
    for data in effects.data:
        if data.file == names[target]:
            content = changed(content, data)
    return content


def _counterexample(
    trace: _Trace, clause: Literal["PWR-01", "PWR-02"], cut: Cut, wrong: set[Outcome]
) -> Counterexample | None:
    """Of the wrong states after a cut, the one that lost the least; None when there is none."""
    found = [
        (model, state, outcome)
        for model in MODELS
        for state in trace.states.at(cut, model)
        if (outcome := trace.outcome(state.content(trace.before.target))) in wrong
    ]
    if not found:
        return None
    model, state, outcome = min(found, key=lambda each: _losses(each[1]))
    return Counterexample(clause, cut, model, state, outcome, _story(trace, cut, model, state))


def _losses(state: DiskState) -> tuple[int, int]:
    """How many changes did not reach the disk whole, and how many of these are halves or zeros."""
    fates = [fate for _, fate in (*state.names, *state.data)]
    return len(fates) - fates.count("persisted"), len(fates) - fates.count("persisted") - fates.count("lost")


def _story(trace: _Trace, cut: Cut, model: Model, state: DiskState) -> str:
    persisted, lost = (list(_names_in_words(trace, state, fate)) for fate in ("persisted", "lost"))
    parts = [f"the {' and the '.join(persisted)} persisted"] if persisted else []
    if lost:
        parts.append(f"the {' and the '.join(lost)} did not persist")
    parts += _data_in_words(trace, state)
    happened = ", ".join(parts) or "everything done so far persisted"
    target = trace.describe(state.content(trace.before.target))
    return f"power cut {cut.words}, {model} names: {happened}: the target is {target}"


def _names_in_words(trace: _Trace, state: DiskState, fate: str) -> Iterator[str]:
    """The changes of the target's name that were not certain to persist."""
    changes = {change.number: change for change in trace.effects.names}
    for number, each in state.names:
        if each == fate and trace.before.target in changes[number].names:
            yield str(trace.operations[number])


def _data_in_words(trace: _Trace, state: DiskState) -> Iterator[str]:
    file_of = {change.number: change.file for change in trace.effects.data}
    of_file: dict[int, list[tuple[int, str]]] = {}
    for number, fate in state.data:
        of_file.setdefault(file_of[number], []).append((number, fate))
    for file, fates in of_file.items():
        name = trace.effects.files[file].first_name or "the unnamed file"
        failed = [(number, fate) for number, fate in fates if fate != "persisted"]
        if not failed:
            continue
        if len(failed) == len(fates) and {fate for _, fate in failed} == {"lost"}:
            yield f"the unsynced data of {name} did not persist"
        elif {fate for _, fate in failed} == {"zeros"}:
            yield f"the size of {name} persisted, its bytes did not"
        else:
            number = failed[0][0]
            part = "only the first half" if failed[0][1] == "half" else "nothing"
            yield f"{part} of operation {number} ({trace.operations[number]}) persisted"
