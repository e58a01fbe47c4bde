"""Where a write is recorded, and what was recorded of it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from conformance.contract.errors import Unmeasured
from conformance.oracle.access import Access, access_of, widened
from conformance.oracle.faults import State
from conformance.oracle.snapshot import Snapshot
from conformance.syscalls.operations import Operation
from conformance.syscalls.points import Scenario
from conformance.syscalls.powerloss.effects import Before
from conformance.syscalls.target_state import state_of

__all__ = ["Place", "Recording", "annotated", "as_it_is", "before_of", "case_about"]


@dataclass(frozen=True)
class Place:
    """A fresh folder with a target to write, and how it was before the write."""

    scenario: Scenario
    folder: Path
    before: Snapshot
    listing: frozenset[str]
    lengths: tuple[tuple[str, int], ...]  # of the existing files, in bytes
    open_files: tuple[str, ...]
    elsewhere: tuple[str, ...] = ()  # other folders in which the implementation makes its temps
    name: str = "status.json"  # the target's
    access: Access | None = None  # who may read the target before the write; None when there is none
    path: str = ""  # by which requests name the target; empty: the plain one
    judged_by: str = "FLT-01 without_a_fault"  # the case that fails if a write like this one does, without any fault

    @property
    def target(self) -> Path:
        """The target in it."""
        return self.folder / self.name

    @property
    def asked(self) -> Path | str:
        """The path in requests: absolute, or relative to the working folder of the program, which the place is then."""
        return self.path or self.target

    def state(self) -> State:
        """What the target is now. Before a first write there is no target: that is the old state."""
        state = state_of(self.target)
        return "old" if state == "missing" and self.scenario == "first" else state

    def new_readers(self) -> str:
        """The users and groups that may read the target now and could not before, in words; empty for none."""
        try:
            return ", ".join(widened(self.access, access_of(self.target))) if self.access else ""
        except OSError:  # what became of the target is for other clauses to judge
            return ""


def case_about(name: str, *, large: bool) -> str:
    """The case that fails if a write to a target of this name, of a large document or not, fails without any fault."""
    if name != Place.name:
        return "VIS-01 whatever_the_size_and_the_name"
    return "VIS-07 sizes_leave_no_tail" if large else Place.judged_by


@dataclass(frozen=True)
class Recording:
    """One write without any fault: its operations, and the folder before it."""

    place: Place
    operations: tuple[Operation, ...]
    kept: frozenset[str]  # names that a write without any fault leaves beside the target, such as a lock file
    usual_descriptors: int = 0  # that it leaves open
    unseen: str = ""  # where the published file came from, if the engine could not follow it from there

    @property
    def not_followed(self) -> str:
        """Why the trace does not show how the published file was made; empty when it does."""
        text = f"the published file came from {self.unseen}, where the engine did not see it made"
        return text if self.unseen else ""

    def require_followed(self) -> None:
        """Raise Unmeasured when the trace does not show how the published file was made."""
        if self.unseen:
            raise Unmeasured(self.not_followed)


def as_it_is(place: Place) -> Place:
    """The place with what is in its folder now."""
    names = frozenset(os.listdir(place.folder))
    lengths = [(each, os.lstat(place.folder / each).st_size) for each in sorted(names)]
    others = [each for each in place.lengths if each[0].startswith("/")]
    listing = names.union(name for name, _ in others)
    return replace(place, listing=listing, lengths=(*lengths, *others))


def before_of(recording: Recording) -> Before:
    """The folder before the recorded write, for the model of power cuts."""
    place = recording.place
    lengths = dict(place.lengths)
    old = lengths.pop(place.target.name, None)
    return Before(place.target.name, old, place.target.stat().st_size, lengths)


def annotated(operations: tuple[Operation, ...], at: int | None) -> tuple[str, ...]:
    """The operations, one line each, with a marker at one of them."""
    lines = []
    for each in operations:
        mark = "→" if each.number == at else " "
        result = (
            "never returned" if each.call.result is None else os.strerror(each.call.error) if each.call.error else ""
        )
        injected = " (injected)" if each.call.injected else ""
        lines.append(f"{mark} {each.number:2} {each.call.name:12} {each}{f' = {result}{injected}' if result else ''}")
    return tuple(lines)
