"""After a kill the command runs again: does it end well, does it go on, and does it bring the same result?"""

from __future__ import annotations

import dataclasses
import shlex
import subprocess
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from conformance.commands.judge.answers import Answer, Resumed, Visited, found_at, unbroken, where, with_next_runs
from conformance.commands.judge.content import Wholeness, in_words
from conformance.commands.judge.execution import Command, Traced, environment_of, run_traced
from conformance.commands.judge.folder import Stage, listing
from conformance.commands.judge.printed import error_line
from conformance.commands.judge.undisturbed import CannotJudge
from conformance.commands.judge.writes import Written, session_ends
from conformance.oracle.snapshot import snapshot
from conformance.syscalls.operations import Operation

__all__ = ["Again", "of_resuming", "resumed", "undisturbed_again", "writes"]

_BROKEN = ("missing", "empty", "cut off")  # other bytes may be what a second run makes of those of the first


@dataclass(frozen=True)
class Again:
    """What runs after a kill, and what undisturbed runs say of it.

    ``statuses`` are the exit codes that end a run well, ``complete`` those of a run in a folder where nothing is left
    to do, and ``contents`` what the files then hold. ``names`` are the files whose writes are counted, ``writes`` how
    many there are in an undisturbed run. ``result`` is the file or command that shows the result, ``expected`` the
    result of undisturbed runs; None where none is asked for, or where it differs from run to run. ``second`` is the
    undisturbed run of the command in the folder of a run that was not killed.
    """

    command: Command
    statuses: frozenset[int]
    complete: frozenset[int]
    contents: Mapping[str, bytes | None]
    names: tuple[str, ...]
    writes: int
    result: str = ""
    expected: bytes | None = None
    second: Traced | None = None


def writes(operations: Sequence[Operation], names: Collection[str]) -> int:
    """How many complete contents a run gave to these files."""
    return sum(len(session_ends(operations, name)) for name in names)


def undisturbed_again(
    stage: Stage, command: Command, then: Command | None, traced: Traced, targets: Sequence[Written], result: str
) -> Again:
    """Run the command, and after it what runs after a kill (``then``, or the same command), both undisturbed.

    Raises CannotJudge when the result cannot be had.
    """
    names = tuple(each.name for each in traced.files() if each.how != "appended")
    stage.reset()
    _run(stage, command)
    expected = _expected(stage, command, result) if result else None
    second = _run(stage, then or command)
    contents = {each.name: snapshot(stage.root / each.name).data for each in targets}
    if result and expected is not None:
        stage.reset()
        _run(stage, command)
        expected = expected if _result(stage, command, result, is_file=_is_file(stage, result)) == expected else None
    complete = frozenset({second.ended.status} - {None})
    well = {0, traced.ended.status} if then is None else {0, *complete}
    statuses = frozenset(each for each in well if each is not None)
    return Again(
        then or command,
        statuses,
        frozenset(each for each in complete if each is not None),
        contents,
        names,
        writes(traced.ended.operations, names),
        result,
        expected,
        second,
    )


def _run(stage: Stage, command: Command) -> Traced:
    existing = listing(stage.root)
    return Traced(run_traced(stage, command, existing), existing, listing(stage.root))


def _is_file(stage: Stage, result: str) -> bool:
    return (stage.work / result).is_file()


def _expected(stage: Stage, command: Command, result: str) -> bytes:
    found = _result(stage, command, result, is_file=_is_file(stage, result))
    if found is None:
        raise CannotJudge(
            f"--result {result}: an undisturbed run leaves no such file, and as a command it does not exit 0"
        )
    return found


def _result(stage: Stage, command: Command, result: str, *, is_file: bool) -> bytes | None:
    """The content of a file, or what a command prints; None where there is no file, or the command fails."""
    try:
        if is_file:
            return (stage.work / result).read_bytes()
        ended = subprocess.run(
            shlex.split(result),
            cwd=stage.work,
            env=environment_of(stage),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=command.seconds,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return ended.stdout if ended.returncode == 0 else None


def resumed(stage: Stage, again: Again, target: str, whole: Wholeness, state: str) -> Resumed:
    """Run the command again in the folder that a kill has left. ``state`` is that of the target after the kill."""
    had_file = bool(again.result) and again.expected is not None
    run = _run(stage, again.command)
    ended = run.ended
    after = snapshot(stage.root / target)
    found = whole.state(after)
    if after.data is not None and after.data == again.contents.get(target):
        found = "new"
    well = ended.status in again.statuses or (state == "new" and ended.status in again.complete)
    why = ""
    if not well:
        said = error_line(ended.printed)[:200]
        code = "does not end" if ended.status is None else f"ends with {_code(ended.status)}"
        why = f"the next run {code}{f': {said}' if said else ''}"
    elif found in _BROKEN or (after.exists and after.data is None):
        why = f"the next run ends well, and the file is {in_words(found)}"
    elif had_file and not _same_result(stage, again):
        why = "the next run ends well, and its result is not that of an undisturbed run"
    return Resumed(writes(ended.operations, again.names), why, run)


def _same_result(stage: Stage, again: Again) -> bool:
    is_file = again.result in {name.removeprefix("work/") for name in again.contents} or _is_file(stage, again.result)
    return _result(stage, again.command, again.result, is_file=is_file) == again.expected


def _code(status: int) -> str:
    return f"exit code {status}" if status >= 0 else f"signal {-status}"


def of_resuming(
    target: str, visited: Iterable[Visited], of: int, again: Again | None, deeper: int | None = None
) -> Answer:
    """What the runs after the kills showed. ``deeper`` is as in `with_next_runs`."""
    mine = [each for each in visited if each.planned.target == target and each.planned.kills_at_all]
    first = [each for each in mine if each.planned.after is None]
    answer = _of_runs(first, of)
    tried = [(each.done, each.resumed.writes) for each in first if each.hit and each.resumed is not None]
    if answer.verdict == "no" and again is not None:
        beside = [how_it_resumes(tried, again.writes)]
        if again.result and again.expected is None:
            beside.append("its result differs from run to run, and is not judged")
        answer = dataclasses.replace(answer, text="; ".join([answer.text, *(each for each in beside if each)]))
    if deeper is None:
        return answer
    return with_next_runs(answer, _of_runs([each for each in mine if each.planned.after], deeper))


def _of_runs(visited: Sequence[Visited], of: int) -> Answer:
    tried = [(each, each.resumed) for each in visited if each.hit and each.resumed is not None]
    failed = [(each, run) for each, run in tried if run.why]
    if failed:
        first, run = min(failed, key=lambda pair: pair[0].planned.point.number)
        text = f"{where(first)}, {run.why}; so at {len(failed)} of {len(tried)} points"
        return found_at("resume", first, text, len(tried), of)
    return unbroken("resume", len(tried), len(visited) - len(tried), of)


def how_it_resumes(runs: Sequence[tuple[int, int]], writes: int) -> str:
    """Whether a run that was killed goes on, from pairs of writes: before the kill, and of the run after it.

    Only a command that writes more than once can show it. The kill after the most writes says the most.
    """
    between = [(done, more) for done, more in runs if 0 < done < writes]
    if not between:
        return ""
    done, more = max(between)
    if more >= writes:
        every = "both writes" if writes == 2 else f"all {writes} writes"
        return f"killed after {done} of {writes} writes, it makes {every} again"
    # A run that ends by a clock makes fewer writes as well.
    goes_on = "it goes on: " if done + more <= writes + 1 else ""
    return f"{goes_on}killed after {done} of {writes} writes, it makes {more} more"
