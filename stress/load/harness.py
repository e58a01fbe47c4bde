"""One folder's run from beginning to end: the positive control, the load in rounds, chaos, the closing writes.

At the end of each round the writers stand still for a moment: what they did and what the readers saw is judged and
forgotten, so that a run may last for days in constant memory.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from conformance.errors import ImplementationError
from conformance.runner.run import Run
from conformance.subject.manifest import Manifest
from conformance.system.platform import file_system_of
from stress.judge.tally import Account, share_of_goal
from stress.load import chaos
from stress.load.folder import look_at, temps_in
from stress.load.loops import ReaderPlan, WriterPlan, control_process
from stress.load.process_group import Crew, Member, new_pipe_process
from stress.record import clock
from stress.record.folder_record import Control, FolderRecord, Sample
from stress.record.reports import Seen, Written
from stress.record.scenario import Scenario
from stress.record.shared_counters import FIELDS
from stress.reporting.live import View

__all__ = ["Shared", "Show", "run_in_folder"]

Show = Callable[[View], None]
CONTROL_SECONDS = 5.0
_LOOK_SECONDS = 0.01  # between two looks at the folder
_SHOW_SECONDS = 0.25


@dataclass(frozen=True)
class Shared:
    """How a run shares its folder with runs on other machines.

    ``account`` judges without what only the others know. ``control_name`` is a file name that no other has. ``wait``
    is called before the load, and returns when the others are as far.
    """

    account: Account
    control_name: str
    wait: Callable[[], None]


def run_in_folder(
    run: Run,
    scenario: Scenario,
    folder: Path,
    *,
    shown_as: str,
    reader: Manifest | None,
    show: Show,
    shared: Shared | None = None,
) -> FolderRecord:
    """Put ``run.manifest`` under load in an existing folder, empty unless it is ``shared``. Returns what was seen.

    ``reader`` is a reader implementation, or None: every second reader is one, the others are the kit's own, which tell
    whose fault it is. ``shown_as`` is the folder as the user named it. Ctrl-C ends the run early: the record is then
    not complete. Raises ImplementationError when an implementation cannot be started or does not end, RuntimeError when
    a process of the kit fails.
    """
    names = scenario.names
    launch_options = run.launch_options(ignore_signals=True)
    writers = tuple(
        WriterPlan(
            scenario.first_writer + number,
            folder,
            names,
            scenario.sizes,
            scenario.rate,
            run.manifest,
            launch_options,
            scenario.pipeline,
            scenario.seed,
        )
        for number in range(scenario.writers)
    )
    account = shared.account if shared else Account(scenario, names)
    control_name = shared.control_name if shared else "control.json"
    wait = shared.wait if shared else _go_on
    readers = tuple(
        ReaderPlan(
            folder,
            names,
            control_name,
            scenario.read_pause,
            reader if number % 2 else None,
            run.launch_options(),
            scenario.pipeline,
            scenario.sharing,
        )
        for number in range(scenario.readers)
    )
    with Crew(writers, readers, run.answer_seconds) as crew:
        with_reader = reader is not None
        return _Load(crew, scenario, folder, names, account, control_name, wait, shown_as, with_reader, show).run()


def _go_on() -> None:
    """There is nobody to wait for."""


@dataclass
class _Load:
    crew: Crew
    scenario: Scenario
    folder: Path
    names: tuple[str, ...]
    account: Account
    control_name: str
    wait: Callable[[], None]
    shown_as: str
    with_reader: bool
    show: Show
    last: Sample | None = None
    control: Control = field(default_factory=lambda: Control(0, 0, None))
    pending: list[tuple[float, int, chaos.Action, list[chaos.Hit], int]] = field(default_factory=list)
    ending_round: bool = False

    def __post_init__(self) -> None:
        self.file_system = file_system_of(self.folder)
        self.before = dict.fromkeys(FIELDS, 0)  # the shared counters when the load began
        self.order = itertools.count()

    def run(self) -> FolderRecord:
        """Everything, in its order."""
        complete = False
        with contextlib.suppress(KeyboardInterrupt):
            self._write_first()
            self.control = self._positive_control()
            self.wait()
            complete = self._load_until_done_or_interrupted()
        return self.account.record(
            folder=self.shown_as,
            file_system=self.file_system,
            control=self.control,
            seconds=self._seconds(),
            complete=complete,
        )

    def _load_until_done_or_interrupted(self) -> bool:
        """Whether it was done. When it was interrupted, the round that had begun is judged all the same."""
        done = False
        try:
            self._load()
            done = True
        except KeyboardInterrupt:
            if self.ending_round:
                return False  # half of a round would accuse the innocent
        finally:
            self._release_all()
        self._end_round()
        if done:
            self._close()
        return done

    def _write_first(self) -> None:
        """Have each target written once, so that a reader always finds a document."""
        first = self.crew.writers[0]
        first.tell("all")
        written: Written = self.crew.answer(first)
        if written.errors:
            refused = next(violation for violation in written.violations if violation.kind == "refused")
            raise ImplementationError(f"cannot write into {self.shown_as}: {refused.evidence['answer']}", "")
        self.account.written(self._number(first), written)

    def _positive_control(self) -> Control:
        """Let a writer write in place until the kit's readers have seen something torn. Returns what they saw."""
        process, pipe = new_pipe_process(control_process, self.folder, self.control_name, self.scenario.sizes)
        try:
            if pipe.recv() != "ready":
                raise RuntimeError("the positive control could not write into this folder")
            begin = clock.nanoseconds()
            self._tell(self.crew.readers, "control")
            deadline = clock.seconds() + CONTROL_SECONDS
            self._show("positive control")
            while not self.crew.counters.total("wrong") and clock.seconds() < deadline:
                time.sleep(_LOOK_SECONDS)
            seen: list[Seen] = self._ask(self.crew.readers, "report")
            self._ask(self.crew.readers, "watch")
            pipe.send("stop")
            if not isinstance(pipe.recv(), int):
                raise RuntimeError("the positive control failed while it wrote")
        finally:
            process.kill()
            process.join()
            pipe.close()
        moments = [violation.time for one in seen for violation in one.violations]
        return Control(
            sum(sum(one.counts.values()) for one in seen),
            sum(one.reads for one in seen),
            (min(moments) - begin) / 1e9 if moments else None,
        )

    # The load

    def _load(self) -> None:
        scenario = self.scenario
        self.before = {name: self.crew.counters.total(name) for name in FIELDS}
        self.account.origin = clock.nanoseconds()
        actions = chaos.schedule(scenario.seed, scenario.chaos, scenario.chaos_rate, scenario.writers, scenario.readers)
        action = next(actions, None)
        self._tell(self.crew.writers, "write")
        round_ends, sample_due = scenario.round_seconds, 0.0
        while not self._finished():
            now = self._seconds()
            if now >= sample_due:
                self._sample("load")
                sample_due = now + _SHOW_SECONDS
            while action is not None and action.at <= now:
                self._act(action)
                action = next(actions, None)
            self._release_due(now)
            self.account.listed(len(temps_in(self.folder, self.names)))
            if now >= round_ends:
                self._release_all()  # a writer that is held would never stand still
                self._end_round()
                if scenario.stop_at_first and self.account.counts.total():
                    return
                round_ends = self._seconds() + scenario.round_seconds
                self._tell(self.crew.writers, "write")
            for member in self.crew.everybody:
                if member.failed():
                    self._meet_failure(member)
            time.sleep(_LOOK_SECONDS)

    def _finished(self) -> bool:
        limit = self.scenario.seconds
        share = self._share_of_goal()
        return (limit is not None and self._seconds() >= limit) or (share is not None and share >= 1)

    def _end_round(self, command: str = "pause") -> None:
        """Have the writers stand still, and judge what was done and seen."""
        self.ending_round = True
        for writer, written in zip(self.crew.writers, self._ask(self.crew.writers, command), strict=True):
            self.account.written(self._number(writer), written)
        self._tell(self.crew.readers, "report")
        for reader in self.crew.readers:
            judged = self._is_implementation(self.crew.readers.index(reader))
            self.account.seen(reader.name, self._answer_of_reader(reader), of_implementation=judged)
        looks = [look_at(self.folder / name) for name in self.names]
        self.account.looked(looks, temps_in(self.folder, self.names))
        self.ending_round = False

    def _close(self) -> None:
        """One more write of each target by each writer, after which nothing may be left; then everybody ends."""
        self._sample("closing")
        self._end_round("all")
        self.account.counted(self._count("wrong"))
        self.account.ended(temps_in(self.folder, self.names))
        self._ask(self.crew.everybody, "stop")

    # Chaos

    def _act(self, action: chaos.Action) -> None:
        members = self.crew.writers if action.of_writers else self.crew.readers
        member = members[action.number]
        if action.kind in ("fault", "kill") and member.counters.get("starting"):
            return  # it would hit a start, which no clause is about
        own_process = not action.of_writers and not self._is_implementation(action.number)
        targets = chaos.alive([psutil.Process(member.process.pid)] if own_process else member.implementations())
        if targets and action.kind in ("kill", "kill-reader") and not own_process:
            # Before the kill, and never taken back: the process that drives it may be looking at any moment.
            member.counters.add("kills", 1)
        hits = chaos.hit(action, targets)
        if not hits:
            return
        counts = {"pause": "pauses", "kill-reader": "reader_kills"}
        self.account.acted(action.told(), **({counts[action.kind]: 1} if action.kind in counts else {}))
        if action.kind == "kill-reader" and own_process:
            member.begin("watch")  # what it had seen since its last report is lost
        elif action.kind in ("pause", "fault"):
            until = self._seconds() + action.hold
            entry = (until, next(self.order), action, hits, clock.nanoseconds())
            heapq.heappush(self.pending, entry)

    def _release_due(self, now: float) -> None:
        while self.pending and self.pending[0][0] <= now:
            _, _, action, hits, begin = heapq.heappop(self.pending)
            chaos.release(action, hits)
            if action.kind == "fault":
                number = self._number(self.crew.writers[action.number])
                self.account.faulted(number, begin, clock.nanoseconds())

    def _release_all(self) -> None:
        self._release_due(float("inf"))

    def _meet_failure(self, member: Member) -> None:
        """A process has a message that nobody asked for, or has ended: both are failures. Raises what it says."""
        message = self.crew.answer(member)
        raise RuntimeError(f"{member.name} said {message!r}, and nobody had asked")

    # Small parts

    def _is_implementation(self, reader: int) -> bool:
        return self.with_reader and reader % 2 == 1

    def _answer_of_reader(self, reader: Member) -> Seen:
        seen = self.crew.answer(reader)
        assert isinstance(seen, Seen)
        return seen

    def _tell(self, members: Sequence[Member], command: str) -> None:
        for member in members:
            member.tell(command)

    def _ask(self, members: Sequence[Member], command: str) -> list[Any]:
        self._tell(members, command)
        return [self.crew.answer(member) for member in members]

    def _number(self, writer: Member) -> int:
        return self.crew.writers.index(writer) + self.scenario.first_writer

    def _seconds(self) -> float:
        """Seconds since the load began."""
        return (clock.nanoseconds() - self.account.origin) / 1e9 if self.account.origin else 0.0

    def _count(self, name: str) -> int:
        """A shared counter since the load began."""
        return self.crew.counters.total(name) - self.before[name]

    def _share_of_goal(self) -> float | None:
        kills = self.account.totals.kills
        return share_of_goal(self.scenario, reads=self._count("reads"), writes=self._count("writes"), kills=kills)

    def _sample(self, phase: str) -> None:
        sample = Sample(
            self._seconds(),
            self._count("reads"),
            self._count("changes"),
            self._count("writes"),
            self._count("refused"),
            max(self._count("wrong"), self.account.counts.total()),
            len(temps_in(self.folder, self.names)),
        )
        self.account.sampled(sample)
        self._show(phase, sample)

    def _show(self, phase: str, sample: Sample | None = None) -> None:
        now = sample or Sample(0.0, 0, 0, 0, 0, 0, 0)
        limit = self.scenario.seconds
        self.show(
            View(
                folder=self.shown_as,
                file_system=self.file_system,
                phase=phase,
                now=now,
                before=self.last,
                distinct=self.account.totals.distinct,
                acknowledged=self.account.totals.acknowledged,
                counts=self.account.counts,
                staleness=self.account.staleness,
                seconds_left=None if limit is None else max(0.0, limit - now.seconds),
                goal_share=self._share_of_goal(),
                kills=self.account.totals.kills,
            )
        )
        self.last = sample
