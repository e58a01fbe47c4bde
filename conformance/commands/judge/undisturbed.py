"""The undisturbed runs: which files the command writes, and what readers see while it does."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.commands.judge.answers import Attributes, Change
from conformance.commands.judge.execution import Command, Ended, Traced, run_traced
from conformance.commands.judge.folder import Stage, listing
from conformance.commands.judge.writes import HELD_CALLS, Written, concerning, session_ends
from conformance.oracle.snapshot import Snapshot, snapshot
from conformance.syscalls.tracer.messages import Rule
from conformance.syscalls.tracer.session import Boundary

__all__ = [
    "MOST_TARGET_BYTES",
    "CannotJudge",
    "Observed",
    "attributes_of",
    "link_survives",
    "observe",
    "trace",
    "unusual",
]

MOST_TARGET_BYTES = 32 << 20  # of one file: its contents are kept in memory
_MOST_HOLDS = 3_000  # in one run; of more operations only those on the targets are held
_MOST_KEPT_BYTES = 256 << 20  # of all contents of one run
_MODES = (0o604, 0o640)  # no usual umask leaves the first to a new file
_OWNER = (1, 1)


class CannotJudge(Exception):
    """The command as a whole, or one file, cannot be judged. The message says why."""


@dataclass(frozen=True)
class Observed:
    """One undisturbed run with readers: how each target changed, what it was at the end, and how often was looked."""

    ended: Ended
    changes: Mapping[str, tuple[Change, ...]]
    final: Mapping[str, Snapshot]
    before: Mapping[str, Snapshot]
    looks: tuple[int, ...]  # the operations after which readers looked, in the order of the looks
    after: frozenset[str]

    def content_after(self, name: str, operation: int) -> bytes | None:
        """What a target held after an operation."""
        if operation not in self.looks:
            return None
        look = self.looks.index(operation)
        return [change for change in self.changes[name] if change.look <= look][-1].snapshot.data

    def versions(self, name: str) -> tuple[bytes, ...]:
        """The complete contents that a target had, one after another."""
        ends = session_ends(self.ended.operations, name)
        found = (self.content_after(name, number) for number in ends)
        return tuple(each for each in found if each is not None)


def trace(stage: Stage, command: Command) -> Traced:
    """Run the command once, undisturbed. Raises CannotJudge when it does not end, or nothing can be known about it."""
    stage.reset()
    existing = listing(stage.root)
    ended = run_traced(stage, command, existing)
    said = f"\n{ended.printed.strip()[-600:]}" if ended.printed.strip() else ""
    if ended.status is None:
        raise CannotJudge(
            f"it did not end within {command.seconds:g} s, and was stopped; it may wait for a terminal or for input "
            f"(--stdin FILE), or need a higher --run-seconds; for a service: timeout 5 COMMAND, or pulse observe "
            f"FILE{said}"
        )
    if ended.status < 0:
        raise CannotJudge(f"undisturbed, it was ended by signal {-ended.status}{said}")
    if ended.status in (126, 127):
        raise CannotJudge(f"it cannot be run: exit code {ended.status}{said}")
    if ended.why_not:
        raise CannotJudge(ended.why_not)
    after = {name: length for name, length in listing(stage.root).items() if not (stage.root / name).is_symlink()}
    return Traced(ended, existing, after)


def observe(
    stage: Stage,
    command: Command,
    targets: Sequence[Written],
    traced: Traced,
    prepare: Callable[[Path], None] | None = None,
    ready: Callable[[], object] | None = None,
) -> Observed:
    """Run the command once and look at the targets after each operation; ``prepare`` changes each of them before it.

    ``ready`` makes the folder as it is before the run; without it that is the prepared one. ``traced`` is the same run
    without readers. Raises CannotJudge when it does not end as that did, or holds too much.
    """
    (ready or stage.reset)()
    names = [each.name for each in targets]
    if prepare is not None:
        for name in names:
            if (stage.root / name).exists():
                prepare(stage.root / name)
    existing = listing(stage.root)
    watched = _Watched(stage.root, names)
    ended = run_traced(stage, command, existing, _holds(traced, targets), watched.look)
    if ended.status != traced.ended.status:
        raise CannotJudge(f"undisturbed, it once ended with exit code {traced.ended.status}, once with {ended.status}")
    if ended.why_not:
        raise CannotJudge(ended.why_not)
    return Observed(
        ended,
        {name: tuple(changes) for name, changes in watched.changes.items()},
        {name: snapshot(stage.root / name) for name in names},
        watched.before,
        tuple(watched.looks),
        frozenset(listing(stage.root)),
    )


class _Watched:
    """Keeps what the targets were, each content once."""

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self._root = root
        self._contents: dict[bytes, bytes] = {}
        self._size = 0
        self.looks: list[int] = []
        self.before = {name: snapshot(root / name) for name in names}
        self.changes: dict[str, list[Change]] = {name: [Change(-1, -1, found)] for name, found in self.before.items()}

    def look(self, boundary: Boundary) -> None:
        """One reader for each target, at a boundary."""
        self.looks.append(boundary.number)
        for name, changes in self.changes.items():
            found = snapshot(self._root / name)
            if found.data is not None:
                found = dataclasses.replace(found, data=self._kept(name, found.data))
            if found != changes[-1].snapshot:
                changes.append(Change(len(self.looks) - 1, boundary.number, found))

    def _kept(self, name: str, data: bytes) -> bytes:
        if data not in self._contents:
            self._size += len(data)
            if len(data) > MOST_TARGET_BYTES or self._size > _MOST_KEPT_BYTES:
                raise CannotJudge(f"{name.removeprefix('work/')}: has too many bytes to look at after each operation")
            self._contents[data] = data
        return self._contents[data]


def _holds(traced: Traced, targets: Sequence[Written]) -> tuple[Rule, ...]:
    operations = traced.ended.operations
    if sum(each.call.name in HELD_CALLS for each in operations) <= _MOST_HOLDS:
        return (Rule("hold", "after", calls=HELD_CALLS),)
    numbers = sorted({each.number for target in targets for each in concerning(operations, target)})
    step = -(-len(numbers) // _MOST_HOLDS)
    return tuple(Rule("hold", "after", number, number, calls=HELD_CALLS) for number in numbers[::step])


def unusual(path: Path) -> None:
    """Give a file a mode, and as root an owner, that a new file does not get by itself."""
    mode = next(mode for mode in _MODES if mode != os.stat(path).st_mode & 0o7777)
    os.chmod(path, mode)
    if sys.platform != "win32" and _is_root():
        os.chown(path, *_OWNER)


def _is_root() -> bool:
    return sys.platform != "win32" and os.geteuid() == 0


def attributes_of(observed: Observed | None, name: str, existed: bool, why_not: str) -> Attributes:
    """What an observed run with `unusual` files says about one of them."""
    if observed is None or not existed:
        missing = Snapshot(exists=False)
        return Attributes(missing, missing, why_not=why_not if existed else "it did not exist before")
    return Attributes(observed.before[name], observed.final[name], by_root=_is_root())


def link_survives(stage: Stage, command: Command, name: str, traced: Traced) -> tuple[bool, str]:
    """Run the command with a symbolic link at a target's name: whether it is still one, or why that is not known.

    The file itself is then in another folder.
    """
    stage.reset()
    path = stage.root / name
    moved = stage.root / "elsewhere" / path.name
    moved.parent.mkdir()
    path.rename(moved)
    path.symlink_to(moved)
    ended = run_traced(stage, command, listing(stage.root))
    if ended.status != traced.ended.status:
        return True, f"with a symbolic link at its name the command ends with {ended.status}"
    return path.is_symlink(), ""
