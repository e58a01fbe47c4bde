"""Every block of a file system: recorded, rebuilt, mounted, judged."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from conformance.contract.errors import ImplementationError, Inconclusive, NoAnswer, Unmeasured, Violation
from conformance.oracle.snapshot import snapshot
from conformance.runner.case import Shared
from conformance.runner.requests import publish_request
from conformance.runner.room import require_room
from conformance.runner.run import Run
from conformance.subject.client import start
from conformance.syscalls.tracer.calls import TraceError
from stress.disk import disk_of, require_means
from stress.powercut.blocks.file_systems import FileSystem
from stress.powercut.blocks.fuse import require_fuse
from stress.powercut.blocks.keeping import keep
from stress.powercut.blocks.lookers import Lookers, looking
from stress.powercut.blocks.names import name_of, named_state, round_of
from stress.powercut.blocks.recording import FOLDER, TARGET, Recording, Writers, record
from stress.powercut.blocks.results import Repeated
from stress.powercut.blocks.rounds import NUMBERS, Round, rounds
from stress.powercut.blocks.shares import KINDS, is_another, limit_of_round, share_of
from stress.powercut.blocks.states import Plan, State, count_prefixes, plan_states
from stress.powercut.blocks.story import in_short
from stress.powercut.blocks.supervisor import supervised
from stress.powercut.blocks.tally import Look, NextFailure, Tally, failed_clauses
from stress.powercut.blocks.verdict import Seen, judge
from stress.powercut.blocks.watch import LeftUnusable
from stress.powercut.blocks.writers import durable, held_implementation, implementation, unsynced
from stress.powercut.cutting import Bench, refused
from stress.powercut.prediction import ExpectedOfWrite, Foreseen, expected_of_write, foreseen_of_series
from stress.powercut.reaper import end_descendants
from stress.powercut.recording import record_writes
from stress.powercut.verdict import require_document

__all__ = ["BlockPlan", "cut_every_block", "repeat_state"]

_CONTROL_STATES = 60, 150  # at least, and at most
_ANSWER_SECONDS = 60.0  # at least
_END_SECONDS = 10.0
_RECORDINGS = 5  # in which a state is looked for by its name
_NEXT_WRITES = 40  # of a recording
_Expected = Mapping[tuple[int, bool], ExpectedOfWrite]  # by size and whether there is a target


@dataclass(frozen=True)
class BlockPlan:
    """How many states to look at, or ``only`` the one with this number or name. ``keep`` is the folder in which the
    first failing state of each kind is kept, or the one of ``only``, whatever it shows.
    """

    states: int
    only: int | str | None = None
    keep: Path | None = None


def cut_every_block(run: Run, file_system: FileSystem, plan: BlockPlan, tally: Tally) -> None:
    """Look at the states of this file system, and count them.

    Raises Unmeasured where this machine cannot or the file system loses what every writer needs, Inconclusive where
    nothing would be seen, and ImplementationError for a write that fails.
    """
    require_means(file_system.kind)
    require_fuse()
    run = _patient(run)
    few = itertools.islice(rounds(run.seed), KINDS + plan.states // share_of(plan.states))
    expected = _ask_model(run, file_system, few, tally)
    with _prepared(run, file_system, plan) as (lookers, tally.unmounted_of_control):
        for played in rounds(run.seed):
            if not is_another(plan.states, tally.states, played.number, tally.most_prefixes):
                return
            _one_round(run, file_system, played, lookers, expected, plan, tally)


def _patient(run: Run) -> Run:
    """Wait longer for answers: sync(2) waits for all disks of the machine, and so for those of other runs."""
    return dataclasses.replace(run, answer_seconds=max(run.answer_seconds, _ANSWER_SECONDS))


def repeat_state(run: Run, file_system: FileSystem, plan: BlockPlan) -> Repeated:
    """Look at the one state that ``plan.only`` asks for, in a new recording of its round; by its name, in several ones
    until it fails. What is raised is that of `cut_every_block`, and Inconclusive where there is no such state.
    """
    require_means(file_system.kind)
    require_fuse()
    assert plan.only is not None
    run = _patient(run)
    number = plan.only // NUMBERS if isinstance(plan.only, int) else round_of(plan.only)
    played = next(itertools.islice(rounds(run.seed), number, None))
    tally = Tally(file_system.name)
    expected = _ask_model(run, file_system, [played], tally)
    last, found = None, 0
    with _prepared(run, file_system, plan) as (lookers, _):
        for recordings in range(1, 2 if isinstance(plan.only, int) else _RECORDINGS + 1):
            with contextlib.ExitStack() as stack:
                recording = _recorded(stack, run, file_system, played, tally)
                state = _asked_for(plan, recording, run.seed + number)
                if state is None:
                    continue
                found += 1
                last = _look_again(run, lookers, recording, state, expected, plan)
            last = dataclasses.replace(last, recordings=recordings, found=found)
            if failed_clauses(last.look) or last.next_write:
                break
    if last is None:
        raise Inconclusive(
            f"there is no state {plan.only} in {_RECORDINGS} new recordings: what reaches the disk between two flushes "
            "depends on the timing; --keep, given to a whole run, keeps a failing state when it is found"
        )
    return last


def _asked_for(plan: BlockPlan, recording: Recording, seed: int) -> State | None:
    if isinstance(plan.only, str):
        return named_state(plan.only, recording.events)
    assert plan.only is not None
    number, share = plan.only // NUMBERS, share_of(plan.states)
    before = min(number * share, max(0, plan.states - share))  # what others had was not kept
    limit = limit_of_round(plan.states, before, number, count_prefixes(recording.events))
    states = plan_states(recording.events, seed, limit).states
    if plan.only % NUMBERS >= len(states):
        last = plan.only // NUMBERS * NUMBERS + len(states) - 1
        raise Inconclusive(f"there is no state {plan.only}: the last one of this recording is {last}")
    return states[plan.only % NUMBERS]


def _look_again(
    run: Run, lookers: Lookers, recording: Recording, state: State, expected: _Expected, plan: BlockPlan
) -> Repeated:
    assert plan.only is not None
    numbers = {state: plan.only} if isinstance(plan.only, int) else {}
    judged = _judged(recording, numbers, run.manifest.profile, expected)
    [look] = [judged(state, seen) for state, seen in lookers.look(recording, [state])]
    tally = Tally(recording.file_system.name)
    if plan.keep is not None:
        _keep(recording, look, plan.keep, run.manifest.profile, tally)
    failed = None if look.outcome.kind == "unmountable" else _next_write(run, lookers, recording, look)
    kept = "".join([*(f"kept: {text}" for text in tally.kept), *(f"not kept: {text}" for text in tally.not_kept)])
    return Repeated(plan.only, look, next_write=failed.text if failed else "", kept=kept)


@contextlib.contextmanager
def _prepared(run: Run, file_system: FileSystem, plan: BlockPlan) -> Iterator[tuple[Lookers, float]]:
    """What looks at states, once the controls have shown that there is something to see, and `_require_controls`."""
    least, most = _CONTROL_STATES
    try:
        with supervised(), looking(run.folder) as lookers:
            yield lookers, _require_controls(run, file_system, lookers, min(max(plan.states, least), most))
    finally:
        end_descendants(_END_SECONDS)  # what the implementation has left running


def _one_round(
    run: Run,
    file_system: FileSystem,
    played: Round,
    lookers: Lookers,
    expected: _Expected,
    plan: BlockPlan,
    tally: Tally,
) -> None:
    with contextlib.ExitStack() as stack:
        recording = _recorded(stack, run, file_system, played, tally)
        played = recording.round
        limit = limit_of_round(plan.states, tally.states, played.number, count_prefixes(recording.events))
        chosen = plan_states(recording.events, run.seed + played.number, limit)
        judged = _judged(recording, _numbered(played, chosen.states), run.manifest.profile, expected)
        begin = time.monotonic()
        looks: list[Look] = []
        try:
            for state, seen in lookers.look(recording, chosen.states):
                looks.append(judged(state, seen))
        except Exception:
            require_room(run.folder)  # else what was seen by then says nothing
            _count(run, recording, chosen, looks, plan, tally)
            raise
        finally:
            tally.seconds += time.monotonic() - begin
        _count(run, recording, chosen, looks, plan, tally)
        for look in _one_of_each_shape(looks):
            if not tally.enough_next_failures:
                tally.next_write(look, _next_write(run, lookers, recording, look))


def _recorded(stack: contextlib.ExitStack, run: Run, file_system: FileSystem, played: Round, tally: Tally) -> Recording:
    """Record a round. Where the writer fails while it is held, or cannot be, it is recorded without that. Where two
    writers fail and one alone does not, that is for CON-01, and the recording is one of a single writer. What fails
    anyway, or has left a file system that nothing can use, is raised.
    """
    free = dataclasses.replace(played, held=False)
    alone = dataclasses.replace(free, writers=1)
    if played.held and not tally.not_held:
        try:
            return stack.enter_context(record(file_system, played, held_implementation(run), run.folder))
        except LeftUnusable:
            raise
        except (Unmeasured, TraceError, ImplementationError) as reason:
            tally.not_held = str(reason)
    try:
        together = alone if tally.not_together else free
        return stack.enter_context(record(file_system, together, implementation(run), run.folder))
    except LeftUnusable:
        raise
    except ImplementationError as error:
        if free.writers == 1 or tally.not_together:
            raise
        recording = stack.enter_context(record(file_system, alone, implementation(run), run.folder))
        tally.not_together = str(error)
        return recording


def _count(run: Run, recording: Recording, chosen: Plan, looks: list[Look], plan: BlockPlan, tally: Tally) -> None:
    if looks:  # else nothing is known of this recording
        tally.planned(recording.round, chosen)
    looks.sort(key=lambda look: look.number or 0)
    for look in looks:
        if plan.keep is not None and tally.is_first_of_its_kind(look):
            _keep(recording, look, plan.keep, run.manifest.profile, tally)
        tally.add(look)


def _keep(recording: Recording, look: Look, parent: Path, profile: str, tally: Tally) -> None:
    """Keep a state, or say why not: the verdict does not depend on it."""
    try:
        tally.kept.append(str(keep(recording, look, parent, profile)))
    except OSError as error:
        tally.not_kept.append(f"state {look.label} in {parent}: {error}")


def _numbered(played: Round, states: Iterable[State]) -> Mapping[State, int]:
    return {state: played.number * NUMBERS + index for index, state in enumerate(states)}


def _judged(
    recording: Recording, numbers: Mapping[State, int], profile: str, expected: _Expected
) -> Callable[[State, Seen], Look]:
    played, history, documents = recording.round, recording.history, recording.round.documents()

    def judged(state: State, seen: Seen) -> Look:
        acknowledged = len(history.acknowledged(state.cut))
        return Look(
            number=numbers.get(state),
            name=name_of(state, recording.events, played.number),
            round=played,
            state=state,
            seen=seen,
            outcome=judge(seen, state.cut, history, documents, profile),
            acknowledged=acknowledged,
            foreseen=_foreseen(expected, played, len(history.begun(state.cut)), acknowledged),
            written=in_short(state, recording.events),
        )

    return judged


def _ask_model(run: Run, file_system: FileSystem, few: Iterable[Round], tally: Tally) -> _Expected:
    """What the model says of writes of the sizes of these rounds, traced on a plain disk of this kind."""
    sizes = sorted({played.size for played in few})
    try:
        with disk_of(file_system.kind, run.folder) as disk:
            recorded = record_writes(Bench(run, disk, Shared(run)), sizes)
        return {conditions: expected_of_write(write) for conditions, write in recorded.items()}
    except (Unmeasured, TraceError, NoAnswer) as reason:  # the model is not needed for a verdict
        tally.not_compared = str(reason)
        return {}


def _foreseen(expected: _Expected, played: Round, asked: int, acknowledged: int) -> Foreseen | None:
    first, later = expected.get((played.size, played.exists)), expected.get((played.size, True))
    if played.writers > 1 or first is None or later is None:
        return None
    return foreseen_of_series(first, later, asked, acknowledged)


def _one_of_each_shape(looks: list[Look]) -> list[Look]:
    """A look for each kind of folder that a recovery left: whether there is a target, and which leftovers."""
    shapes: dict[object, Look] = {}
    for look in looks:
        if look.outcome.kind != "unmountable" and look.state.kind != "flushes ignored":
            files = sorted(
                (file.length == 0, file.zeros, file.length < look.round.size // 2) for file in look.seen.beside
            )
            shapes.setdefault((look.seen.data is None, look.outcome.kind, tuple(files)), look)
    return list(shapes.values())[:_NEXT_WRITES]


def _next_write(run: Run, lookers: Lookers, recording: Recording, look: Look) -> NextFailure | None:
    """Let a new process write to the recovered disk. Returns what went wrong, if anything."""
    status = look.round.status(0, look.round.writes + 1)
    with lookers.held(recording, look.state) as watch:
        target = watch.place / FOLDER / TARGET
        operation, fields = publish_request(run.manifest.profile, target, status)
        process = start(run.manifest, run.launch_options())
        try:
            with watch.step("the next write"):
                answer = process.request(operation, **fields)
            if not answer.ok:
                raise refused(answer)
            require_document(snapshot(target).data or b"", status, run.manifest.profile)
        except (ImplementationError, Violation) as error:
            return NextFailure(f"the next write after the recovery: {error}", hung=isinstance(error, NoAnswer))
        finally:
            process.kill()
    return None


def _require_controls(run: Run, file_system: FileSystem, lookers: Lookers, states: int) -> float:
    """Raise Inconclusive unless a writer without syncs is caught here, and Unmeasured unless one with all of them loses
    nothing. Returns which part of the prefixes of the second one could not be mounted.
    """
    played = next(rounds(run.seed))
    found = _control(file_system, played, unsynced, lookers, states, run.folder)
    if not found.found.failures:
        raise Inconclusive(
            f"the positive control was not caught: on this {file_system.name} the kit's own writer, which syncs "
            f"nothing, lost nothing: {found.sentence()}; cuts here prove nothing"
        )
    found = _control(file_system, played, durable, lookers, states, run.folder)
    if found.found.failures:
        raise Unmeasured(
            f"{file_system.name} loses what it was asked to keep, so that no writer can be judged on it: the kit's own "
            f"writer, which syncs file and folder: {found.sentence()}"
        )
    return found.unmounted_share


def _control(
    file_system: FileSystem, played: Round, writers: Writers, lookers: Lookers, states: int, folder: Path
) -> Tally:
    tally = Tally(file_system.name)
    with contextlib.ExitStack() as stack:
        try:
            recording = stack.enter_context(record(file_system, played, writers, folder))
        except ImplementationError as error:
            raise Inconclusive(f"a writer of the kit's own failed: {error}") from error
        plan = plan_states(recording.events, played.number, states)
        tally.planned(played, plan)
        judged = _judged(recording, _numbered(played, plan.states), "replace", {})
        for state, seen in lookers.look(recording, plan.states):
            tally.add(judged(state, seen))
    return tally
