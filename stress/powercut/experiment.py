"""Real power cuts: one case for each file system and way of cutting, and the result lines that follow."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import click

from conformance.contract.errors import ImplementationError, Inconclusive, Unmeasured
from conformance.reporting.repeat import repeat_command
from conformance.reporting.results import Result
from conformance.reporting.verdict import apply_known_failures
from conformance.runner.case import Shared
from conformance.runner.room import require_room
from conformance.runner.run import Run
from conformance.syscalls.tracer.calls import TraceError
from conformance.system.orphans import adopt_orphans
from conformance.system.platform import operating_system
from stress.disk import Kind, disk_of, enter_private_namespace, require_means
from stress.powercut.blocks.experiment import BlockPlan, cut_every_block, repeat_state
from stress.powercut.blocks.file_systems import FileSystem
from stress.powercut.blocks.results import result_of_one
from stress.powercut.blocks.results import results_of as results_of_blocks
from stress.powercut.blocks.tally import Tally as BlockTally
from stress.powercut.boundaries import cut_at_boundaries
from stress.powercut.cuts import RandomCut, random_cut
from stress.powercut.cutting import Bench, cut_at_random, require_that_losses_show
from stress.powercut.endings import ended_by_error, not_finished, same_for_all
from stress.powercut.prediction import ExpectedOfWrite, Foreseen, expected_of_write, foreseen_of_series
from stress.powercut.recording import record_writes
from stress.powercut.verdict import Finding, Tally, Way, case_name, judge, results_of

__all__ = ["CutPlan", "results"]

_Expected = Mapping[tuple[int, bool], ExpectedOfWrite]  # by size and whether there is a target, as in `Recorded`


@dataclass(frozen=True)
class CutPlan:
    """The plan of a run: on which file systems in which ways, how many random cuts on each, whether all cuts or
    ``only`` the one with this number, and which states of each to look at with cuts at every block (``blocks``).
    """

    cases: tuple[tuple[FileSystem, Way], ...]
    cuts: int
    blocks: BlockPlan
    only: int | None = None


def results(run: Run, plan: CutPlan) -> Iterator[Result]:
    """Make the cuts and judge them: PWR-02, PWR-03 and PWR-04 for each file system and way.

    It needs a process of its own: mounts are in a private namespace, and each cut ends all child processes.
    """
    for file_system, way in plan.cases:
        begin = time.monotonic()
        of_case = _case(run, plan, file_system, way)
        seconds = round(time.monotonic() - begin, 3)
        for result in of_case:
            timed = replace(result, seconds=seconds)
            yield apply_known_failures(timed, run.manifest.known_failures, operating_system())


def _case(run: Run, plan: CutPlan, file_system: FileSystem, way: Way) -> list[Result]:
    repro, case = _repro(run, plan, file_system, way), case_name(way, file_system.name)
    if "writer" not in run.manifest.roles:
        return same_for_all(case, repro, outcome="n/a", message="the implementation does not have the role writer")
    tally = Tally(file_system.name, way, run.manifest.profile)
    of_blocks = BlockTally(file_system.name)

    def found() -> list[Result]:
        return results_of_blocks(of_blocks, case, repro) if way == "blocks" else results_of(tally, repro)

    def ended(error: Exception, blame: Literal["implementation", "kit"], evidence: Mapping[str, Any]) -> list[Result]:
        message = str(error) if blame == "implementation" else f"{type(error).__name__}: {error}"
        before = {"before it": (of_blocks if way == "blocks" else tally).sentence()}
        return ended_by_error(found(), case, repro, message, blame, {**evidence, **before})

    try:
        require_means(file_system.kind)
        enter_private_namespace()
        adopt_orphans()
        if way == "blocks" and plan.blocks.only is not None:
            return result_of_one(repeat_state(run, file_system, plan.blocks), case, repro)
        if way == "blocks":
            cut_every_block(run, file_system, plan.blocks, of_blocks)
        else:
            _cut_off(run, plan, file_system.kind, way, tally)
    except (Unmeasured, Inconclusive) as error:
        kept = f"; kept: {', '.join(of_blocks.kept)}" if of_blocks.kept and "PWR-03" not in of_blocks.examples else ""
        return not_finished(found(), case, repro, f"{error}{kept}", inconclusive=isinstance(error, Inconclusive))
    except ImplementationError as error:
        return ended(error, "implementation", {"stderr": error.stderr})
    except KeyboardInterrupt:
        if of_blocks.kept:
            click.echo(f"pulse stress powercut: kept: {', '.join(of_blocks.kept)}", err=True)
        raise
    except Exception as error:  # it says nothing about the implementation
        return ended(error, "kit", {"traceback": traceback.format_exc()[-4000:]})
    return found()


def _cut_off(run: Run, plan: CutPlan, kind: Kind, way: Way, tally: Tally) -> None:
    """Shut the file system down in the midst of writes."""
    with disk_of(kind, run.folder) as disk:
        require_that_losses_show(disk)
        bench = Bench(run, disk, Shared(run))
        with contextlib.closing(_findings(bench, plan, way, tally)) as findings:
            for finding in findings:
                if finding.next_write or judge(finding, run.manifest.profile).kind != "kept":
                    require_room(run.folder)
                tally.add(finding)


def _findings(bench: Bench, plan: CutPlan, way: Way, tally: Tally) -> Generator[Finding]:
    try:
        if way == "boundaries":
            yield from cut_at_boundaries(bench, plan.only)
            return
        numbers = range(plan.cuts) if plan.only is None else (plan.only,)
        cuts = [random_cut(bench.run.seed, number) for number in numbers]
        expected: _Expected = {}
        try:
            expected = _ask_model(bench, cuts)
        except (Unmeasured, TraceError) as reason:  # the model is not needed for a verdict
            tally.not_compared = str(reason)
        for cut in cuts:
            finding = cut_at_random(bench, cut)
            yield replace(finding, foreseen=_foreseen(expected, cut, finding))
    finally:
        bench.stop()


def _ask_model(bench: Bench, cuts: Sequence[RandomCut]) -> _Expected:
    recorded = record_writes(bench, sorted({cut.size for cut in cuts}))
    return {conditions: expected_of_write(write) for conditions, write in recorded.items()}


def _foreseen(expected: _Expected, cut: RandomCut, finding: Finding) -> Foreseen | None:
    if not expected:
        return None
    first, later = expected[cut.size, cut.exists], expected[cut.size, True]
    return foreseen_of_series(first, later, len(finding.asked) - 1, finding.acknowledged)


def _repro(run: Run, plan: CutPlan, file_system: FileSystem, way: Way) -> str:
    which = [
        ("impl", run.manifest.source),
        ("file-system", file_system.name),
        ("way", way),
        ("seed", run.seed),
        ("cuts", plan.cuts if way == "random" else None),
        ("states", plan.blocks.states if way == "blocks" else None),
    ]
    return repeat_command("pulse stress powercut", [*which, *run.options()])
