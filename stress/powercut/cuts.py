"""The cuts of a run. Everything is drawn from the seed and the number of the cut, so that one cut can be repeated."""

from __future__ import annotations

import random
from dataclasses import dataclass

__all__ = ["BOUNDARY_SIZE", "CHAINS", "BoundaryCut", "RandomCut", "boundary_cut", "random_cut", "sizes_of_run"]

# Powers of two between which a run draws the sizes of its documents, in bytes. A short file is lost as a whole or not
# at all; a longer one can also be lost in part.
_RANGES = ((8.0, 10.0), (11.0, 12.5), (12.0, 13.5), (14.0, 16.5), (16.5, 18.0))


@dataclass(frozen=True)
class RandomCut:
    """A cut at a random moment of a series of writes.

    ``size`` is that of the documents in bytes. ``exists``: the target holds an older document, which is certainly on
    the disk. The cut comes when ``answers`` of ``writes`` writes were answered and then ``delay``, in durations of a
    write, has passed. ``pipelined``: all requests are sent at once. ``neighbour``: another file is synced right before
    the cut.
    """

    number: int
    size: int
    exists: bool
    writes: int
    answers: int
    delay: float
    pipelined: bool
    neighbour: bool

    def described(self) -> str:
        """The cut in words."""
        how = "one after another" if not self.pipelined else "all requested at once"
        when = f"{self.delay:.2f} durations of a write after answer {self.answers}"
        return f"{self.writes} writes of {self.size:,} bytes {how}, {when}{_conditions(self)}"


@dataclass(frozen=True)
class BoundaryCut:
    """A cut while the implementation is held before operation ``boundary`` (0, 1, …) of one write, or after the answer
    of a write that has no such operation. The other members are as above.
    """

    number: int
    size: int
    exists: bool
    boundary: int
    neighbour: bool

    def described(self, held_at: str) -> str:
        """The cut in words. ``held_at`` is the call before which it was held, empty for a cut after the answer."""
        when = f"held before operation {self.boundary}, {held_at}" if held_at else "after its answer"
        return f"a write of {self.size:,} bytes {when}{_conditions(self)}"


def _conditions(cut: RandomCut | BoundaryCut) -> str:
    new = "" if cut.exists else ", no target before"
    return f"{new}, right after the sync of another file" if cut.neighbour else new


def sizes_of_run(seed: int) -> tuple[int, ...]:
    """The few sizes that the random cuts of a run have: the model is asked about a write of each. In bytes."""
    draw = random.Random(f"{seed} sizes")
    return tuple(round(2 ** draw.uniform(*between)) for between in _RANGES)


def random_cut(seed: int, number: int) -> RandomCut:
    """Draw the cut with this number."""
    draw = random.Random(f"{seed} {number}")
    writes = draw.randint(2, 8)
    return RandomCut(
        number=number,
        size=draw.choice(sizes_of_run(seed)),
        exists=draw.random() < 0.75,
        writes=writes,
        answers=draw.randrange(writes),
        # Up to more than one duration: some cuts hit the pause after an answer, or the write after that.
        delay=draw.uniform(0, 1.2),
        pipelined=draw.random() < 0.5,
        neighbour=draw.random() < 0.5,
    )


CHAINS = 4
BOUNDARY_SIZE = 4096  # bytes


def boundary_cut(number: int) -> BoundaryCut:
    """The cut with this number: at each boundary there are four (`CHAINS`), with and without a neighbour's sync, with
    and without an existing target.
    """
    boundary, chain = divmod(number, CHAINS)
    return BoundaryCut(number, BOUNDARY_SIZE, exists=chain < 2, boundary=boundary, neighbour=chain % 2 == 1)
