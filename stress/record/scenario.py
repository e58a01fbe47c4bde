"""What a run of the harness does in each folder: how many processes, which documents, how long, and which chaos."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from conformance.reporting.repeat import changed_options, repeat_command

__all__ = [
    "CHAOS",
    "GOALS",
    "LARGEST",
    "PAUSE_ON_WINDOWS",
    "SHARINGS",
    "SIZES",
    "Chaos",
    "Goal",
    "Scenario",
    "Sharing",
    "as_on",
    "command_line",
    "parse_goal",
    "parse_size",
]

Chaos = Literal["kill", "kill-reader", "pause", "fault"]
CHAOS: tuple[Chaos, ...] = get_args(Chaos)
Sharing = Literal["delete", "plain"]
"""What the kit's readers let other processes do with an open target, on Windows: ``delete`` lets them replace and
remove it too, ``plain`` only read and write it, as Python's own ``open()`` does."""
SHARINGS: tuple[Sharing, ...] = get_args(Sharing)
PAUSE_ON_WINDOWS = 0.002  # seconds between two reads, unless an option says otherwise
Kind = Literal["reads", "writes", "kills"]
GOALS: tuple[Kind, ...] = get_args(Kind)
SIZES = (256, 4096, 1 << 20)  # bytes
# The contract allows documents of 1 MiB; an implementation may put white space between the members.
LARGEST = (1 << 20) - 4096


@dataclass(frozen=True)
class Goal:
    """How much must have happened before a run ends, such as a thousand million reads."""

    count: int
    kind: Kind

    def __str__(self) -> str:
        return f"{self.count} {self.kind}"


@dataclass(frozen=True)
class Scenario:
    """``writers`` and ``readers`` are processes; each writer writes all ``targets`` (files of one folder) in turn.

    ``sizes`` in bytes are mixed at random, the usual ones with others between them. ``rate`` is writes a second of each
    writer, 0 for as fast as it goes; ``read_pause`` is seconds between two reads of each reader. At most ``pipeline``
    requests wait for an answer. The run ends after ``seconds`` or when the ``goal`` is reached, whichever comes first;
    without a limit it is None.
    Every ``round_seconds`` the writers stand still for a moment, and the history so far is judged and forgotten.
    ``sharing`` is None where an open file can be replaced at any time, which is everywhere but on Windows.
    """

    writers: int = 2
    readers: int = 2
    targets: int = 1
    sizes: tuple[int, ...] = SIZES
    seconds: float | None = 10.0
    goal: Goal | None = None
    rate: float = 0.0
    read_pause: float = 0.0
    pipeline: int = 2
    chaos: tuple[Chaos, ...] = ()
    chaos_rate: float = 4.0  # actions a second
    round_seconds: float = 2.0
    stop_at_first: bool = False
    seed: int = 0
    first_writer: int = 1  # the number of the first writer: every machine of a cluster has its own
    sharing: Sharing | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The file names of the targets."""
        return tuple(f"status{number or ''}.json" for number in range(self.targets))

    @property
    def measures_progress(self) -> bool:
        """Whether readers can keep a writer waiting, although a correct one still gets its writes through."""
        return self.sharing is not None and self.read_pause > 0

    @property
    def name(self) -> str:
        """A short name for results: ``2x2``, with whatever differs from the defaults."""
        words = [f"{self.writers}x{self.readers}"]
        if self.sizes != SIZES:
            words.append("-".join(_short(size) for size in self.sizes))
        if self.targets > 1:
            words.append(f"{self.targets}-targets")
        if self.rate:
            words.append(f"{self.rate:g}-a-second")
        if self.sharing == "plain":
            words.append("plain")
        return "-".join([*words, *self.chaos])


def as_on(system: str, scenario: Scenario) -> Scenario:
    """The scenario as it is on a system (a value of `sys.platform`).

    On Windows readers share deletion unless the scenario says otherwise, and pause: a reader that does not pause leaves
    no moment in which to replace what it reads.
    """
    if system != "win32":
        return scenario
    pause = scenario.read_pause or PAUSE_ON_WINDOWS
    return dataclasses.replace(scenario, sharing=scenario.sharing or "delete", read_pause=pause)


def _short(size: int) -> str:
    """A size in a name: ``256B``, ``4KiB``, ``1MiB``."""
    for scale, unit in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size and size % scale == 0:
            return f"{size // scale}{unit}"
    return f"{size}B"


_GOAL = re.compile(r"(?P<count>\d+(\.\d+)?(e\d+)?)\s*(?P<kind>[a-z]+)", re.IGNORECASE)
_SIZE = re.compile(r"(?P<count>\d+)\s*(?P<unit>B|KiB|MiB|K|M)?", re.IGNORECASE)
_ENDLESS = 1e18
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "kib": 1 << 10, "m": 1 << 20, "mib": 1 << 20}


def parse_goal(text: str) -> Goal:
    """Read a goal such as ``1e9 reads``. Raises ValueError."""
    match = _GOAL.fullmatch(text.strip())
    for kind in GOALS:
        if match is not None and match["kind"].lower() == kind and 1 <= float(match["count"]) < _ENDLESS:
            return Goal(int(float(match["count"])), kind)
    raise ValueError(f"{text!r} is not a goal; write a number and one of {', '.join(GOALS)}, such as '1e9 reads'")


def parse_size(text: str) -> int:
    """Read a size such as ``256``, ``4KiB`` or ``1MiB``: bytes. Raises ValueError."""
    match = _SIZE.fullmatch(text.strip())
    size = int(match["count"]) * _UNITS[(match["unit"] or "").lower()] if match is not None else -1
    if not 0 <= size <= 1 << 20:
        raise ValueError(f"{text!r} is not a size; write bytes from 0 to 1MiB, such as 256 or 4KiB")
    return size


def command_line(scenario: Scenario, options: Iterable[tuple[str, Any]]) -> str:
    """The command that runs this scenario again. ``options`` are those of ``pulse stress`` other than the
    scenario's, such as ``[("impl", "reference")]``.
    """
    usual = Scenario(seconds=None)
    if scenario.sharing is not None:
        usual = as_on("win32", usual)
    names = {"sizes": "size", "goal": "until"}
    changed = changed_options(scenario, usual, names=names, leave_out=("seed", "first_writer"))
    return repeat_command("pulse stress", [*options, *changed, ("seed", scenario.seed)])
