"""The plan of one folder's run, and the plans of its writer and reader processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from conformance.contract.manifest import Manifest
from conformance.runner import room
from conformance.runner.keeps import kept_by
from conformance.runner.run import Run
from stress.clients.plans import ReaderPlan, WriterPlan
from stress.judge.tally import Tally
from stress.load.folder import temps_in
from stress.record.scenario import Scenario

__all__ = ["LoadPlan", "Shared"]


@dataclass(frozen=True)
class Shared:
    """How a run shares its folder with runs on other machines.

    ``tally`` judges without what only the other machines know. ``control_name`` is a file name that no other machine
    uses. ``wait`` is called before the load, and returns when the other machines are ready too.
    """

    tally: Tally
    control_name: str
    wait: Callable[[], None]


@dataclass(frozen=True)
class LoadPlan:
    """One folder's run: ``run.manifest`` is put under the load of ``scenario`` in ``folder``.

    The folder exists, and is empty unless it is ``shared``; ``shown_as`` is its name as the user gave it. ``reader`` is
    a reader implementation, or None. With one, every second reader is that implementation; the others are the kit's
    own, so that a wrong read can be attributed to the writer or to the reader.
    """

    run: Run
    scenario: Scenario
    folder: Path
    shown_as: str
    reader: Manifest | None = None
    shared: Shared | None = None

    @property
    def control_name(self) -> str:
        """The file name of the positive control."""
        return self.shared.control_name if self.shared else "control.json"

    @cached_property
    def keeps(self) -> tuple[str, ...]:
        """The patterns of files that the implementation keeps beside its targets, such as a lock file."""
        return kept_by(self.run)

    def temps(self) -> tuple[str, ...]:
        """The names of the temps that are in the folder now."""
        return temps_in(self.folder, self.scenario.names, self.keeps)

    def without_room(self) -> str:
        """What to say when the folder is so full that a write may fail for that reason alone; empty when it is not.

        A new disk is an image in the folder of the run.
        """
        needed = max(room.NEEDED, (self.scenario.writers + 1) * max(self.scenario.sizes))
        full = (folder for folder in (self.folder, self.run.folder) if room.is_full(folder, needed))
        return next(map(room.full_text, full), "")

    def is_under_test(self, reader: int) -> bool:
        """Whether the reader with this index is the reader implementation, and not one of the kit's own."""
        return self.reader is not None and reader % 2 == 1

    def writers(self) -> tuple[WriterPlan, ...]:
        """The plans of the writer processes."""
        scenario = self.scenario
        return tuple(
            WriterPlan(
                number=scenario.first_writer + index,
                folder=self.folder,
                names=scenario.names,
                sizes=scenario.sizes,
                rate=scenario.rate,
                manifest=self.run.manifest,
                launch_options=self.run.launch_options(ignore_signals=True),
                pipeline=scenario.pipeline,
                seed=scenario.seed,
                keeps=self.keeps,
            )
            for index in range(scenario.writers)
        )

    def readers(self) -> tuple[ReaderPlan, ...]:
        """The plans of the reader processes."""
        scenario = self.scenario
        return tuple(
            ReaderPlan(
                folder=self.folder,
                names=scenario.names,
                control=self.control_name,
                pause=scenario.read_pause,
                manifest=self.reader if self.is_under_test(index) else None,
                launch_options=self.run.launch_options(),
                pipeline=scenario.pipeline,
                sharing=scenario.sharing,
            )
            for index in range(scenario.readers)
        )
