"""Effects → the disk states that are allowed after a power cut. The second half of the power-loss model.

A *cut* is a point of the trace. Changes that had started by then may be on the disk; whatever a sync that had ended by
then promised is on it. Names: *ordered* models a journal (a change that ended before another started reaches the disk
first), *unordered* keeps only the order of changes that share a name or a file. A sync of a file promises nothing about
its name, and a sync of a folder nothing about data: POSIX, stricter than ext4.

Data that no promise covers is on the disk up to any operation or up to the middle of one, or its size is there and its
bytes are zeros (those of one operation, or of all from one on).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from conformance.syscalls.operations import Operation
from conformance.syscalls.powerloss.content import Content
from conformance.syscalls.powerloss.effects import (
    DataChange,
    Effects,
    Fate,
    NameChange,
    changed,
    file_names_after,
)

__all__ = ["MODELS", "Cut", "DiskState", "States", "cuts_of"]

Model = Literal["ordered", "unordered"]
MODELS: tuple[Model, ...] = ("ordered", "unordered")
# More sets of persisted names than this are not enumerated (see `_name_sets`): 9 changes that do not depend on each
# other have 512. More unsynced changes of one file than that many are visited in equal strides.
_MOST_NAME_SETS, _MOST_DATA_STEPS = 512, 16

Fates = tuple[tuple[int, Fate], ...]  # number of the operation, what became of it


@dataclass(frozen=True)
class Cut:
    """A power cut right after the operation with the number ``operation`` (-1: before the first one), or during it.

    ``time`` is the last start or end of a call before the cut.
    """

    operation: int
    during: bool
    time: int
    words: str


@dataclass(frozen=True)
class DiskState:
    """What the folder may hold after a cut: its files sorted by name, and which parts of the write reached the disk.

    ``names`` and ``data`` give the fate of each change that was not certainly durable. ``files`` has no folders and no
    symbolic links.
    """

    files: tuple[tuple[str, Content], ...]
    names: Fates
    data: Fates

    def content(self, name: str) -> Content | None:
        """What a file holds, None when there is no file of that name."""
        return dict(self.files).get(name)


def cuts_of(operations: Sequence[Operation], effects: Effects) -> tuple[Cut, ...]:
    """Every point of a write whose allowed states differ from those of its neighbours, in the order of time.

    These are before the first operation and after each. The middle of an operation is a separate point only if the
    operation promises something at its end (a sync, a write with O_DSYNC): otherwise its effect is just as optional
    after it.
    """
    promising = {promise.number for promise in effects.promises}
    found = [Cut(-1, False, -1, "before the first operation")]
    for operation in operations:
        ended = operation.call.ended
        words = f"operation {operation.number} ({operation})"
        if ended is None:
            found.append(Cut(operation.number, True, max(_times(operations)), f"during {words}"))
            continue
        if operation.number in promising:
            found.append(Cut(operation.number, True, ended - 1, f"during {words}"))
        found.append(Cut(operation.number, False, ended, f"after {words}"))
    return tuple(sorted(found, key=lambda cut: (cut.time, cut.operation)))


def _times(operations: Sequence[Operation]) -> Iterator[int]:
    for operation in operations:
        yield operation.call.begun
        yield operation.call.begun if operation.call.ended is None else operation.call.ended


class States:
    """The allowed states of one trace, with a cache: neighbouring cuts mostly allow the same states."""

    def __init__(self, effects: Effects, target: str) -> None:
        self._effects = effects
        self._target = target
        self._contents: dict[tuple[int, tuple[int, ...], frozenset[int]], list[tuple[Content, Fates]]] = {}
        self._states: dict[tuple[object, ...], tuple[DiskState, ...]] = {}
        self._needs: dict[Model, list[frozenset[int]]] = {model: _needs(effects.names, model) for model in MODELS}

    def at(self, cut: Cut, model: Model) -> tuple[DiskState, ...]:
        """The states after a cut. The target's file takes each of its states, all other files together four of theirs.

        These are: everything, all but half of the last operation, sizes without bytes, only what is durable.
        """
        effects = self._effects
        changes = [index for index, change in enumerate(effects.names) if change.begun <= cut.time]
        durable = self._durable_names(cut.time)
        data = [index for index, change in enumerate(effects.data) if change.begun <= cut.time]
        covered = frozenset(index for index in data if self._is_durable(effects.data[index], cut.time))
        key = (model, len(changes), durable, tuple(data), covered)
        if key not in self._states:
            self._states[key] = tuple(self._enumerate(model, len(changes), durable, data, covered))
        return self._states[key]

    def _is_durable(self, change: DataChange, time: int) -> bool:
        if change.durable_by_itself and change.ended is not None and change.ended <= time:
            return True
        return any(promise.ended <= time and promise.covers_data(change) for promise in self._effects.promises)

    def _durable_names(self, time: int) -> frozenset[int]:
        made = [promise for promise in self._effects.promises if promise.ended <= time]
        return frozenset(
            index
            for index, change in enumerate(self._effects.names)
            if all(any(promise.covers_name(change, folder) for promise in made) for folder in change.folders)
        )

    def _enumerate(
        self, model: Model, count: int, durable: frozenset[int], data: Sequence[int], covered: frozenset[int]
    ) -> Iterator[DiskState]:
        effects = self._effects
        of_file: dict[int, list[int]] = {}
        for index in data:
            of_file.setdefault(effects.data[index].file, []).append(index)
        seen: set[tuple[tuple[str, Content], ...]] = set()
        for persisted in sorted(self._name_sets(model, count, durable), key=len, reverse=True):
            names = file_names_after(effects.names_before, (effects.names[index] for index in sorted(persisted)))
            name_fates: Fates = tuple(
                (effects.names[index].number, "persisted" if index in persisted else "lost")
                for index in range(count)
                if index not in durable
            )
            target = names.get(self._target)
            for contents, data_fates in self._folder_contents(names, target, of_file, covered):
                files = tuple((name, contents[file]) for name, file in sorted(names.items()) if file in contents)
                if files not in seen:
                    seen.add(files)
                    yield DiskState(files, name_fates, data_fates)

    def _name_sets(self, model: Model, count: int, required: frozenset[int]) -> list[frozenset[int]]:
        """The sets of changes of names that may be on the disk.

        When there are too many: each change with only what it needs, and each prefix. That omits combinations of
        leftovers, but no state of the target's name: its changes keep their order, so the last of them that persisted
        decides, whatever else happened to persist.
        """
        needs = self._needs[model][:count]
        found: list[frozenset[int]] = [frozenset()]
        for index in range(count):
            more = [each | {index} for each in found if needs[index] <= each]
            found = more if index in required else found + more
            if len(found) > _MOST_NAME_SETS:
                single = (_with_needs(required | {last}, needs) for last in range(count))
                prefixes = (_with_needs(required | frozenset(range(last)), needs) for last in range(count + 1))
                return list(dict.fromkeys((*prefixes, *single)))
        return found

    def _folder_contents(
        self,
        names: Mapping[str, int],
        target: int | None,
        of_file: Mapping[int, Sequence[int]],
        covered: frozenset[int],
    ) -> Iterator[tuple[dict[int, Content], Fates]]:
        files = [file for file in dict.fromkeys(names.values()) if self._effects.files[file].regular]
        others = [file for file in files if file != target]
        mine = self._file_contents(target, of_file.get(target, ()), covered) if target is not None else [None]
        alternatives = [self._file_contents(file, of_file.get(file, ()), covered, few=True) for file in others]
        for step in range(max((len(each) for each in alternatives), default=1)):
            rest = {file: each[min(step, len(each) - 1)] for file, each in zip(others, alternatives, strict=True)}
            contents = {file: content for file, (content, _) in rest.items()}
            fates = tuple(fate for _, each in rest.values() for fate in each)
            for own in mine:
                if own is None or target is None:
                    yield contents, fates
                else:
                    yield {**contents, target: own[0]}, tuple(sorted((*fates, *own[1])))

    def _file_contents(
        self, file: int, data: Sequence[int], covered: frozenset[int], *, few: bool = False
    ) -> list[tuple[Content, Fates]]:
        """The contents that a file may have; the complete one comes first."""
        key = (-1 - file if few else file, tuple(data), covered)
        if key not in self._contents:
            changes = [self._effects.data[index] for index in data]
            complete = [self._effects.files[file].content]  # after so many changes
            for change in changes:
                complete.append(changed(complete[-1], change))
            free = [position for position, index in enumerate(data) if index not in covered]
            found: dict[Content, Fates] = {}
            for fates in _few_fates(len(free)) if few else _all_fates(len(free)):
                chosen: dict[int, Fate] = dict(zip(free, fates, strict=True))
                first = next((position for position, fate in chosen.items() if fate != "persisted"), len(changes))
                content = complete[first]
                for position in range(first, len(changes)):
                    content = changed(content, changes[position], chosen.get(position, "persisted"))
                found.setdefault(content, tuple((changes[position].number, fate) for position, fate in chosen.items()))
            self._contents[key] = list(found.items())
        return self._contents[key]


def _all_fates(count: int) -> Iterator[list[Fate]]:
    """The possible fates of ``count`` consecutive changes."""
    stride = max(1, -(-count // _MOST_DATA_STEPS))
    yield _persisted(count)
    for before in reversed(range(0, count, stride)):
        after = count - before - 1
        yield [*_persisted(before), "lost", *_lost(after)]
        yield [*_persisted(before), "half", *_lost(after)]
        yield [*_persisted(before), "zeros", *_persisted(after)]
        yield [*_persisted(before), "zeros", *_zeros(after)]


def _few_fates(count: int) -> Iterator[list[Fate]]:
    yield _persisted(count)
    if count:
        yield [*_persisted(count - 1), "half"]
        yield _zeros(count)
        yield _lost(count)


def _persisted(count: int) -> list[Fate]:
    return ["persisted"] * count


def _zeros(count: int) -> list[Fate]:
    return ["zeros"] * count


def _lost(count: int) -> list[Fate]:
    return ["lost"] * count


def _needs(changes: Sequence[NameChange], model: Model) -> list[frozenset[int]]:
    """For each change, the changes that are on the disk whenever it is."""
    found: list[frozenset[int]] = []
    for index, change in enumerate(changes):
        found.append(frozenset(earlier for earlier in range(index) if _comes_first(changes[earlier], change, model)))
    return found


def _comes_first(earlier: NameChange, later: NameChange, model: Model) -> bool:
    if model == "ordered" and earlier.ended is not None and earlier.ended < later.begun:
        return True
    if earlier.names & later.names or earlier.files & later.files:
        return True
    return _lies_below(earlier.names, later.names) or _lies_below(later.names, earlier.names)


def _lies_below(folders: frozenset[str], names: frozenset[str]) -> bool:
    return any(name.startswith(f"{folder}/") for folder in folders for name in names)


def _with_needs(chosen: frozenset[int], needs: Sequence[frozenset[int]]) -> frozenset[int]:
    found = set(chosen)
    for index in reversed(range(len(needs))):
        if index in found:
            found |= needs[index]
    return frozenset(found)
