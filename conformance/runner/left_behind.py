"""Processes that an implementation leaves behind: ended at the end of a case or of the run, and said.

No clause forbids them, as an implementation may keep a helper: they are a warning, never a failure. But a user
has to know that a writer leaves something behind, and the next run must not meet it.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from conformance.system.orphans import adopted, end_adopted

__all__ = ["LeftBehind", "LeftProcess", "from_json", "line_of", "to_json", "warning_of"]

_GRACE_SECONDS = 2.0  # for what notices by itself that it is alone
_SHOWN = 3
_SHOWN_CHARACTERS = 100


@dataclasses.dataclass(frozen=True)
class LeftProcess:
    """A process that was left behind. ``case`` is the first after which it was there; empty: after the last one."""

    pid: int
    command: str
    ended: bool
    case: str


class LeftBehind:
    """What is left behind in one process of the kit; ``found`` has what was ended."""

    def __init__(self) -> None:
        self.found: list[LeftProcess] = []
        self._cases: dict[int, str] = {}

    def look(self, case: str, *, idle: bool) -> None:
        """At the end of a case: who is there, and end it where the kit itself has nothing running (``idle``): else it
        may be the helper of an implementation that goes on to answer.
        """
        for pid in adopted():
            self._cases.setdefault(pid, case)
        if idle and self._cases:
            self.end()

    def end(self) -> None:
        """End what is left, when nothing runs that could need it."""
        for left in end_adopted(_GRACE_SECONDS):
            case = self._cases.get(left.pid, "")
            self.found.append(LeftProcess(left.pid, left.command[:_SHOWN_CHARACTERS], left.ended, case))
        self._cases.clear()


def to_json(left: Iterable[LeftProcess]) -> str:
    """What was left behind, for the controlling process."""
    return json.dumps([dataclasses.asdict(each) for each in left])


def from_json(text: str) -> list[LeftProcess]:
    """What `to_json` made this of."""
    return [LeftProcess(**each) for each in json.loads(text)]


def warning_of(left: Collection[LeftProcess]) -> str:
    """What was left behind, in words; empty where nothing was."""
    if not left:
        return ""
    commands = Counter(each.command for each in left)
    shown = [
        f"{command} ({number} times)" if number > 1 else command for command, number in commands.most_common(_SHOWN)
    ]
    cases = list(dict.fromkeys(each.case for each in left if each.case))
    number = "1 process was" if len(left) == 1 else f"{len(left):,} processes were"
    more = ", …" if len(commands) > _SHOWN else ""
    words = [f"warning: {number} left running: {', '.join(shown)}{more}"]
    if cases:
        words.append(f"after {cases[0]}" + (f" and {len(cases) - 1} more cases" if len(cases) > 1 else ""))
    survivors = [each.pid for each in left if not each.ended]
    if survivors:
        words.append(f"the kit could not end {', '.join(map(str, survivors))}: end them yourself")
    else:
        words.append(f"the kit has ended {'it' if len(left) == 1 else 'them'}")
    return "; ".join(words)


def line_of(left: Collection[LeftProcess]) -> Mapping[str, Any]:
    """The line ``left`` of results.jsonl."""
    return {"text": warning_of(left), "processes": [dataclasses.asdict(each) for each in left]}
