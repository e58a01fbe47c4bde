"""The states that a disk may hold after a power cut, from the log of what was written to it. No I/O here.

What was written before the last flush that had ended is on the disk. Of what was written after it, the disk's *epoch*,
any part may be there: a disk with a volatile cache orders nothing between two flushes. A cut may come at any moment of
an epoch; its end is the strictest, as all answers of the epoch were given by then.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Literal, NamedTuple

from stress.powercut.blocks.log import Event

__all__ = ["START", "Piece", "Plan", "State", "StateKind", "count_prefixes", "epochs_of", "plan_states"]

StateKind = Literal["prefix", "partial write", "subset", "flushes ignored"]

START = "start"  # the mark from which on cuts are made
_EXHAUSTED = 8  # writes of an epoch up to which every subset is a state
_HALVES = 24  # random halves of an epoch with more writes
_UNITS = (4096, 512)  # bytes that a disk writes whole
_LIED_EPOCHS = 3  # whose flushes are ignored in one state


class Piece(NamedTuple):
    """The bytes ``begin`` to ``end`` of a write, counted from its own first byte: all of it that is on the disk."""

    event: int
    begin: int
    end: int


@dataclass(frozen=True)
class State:
    """One state: the changes among the first ``stable`` events, those numbered in ``written``, and a ``piece`` of one
    more. ``cut`` is the number of events that had happened at the cut.
    """

    kind: StateKind
    stable: int
    written: tuple[int, ...]
    cut: int
    piece: Piece | None = None


@dataclass(frozen=True)
class Epoch:
    """The changes between two flushes: the numbers of these events, and those of the first event and behind the last.
    ``last``: no flush follows.
    """

    begin: int
    end: int
    changes: tuple[int, ...]
    last: bool


@dataclass(frozen=True)
class Plan:
    """The states to look at, in the order of the log, and how many of each kind there were to choose from."""

    states: tuple[State, ...]
    possible: dict[StateKind, int]

    def chosen(self, kind: StateKind) -> int:
        """How many states of a kind were chosen."""
        return sum(state.kind == kind for state in self.states)


def epochs_of(events: Sequence[Event]) -> tuple[Epoch, ...]:
    """The epochs of a log in which a cut may come: those that end after the mark `START`, or all without one."""
    starts = [number for number, event in enumerate(events) if event.kind == "mark" and event.text == START]
    flushes = [number for number, event in enumerate(events) if event.kind == "flush"]
    begins, ends = [0, *(number + 1 for number in flushes)], [*flushes, len(events)]
    return tuple(
        Epoch(
            begin,
            end,
            tuple(number for number in range(begin, end) if events[number].changes),
            end == len(events),
        )
        for begin, end in zip(begins, ends, strict=True)
        if not starts or end > starts[0]
    )


def count_prefixes(events: Sequence[Event]) -> int:
    """How many prefixes a log has in which a cut may come."""
    return sum(1 for epoch in epochs_of(events) for _ in _prefixes(epoch))


def plan_states(events: Sequence[Event], seed: int, limit: int) -> Plan:
    """At most ``limit`` states: all prefixes, and a seeded sample of the others; those with flushes ignored are at most
    a tenth of what the prefixes leave. The others have a quarter of the limit, where there are so many prefixes that a
    sample of them has to do. What is left out of a large epoch depends on the seed, too.
    """
    draw = random.Random(f"{seed} states")
    epochs = epochs_of(events)
    prefixes = [candidate for epoch in epochs for candidate in _prefixes(epoch)]
    others = [candidate for epoch in epochs for candidate in chain(_partial(epoch, events), _subsets(epoch, draw))]
    lied = list(dict.fromkeys(_flushes_ignored(epochs, draw)))
    room = max(limit - len(prefixes), limit // 4)
    lies = draw.sample(lied, min(len(lied), room // 10))
    sample = draw.sample(others, min(len(others), room - len(lies)))
    left = limit - len(lies) - len(sample)
    kept = range(len(prefixes)) if len(prefixes) <= left else sorted(draw.sample(range(len(prefixes)), left))
    possible: dict[StateKind, int] = {"prefix": len(prefixes)}
    for kind in chain((candidate.kind for candidate in others), (state.kind for state in lied)):
        possible[kind] = possible.get(kind, 0) + 1
    states = dict.fromkeys([*(prefixes[place].state() for place in kept), *(one.state() for one in sample), *lies])
    return Plan(tuple(sorted(states, key=lambda state: (state.stable, state.cut))), possible)


class _Candidate(NamedTuple):
    """A state that is made when it is chosen: an epoch of thousands of writes has tens of thousands of states, with
    thousands of numbers each. ``written`` are the places in the epoch's changes.
    """

    kind: StateKind
    epoch: Epoch
    written: Iterable[int]
    piece: Piece | None = None

    def state(self) -> State:
        changes = self.epoch.changes
        return State(
            self.kind, self.epoch.begin, tuple(changes[place] for place in self.written), self.epoch.end, self.piece
        )


def _prefixes(epoch: Epoch) -> Iterator[_Candidate]:
    # All of an epoch is the same as nothing of the next one, whose cut comes later.
    for length in range(len(epoch.changes) + epoch.last):
        yield _Candidate("prefix", epoch, range(length))


def _partial(epoch: Epoch, events: Sequence[Event]) -> Iterator[_Candidate]:
    for index, number in enumerate(epoch.changes):
        length = events[number].length
        for begin, end in _pieces(length) if events[number].kind == "write" else ():
            yield _Candidate("partial write", epoch, range(index), Piece(number, begin, end))


def _pieces(length: int) -> list[tuple[int, int]]:
    """What may be left of a write of so many bytes: its first unit, half of it, all but the last, all but the first."""
    found: dict[tuple[int, int], None] = {}
    for unit in _UNITS:
        if length > unit:
            half = max(unit, length // 2 // unit * unit)
            last = (length - 1) // unit * unit
            found |= dict.fromkeys(((0, unit), (0, half), (0, last), (unit, length)))
    return list(found)


def _subsets(epoch: Epoch, draw: random.Random) -> Iterator[_Candidate]:
    for places in _chosen_subsets(len(epoch.changes), draw):
        yield _Candidate("subset", epoch, places)


def _chosen_subsets(count: int, draw: random.Random) -> Iterable[Iterable[int]]:
    """Every subset that is no prefix, while there are few; otherwise by distance: one missing, one present, and random
    halves.
    """
    if count <= _EXHAUSTED:
        subsets = chain.from_iterable(combinations(range(count), length) for length in range(count))
        return (subset for subset in subsets if subset != tuple(range(len(subset))))
    return [
        *(_AllBut(index, count) for index in range(count - 1)),
        *((index,) for index in range(1, count)),
        *(_half(range(count), draw) for _ in range(_HALVES)),
    ]


@dataclass(frozen=True)
class _AllBut:
    left_out: int
    count: int

    def __iter__(self) -> Iterator[int]:
        return chain(range(self.left_out), range(self.left_out + 1, self.count))


def _half(numbers: Iterable[int], draw: random.Random) -> tuple[int, ...]:
    return tuple(number for number in numbers if draw.random() < 0.5)


def _flushes_ignored(epochs: Sequence[Epoch], draw: random.Random) -> Iterator[State]:
    """A disk that answers a flush and keeps what it was to write in its cache: an older epoch is missing, in whole or
    in part, below a newer one.
    """
    for index in range(1, len(epochs)):
        before, now = epochs[max(0, index - _LIED_EPOCHS) : index], epochs[index]
        earlier = tuple(number for epoch in before for number in epoch.changes)
        for kept in ((), _half(earlier, draw), _half(earlier, draw)):
            for present in (now.changes, _half(now.changes, draw)):
                yield State("flushes ignored", before[0].begin, (*kept, *present), now.end)
