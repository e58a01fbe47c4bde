"""One folder's run from start to end: the positive control, the load in rounds, chaos, the closing writes.

At the end of each round the writers stand still for a moment: what they did and what the readers saw is judged and
forgotten, so that a run may last for days in constant memory.
"""

from __future__ import annotations

import contextlib
import time

from conformance.contract.errors import ImplementationError, ManifestError
from stress.judge.tally import Tally
from stress.load.chaos_driver import ChaosDriver
from stress.load.control import run_control
from stress.load.pause_guard import PauseGuard, guarding_pauses
from stress.load.plan import LoadPlan
from stress.load.process_group import Member, ProcessGroup
from stress.load.rounds import Rounds
from stress.load.sampler import Sampler, Show
from stress.record import clock
from stress.record.folder_record import Control, FolderRecord
from stress.record.reports import Written
from stress.record.shared_counters import OF_READERS

__all__ = ["run_in_folder"]

_LOOK_SECONDS = 0.01  # between two looks at the folder
_SHOW_SECONDS = 0.25


def run_in_folder(plan: LoadPlan, show: Show) -> FolderRecord:
    """Carry out a plan and return what was observed; ``show`` is given a view now and then.

    Ctrl-C ends the run early: the record is then not complete. Raises ImplementationError when an implementation cannot
    be started or does not end, RuntimeError when a process of the kit fails, ManifestError when the folder is full.
    """
    tally = plan.shared.tally if plan.shared else Tally(plan.scenario, plan.scenario.names)
    try:
        with (
            guarding_pauses(plan.run, wanted="pause" in plan.scenario.chaos) as guard,
            ProcessGroup(plan.writers(), plan.readers(), plan.run.answer_seconds) as group,
        ):
            return _Load(plan, group, tally, Sampler(plan, group, tally, show), guard).run()
    except (ImplementationError, RuntimeError) as error:
        if full := plan.without_room():
            raise ManifestError(full) from error
        raise


class _Load:
    def __init__(self, plan: LoadPlan, group: ProcessGroup, tally: Tally, sampler: Sampler, guard: PauseGuard) -> None:
        self._plan, self._group, self._tally, self._sampler = plan, group, tally, sampler
        self._rounds = Rounds(plan, group, tally)
        self._chaos = ChaosDriver(plan, group, tally, guard)

    def run(self) -> FolderRecord:
        """Everything, in its order."""
        complete, control = False, Control(0, 0, None)
        with contextlib.suppress(KeyboardInterrupt):
            self._write_first()
            self._sampler.show("positive control")
            control = run_control(self._plan, self._group)
            if self._plan.shared:
                self._plan.shared.wait()
            complete = self._load_until_done_or_interrupted()
        return self._tally.record(
            folder=self._plan.shown_as,
            file_system=self._sampler.file_system,
            control=control,
            seconds=self._tally.seconds,
            complete=complete,
        )

    def _write_first(self) -> None:
        """Have each target written once, so that a reader always finds a document."""
        first = self._group.writers[0]
        [written] = self._group.ask([first], "all")
        assert isinstance(written, Written)
        if written.errors:
            refused = next(violation for violation in written.violations if violation.kind == "refused")
            raise ImplementationError(f"cannot write into {self._plan.shown_as}: {refused.evidence['answer']}", "")
        self._tally.written(self._group.number_of(first), written)

    def _load_until_done_or_interrupted(self) -> bool:
        """Whether it was done. When it was interrupted, the round that had started is judged all the same."""
        done = False
        try:
            self._load()
            done = True
        except KeyboardInterrupt:
            if self._rounds.ending:
                return False  # half of a round could look like a violation
        finally:
            self._chaos.release_all()
        self._rounds.end()
        if done:
            self._close()
        return done

    def _load(self) -> None:
        scenario, group = self._plan.scenario, self._group
        self._sampler.start()
        self._tally.origin = clock.nanoseconds()
        group.send(group.writers, "write")
        round_ends, sample_due = scenario.round_seconds, 0.0
        while not self._sampler.finished():
            now = self._tally.seconds
            if now >= sample_due:
                self._sampler.sample("load")
                sample_due = now + _SHOW_SECONDS
            self._chaos.act_until(now)
            self._tally.listed(len(self._plan.temps()))
            if now >= round_ends:
                self._chaos.release_all()  # a paused writer would never stand still
                self._rounds.end()
                if scenario.stop_at_first and self._tally.counts.total():
                    return
                round_ends = self._tally.seconds + scenario.round_seconds
                group.send(group.writers, "write")
            for member in group.members:
                if member.failed():
                    self._meet_failure(member)
            time.sleep(_LOOK_SECONDS)

    def _close(self) -> None:
        """One more write of each target by each writer, after which nothing may be left; then every process ends."""
        self._sampler.sample("closing")
        self._rounds.end("all")
        self._tally.counted({kind: self._sampler.count(kind) for kind in OF_READERS})
        self._tally.ended(self._plan.temps())
        self._group.ask(self._group.members, "stop")

    def _meet_failure(self, member: Member) -> None:
        """A process has sent an unrequested message, or has ended: both are failures. Raises what it says."""
        message = self._group.answer(member)
        raise RuntimeError(f"{member.name} sent an unrequested message: {message!r}")
