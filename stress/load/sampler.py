"""What is known of a run while it runs: counters since the load started, samples of them, and views to show."""

from __future__ import annotations

from collections.abc import Callable

from conformance.system.platform import file_system_of
from stress.judge.tally import Tally, share_of_goal
from stress.load.plan import LoadPlan
from stress.load.process_group import ProcessGroup
from stress.record.folder_record import Sample
from stress.record.shared_counters import FIELDS
from stress.reporting.live import View

__all__ = ["Sampler", "Show"]

Show = Callable[[View], None]


class Sampler:
    """Takes samples of a run for its record, and shows each of them."""

    def __init__(self, plan: LoadPlan, group: ProcessGroup, tally: Tally, show: Show) -> None:
        self.file_system = file_system_of(plan.folder)
        self._plan, self._group, self._tally, self._show = plan, group, tally, show
        self._before = dict.fromkeys(FIELDS, 0)  # the shared counters when the load started
        self._last: Sample | None = None

    def start(self) -> None:
        """The load starts now: counters count from here."""
        self._before = {name: self._group.counters.total(name) for name in FIELDS}

    def count(self, name: str) -> int:
        """A shared counter since the load started."""
        return self._group.counters.total(name) - self._before[name]

    def finished(self) -> bool:
        """Whether the time of the scenario is over or its goal is reached."""
        limit = self._plan.scenario.seconds
        share = self._share_of_goal()
        return (limit is not None and self._tally.seconds >= limit) or (share is not None and share >= 1)

    def sample(self, phase: str) -> None:
        """Take a sample, keep it for the record, and show it."""
        sample = Sample(
            self._tally.seconds,
            self.count("reads"),
            self.count("changes"),
            self.count("writes"),
            self.count("refused"),
            max(self.count("wrong"), self._tally.counts.total()),
            len(self._plan.temps()),
        )
        self._tally.sampled(sample)
        self.show(phase, sample)

    def show(self, phase: str, sample: Sample | None = None) -> None:
        """Show a sample, or that there is none yet."""
        now = sample or Sample(0.0, 0, 0, 0, 0, 0, 0)
        limit = self._plan.scenario.seconds
        self._show(
            View(
                folder=self._plan.shown_as,
                file_system=self.file_system,
                phase=phase,
                now=now,
                before=self._last,
                distinct=self._tally.totals.distinct,
                acknowledged=self._tally.totals.acknowledged,
                counts=self._tally.counts,
                staleness=self._tally.staleness,
                seconds_left=None if limit is None else max(0.0, limit - now.seconds),
                goal_share=self._share_of_goal(),
                kills=self._tally.totals.kills,
            )
        )
        self._last = sample

    def _share_of_goal(self) -> float | None:
        kills = self._tally.totals.kills
        return share_of_goal(self._plan.scenario, reads=self.count("reads"), writes=self.count("writes"), kills=kills)
