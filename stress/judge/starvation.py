"""Whether writers get on although readers hold the target, as they do on Windows. No I/O here.

There a file that somebody has open may not be replaced for a moment. A writer waits for that moment, and answers `io`
when it does not come: that is no failure if it has waited as long as it must, if it answers in time, and if its next
writes get through. Elsewhere an open file is in nobody's way, and nothing is excused.
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
"""A holder that lets go after so long must be waited for (WIN-01): who gives up sooner has not tried."""
BUDGET_SECONDS = 2.0
"""For so long may a write be kept waiting (CON-05)."""
SLOWEST_SECONDS = BUDGET_SECONDS + 2.0
"""An answer that takes longer is not in the budget. The rest is for the write itself, on a busy machine."""
STARVED_SECONDS = 3 * BUDGET_SECONDS
"""For so long may the writes of one writer be refused in a row."""


def worked(rows: Table) -> Table:
    """Nanoseconds for which each write was worked on; 0 of one that was never answered.

    A request that waits in a pipeline is not being worked on before the answer to the one before it.
    """
    begin, end = rows[:, 3], rows[:, 4]
    answered = end != INDETERMINATE
    idle_until = np.concatenate([[np.iinfo(np.int64).min], np.where(answered, end, begin)[:-1]])
    taken: Table = np.where(answered, end - np.maximum(begin, idle_until), 0)
    return taken


def kept_waiting(rows: Table, scenario: Scenario) -> npt.NDArray[np.bool_]:
    """Which refused writes a reader's open file explains, because the writer had waited for as long as it must.

    Where readers do not pause there is nothing to wait for, and it may give up at once.
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
        """Take the next writes of a writer. Returns a violation when readers kept it waiting beyond the budget."""
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
        told = f"a write of writer {writer} took {taken:.1f} s, which is over {SLOWEST_SECONDS:g} s"
    elif waited > STARVED_SECONDS:
        told = f"writer {writer} got nothing through for {waited:.1f} s, which is over {STARVED_SECONDS:g} s"
    else:
        return None
    return ObservedViolation("blocked", moment, f"blocked: {told}, although readers pause")
