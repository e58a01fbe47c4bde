"""Whether writers make progress while readers hold the target open, which matters on Windows. No I/O here.

There a file that another process has open cannot be replaced for a moment. A writer waits until it can, and answers
`io` when it cannot: that is no failure if it has waited as long as required, if it answers in time, and if its next
writes succeed. Elsewhere an open file prevents nothing, and nothing is excused.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stress.record.reports import HELD, INDETERMINATE
from stress.record.scenario import Scenario
from stress.record.violations import ObservedViolation

__all__ = [
    "BUDGET_SECONDS",
    "HOLD_SECONDS",
    "SLOWEST_SECONDS",
    "STARVED_SECONDS",
    "Waits",
    "kept_waiting",
    "worked",
]

Table = npt.NDArray[np.int64]  # rows of `stress.record.reports.WRITE_COLUMNS`

HOLD_SECONDS = 0.2
"""A writer must wait for a holder that lets go after this long (WIN-01), and must not give up sooner."""
BUDGET_SECONDS = 2.0
"""How long a write may be kept waiting (CON-05)."""
SLOWEST_SECONDS = BUDGET_SECONDS + 2.0
"""How long an answer may take: the budget, and time for the write itself on a busy machine."""
STARVED_SECONDS = 3 * BUDGET_SECONDS
"""How long the writes of one writer may be refused without interruption."""


def worked(rows: Table) -> Table:
    """How long (nanoseconds) the writer worked on each write; 0 for one that was never answered.

    The work on a request in a pipeline starts with the answer to the request before it.
    """
    begin, end = rows[:, 3], rows[:, 4]
    answered = end != INDETERMINATE
    idle_until = np.concatenate([[np.iinfo(np.int64).min], np.where(answered, end, begin)[:-1]])
    taken: Table = np.where(answered, end - np.maximum(begin, idle_until), 0)
    return taken


def kept_waiting(rows: Table, scenario: Scenario) -> npt.NDArray[np.bool_]:
    """Which refused writes a reader's open file explains, because the writer had waited as long as required.

    Where readers do not pause there is nothing to wait for, and the writer may give up at once.
    """
    if scenario.sharing is None:
        return np.zeros(len(rows), dtype=bool)
    least = HOLD_SECONDS * 1e9 if scenario.measures_progress else 0
    waited: npt.NDArray[np.bool_] = (rows[:, 5] == HELD) & (worked(rows) >= least)
    return waited


class Waits:
    """How long each writer has been without an acknowledged write; ``longest`` of all, in seconds."""

    def __init__(self, scenario: Scenario) -> None:
        self.longest = 0.0
        self._scenario = scenario
        self._waited: dict[int, int] = {}  # nanoseconds since its last acknowledged write, over all rounds

    def add(self, writer: int, rows: Table) -> ObservedViolation | None:
        """Add the next writes of a writer. Returns a violation when readers kept it waiting beyond the budget."""
        if self._scenario.sharing is None:
            return None
        waited, found = self._waited.get(writer, 0), None
        for taken, end, outcome in zip(worked(rows).tolist(), rows[:, 4].tolist(), rows[:, 5].tolist(), strict=True):
            waited += taken
            self.longest = max(self.longest, waited / 1e9)
            if found is None and self._scenario.measures_progress:
                found = _beyond_the_budget(writer, taken / 1e9, waited / 1e9, end)
            if outcome != HELD:
                waited = 0
        self._waited[writer] = waited
        return found


def _beyond_the_budget(writer: int, taken: float, waited: float, moment: int) -> ObservedViolation | None:
    if taken > SLOWEST_SECONDS:
        text = f"a write of writer {writer} took {taken:.1f} s (limit {SLOWEST_SECONDS:g} s)"
    elif waited > STARVED_SECONDS:
        text = f"writer {writer} had no successful write for {waited:.1f} s (limit {STARVED_SECONDS:g} s)"
    else:
        return None
    return ObservedViolation("blocked", moment, f"blocked: {text}, although readers pause")
