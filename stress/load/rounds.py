"""The end of a round: the writers stand still, and what they did and what the readers saw is judged."""

from __future__ import annotations

from stress.judge.tally import Tally
from stress.load.folder import look_at
from stress.load.plan import LoadPlan
from stress.load.process_group import ProcessGroup
from stress.record.reports import Seen

__all__ = ["Rounds"]


class Rounds:
    """Ends rounds. ``ending`` is True while one is being ended, and stays so when that was interrupted."""

    def __init__(self, plan: LoadPlan, group: ProcessGroup, tally: Tally) -> None:
        self.ending = False
        self._plan, self._group, self._tally = plan, group, tally

    def end(self, command: str = "pause") -> None:
        """Have the writers stand still after this command, and judge the round."""
        self.ending = True
        group, names = self._group, self._plan.scenario.names
        reports = group.ask(group.writers, command)
        self._tally.room(self._plan.without_room())
        for writer, written in zip(group.writers, reports, strict=True):
            self._tally.written(group.number_of(writer), written)
        group.send(group.readers, "report")
        for index, reader in enumerate(group.readers):
            seen = group.answer(reader)
            assert isinstance(seen, Seen)
            self._tally.seen(reader.name, seen, of_implementation=self._plan.is_under_test(index))
        looks = [look_at(self._plan.folder / name) for name in names]
        self._tally.looked(looks, self._plan.temps())
        self.ending = False
