"""``pulse stress mutants``: tests the harness with mutants that only load exposes, and how soon it catches each.

Variants, which are unusual but correct, are the controls: none of them may be flagged.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import click
import numpy as np
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import ManifestError
from conformance.reporting.repeat import as_started
from conformance.reporting.results import Exit, write_json
from conformance.reporting.terminal import new_console
from conformance.runner import run as runs
from conformance.runner.command_line import run_plan, seed_option
from conformance.runner.resolve import resolve
from conformance.system.platform import file_system_of, operating_system
from conformance.system.temporary_folder import temporary_folder
from stress.judge.results import results_of
from stress.load.folder import new_folder
from stress.load.harness import run_in_folder
from stress.load.plan import LoadPlan
from stress.record.folder_record import FolderRecord
from stress.record.scenario import Scenario, as_on, command_line
from stress.record.violations import ViolationKind
from stress.reporting.live import View

__all__ = [
    "CONTROLS",
    "ON_WINDOWS",
    "SPECIMENS",
    "Specimen",
    "Summary",
    "Trial",
    "exit_of",
    "mutants",
    "summary",
    "trial_of",
]

Role = Literal["writer", "reader"]
Verdict = Literal["caught", "missed", "passed", "false alarm", "inconclusive"]
_AS_WANTED: tuple[Verdict, ...] = ("caught", "passed")
_SMALL, _LARGE = 4096, 1 << 20
_OF_MUTANTS = Scenario(seconds=15.0, round_seconds=0.25, stop_at_first=True)
_OF_CONTROLS = Scenario(seconds=4.0, round_seconds=1.0, stop_at_first=True)


@dataclass(frozen=True)
class Specimen:
    """A mutant or a variant under load. The clause ``caught_by`` must fail, with a violation of one of ``kinds``; a
    control has neither.
    """

    name: str
    role: Role
    caught_by: str = ""
    kinds: tuple[ViolationKind, ...] = ()
    scenario: Scenario = _OF_MUTANTS

    @property
    def source(self) -> str:
        """Its name as ``--impl`` takes it."""
        return f"{'mutant' if self.caught_by else 'variant'}:{self.name}"

    @property
    def options(self) -> dict[str, str]:
        """The options of ``pulse stress`` that name the writer and the reader."""
        if self.role == "writer":
            return {"impl": self.source}
        return {"impl": "variant:plain", "reader": self.source}


_HELD = replace(_OF_MUTANTS, readers=4, sharing="plain")
ON_WINDOWS = (
    Specimen("no-retry", "writer", "CON-01", ("refused",), _HELD),
    Specimen("in-place-when-refused", "writer", "CON-01", ("torn", "mixed"), _HELD),
)
"""Mutants that go wrong only where an open file prevents its replacement."""
SPECIMENS = (
    *(ON_WINDOWS if sys.platform == "win32" else ()),
    Specimen("acknowledged-before-published", "writer", "CON-03", ("stale",)),
    Specimen("published-after-the-next", "writer", "CON-03", ("stale",)),
    Specimen("every-tenth-write-dropped", "writer", "CON-03", ("stale",), replace(_OF_MUTANTS, writers=1, rate=100.0)),
    Specimen("one-temp-for-all-processes", "writer", "CON-01", ("refused", "torn")),
    Specimen(
        "one-temp-opened-by-all",
        "writer",
        "CON-01",
        ("torn", "mixed"),
        # On a file system in memory no write waits for a disk; stopping a writer for a moment makes it as slow.
        replace(_OF_MUTANTS, writers=4, sizes=(256, 1 << 16), chaos=("pause",), chaos_rate=20.0),
    ),
    Specimen("unlink-then-rename", "writer", "CON-01", ("missing",)),
    Specimen("large-document-appended", "writer", "CON-01", ("torn",), replace(_OF_MUTANTS, sizes=(_LARGE,))),
    Specimen("in-place-in-pieces", "writer", "CON-01", ("torn", "mixed")),
    Specimen("cached-by-size-and-second", "reader", "RDR-14", ("misread",), replace(_OF_MUTANTS, sizes=(_SMALL,))),
    Specimen("cached-for-a-moment", "reader", "RDR-14", ("misread",)),
    Specimen(
        "temp-taken-for-newer-document",
        "reader",
        "RDR-14",
        ("misread",),
        replace(_OF_MUTANTS, writers=1, sizes=(_SMALL,), chaos=("pause",), chaos_rate=20.0),
    ),
    Specimen("read-in-two-opens", "reader", "RDR-14", ("misread",), replace(_OF_MUTANTS, sizes=(_SMALL,))),
)
CONTROLS = (
    Specimen("plain", "writer", scenario=_OF_CONTROLS),
    Specimen("worker-thread", "writer", scenario=_OF_CONTROLS),
    Specimen("closed-after-replace", "writer", scenario=_OF_CONTROLS),
    Specimen("doubling-pieces", "writer", scenario=_OF_CONTROLS),
    Specimen("backup-kept", "writer", scenario=_OF_CONTROLS),
    Specimen("read-in-small-pieces", "reader", scenario=_OF_CONTROLS),
)


@dataclass(frozen=True)
class Trial:
    """One run of a specimen.

    ``caught`` is the kind of violation that caught it, empty for none; ``seconds`` is when that was, since the start of
    the load (None: never), and ``reads`` and ``writes`` are how many there were until then, or in the whole run.
    ``violations`` are all kinds found in the run. ``doubts`` say why the run means nothing without a violation.
    """

    caught: str
    seconds: float | None
    reads: int
    writes: int
    violations: tuple[str, ...]
    doubts: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """All trials of a specimen. ``verdict`` is ``caught`` or ``missed`` for a mutant; for a control ``passed``,
    ``false alarm``, or ``inconclusive`` when too little was seen.
    """

    specimen: Specimen
    trials: tuple[Trial, ...]
    verdict: Verdict


def trial_of(specimen: Specimen, record: FolderRecord) -> Trial:
    """Judge one run of a specimen: it is caught when its own clause fails, with a violation of one of its own kinds."""
    reads = specimen.role == "reader"
    results = results_of(record, "", reads=reads, known=(), os=operating_system())
    failed = {result.clause for result in results if result.outcome == "fail"}
    own = [finding for finding in record.findings if finding.kind in specimen.kinds]
    violations = tuple(kind for kind, count in record.counts.items() if count)
    if specimen.caught_by not in failed or not own:
        return Trial("", None, record.totals.reads, record.totals.writes, violations, record.doubts)
    seconds = max(0.0, own[0].seconds)
    return Trial(own[0].kind, seconds, *_done_until(record, seconds), violations, record.doubts)


def _done_until(record: FolderRecord, seconds: float) -> tuple[int, int]:
    """Reads and writes from the start of the load to this moment, interpolated between the two nearest samples."""
    times = [0.0, *(sample.seconds for sample in record.samples), record.seconds]
    reads = [0, *(sample.reads for sample in record.samples), record.totals.reads]
    writes = [0, *(sample.writes for sample in record.samples), record.totals.writes]
    return round(float(np.interp(seconds, times, reads))), round(float(np.interp(seconds, times, writes)))


def summary(specimen: Specimen, trials: Sequence[Trial]) -> Summary:
    """The verdict of all trials of a specimen: a mutant must be caught every time, and a control never flagged."""
    if specimen.caught_by:
        verdict: Verdict = "caught" if all(trial.caught for trial in trials) else "missed"
    elif any(trial.violations for trial in trials):
        verdict = "false alarm"
    else:
        verdict = "inconclusive" if any(trial.doubts for trial in trials) else "passed"
    return Summary(specimen, tuple(trials), verdict)


def exit_of(summaries: Sequence[Summary]) -> Exit:
    """1 when a mutant was missed or a control was a false alarm, 4 when too little was seen of a control."""
    verdicts = {one.verdict for one in summaries}
    if verdicts & {"missed", "false alarm"}:
        return Exit.NOT_CONFORMANT
    return Exit.INCONCLUSIVE if "inconclusive" in verdicts else Exit.CONFORMANT


@click.command(name="mutants")
@click.option("--repeat", type=click.IntRange(1), default=1, show_default=True, help="Runs of each mutant and variant.")
@click.option("--dir", "folder", type=click.Path(file_okay=False, path_type=Path), help="Folder of the runs.")
@seed_option("Repeat the random sizes; the timing is not exact.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here.")
@click.argument("names", nargs=-1)
def mutants(repeat: int, folder: Path | None, seed: int | None, file: Path | None, names: tuple[str, ...]) -> int:
    """Test the harness: mutants that only load exposes must be caught, and unusual but correct variants must pass.

    NAMES selects some of them. Exit codes: 0 every mutant was caught and every variant passed, 1 a mutant was missed or
    a variant was a false alarm, 2 usage, 4 inconclusive: too little was seen of a variant, or the kit itself failed.
    """
    everything = (*SPECIMENS, *CONTROLS)
    unknown = sorted(set(names) - {one.name for one in everything})
    if unknown:
        known = ", ".join(one.name for one in everything)
        raise click.UsageError(f"no mutant or variant under load is called {unknown[0]}; choose from {known}")
    first_seed = run_plan({"seed": seed}).seed
    where = folder or temporary_folder()
    console = new_console()
    file_system = file_system_of(where)
    console.print(f"seed {first_seed}; {file_system} {where}", soft_wrap=True)
    summaries = []
    for chosen in (one for one in everything if not names or one.name in names):
        specimen = replace(chosen, scenario=as_on(sys.platform, replace(chosen.scenario, seed=first_seed)))
        try:
            trials = list(_trials(specimen, where, repeat))
        except ManifestError as error:
            raise click.UsageError(str(error)) from error
        summaries.append(summary(specimen, trials))
        click.echo(f"{specimen.source}: {summaries[-1].verdict}", err=True)
    _print(console, summaries, where)
    if file is not None:
        figures = {"file_system": file_system, "repeat": repeat, "specimens": [_figures(one) for one in summaries]}
        write_json(file, figures, exit_of(summaries))
    return exit_of(summaries)


def _trials(specimen: Specimen, where: Path, repeat: int) -> Iterator[Trial]:
    clauses = frozenset(load_clauses())
    manifest = resolve(specimen.options["impl"], clauses)
    reader = resolve(specimen.options["reader"], clauses) if specimen.role == "reader" else None
    with runs.prepared(manifest, runs.RunPlan(seed=specimen.scenario.seed)) as run:
        for number in range(repeat):
            scenario = replace(specimen.scenario, seed=specimen.scenario.seed + number)
            with new_folder(where) as inner:
                record = run_in_folder(LoadPlan(run, scenario, inner, str(where), reader), _show_nothing)
            if not record.complete:
                raise KeyboardInterrupt
            yield trial_of(specimen, record)


def _show_nothing(view: View) -> None:
    """Each specimen gets one line, when it has finished."""


def _print(console: Console, summaries: Sequence[Summary], where: Path) -> None:
    longest = max(len(one.specimen.name) for one in summaries)
    table = Table(
        Column("mutant or variant", min_width=longest), "role", "clause", "verdict", "time to detect", "reads", "writes"
    )
    for one in summaries:
        right = one.verdict in _AS_WANTED
        kinds = dict.fromkeys(trial.caught or ", ".join(trial.violations) for trial in one.trials)
        words = ", ".join(kind for kind in kinds if kind)
        table.add_row(
            Text(one.specimen.name),
            one.specimen.role,
            one.specimen.caught_by,
            Text(f"{one.verdict}: {words}" if words else one.verdict, style="green" if right else "bold red"),
            _spread([trial.seconds for trial in one.trials if trial.seconds is not None]),
            f"{statistics.median(trial.reads for trial in one.trials):,.0f}",
            f"{statistics.median(trial.writes for trial in one.trials):,.0f}",
        )
    console.print(table)
    for one in summaries:
        if one.verdict not in _AS_WANTED:
            command = command_line(one.specimen.scenario, {**one.specimen.options, "dir": str(where)}.items())
            doubts = dict.fromkeys(doubt for trial in one.trials for doubt in trial.doubts)
            line = "; ".join([f"{one.specimen.source}: {one.verdict}", *doubts])
            console.print(line, soft_wrap=True, markup=False)
            console.print(f"  repeat: {as_started(command)}", soft_wrap=True, markup=False)


def _spread(seconds: Sequence[float]) -> str:
    """Median and range of times in milliseconds."""
    if not seconds:
        return ""
    values = [round(one * 1000) for one in (statistics.median(seconds), min(seconds), max(seconds))]
    return f"{values[0]:,} ms" if len(seconds) == 1 else f"{values[0]:,} ms ({values[1]:,} to {values[2]:,})"


def _figures(one: Summary) -> dict[str, Any]:
    specimen = one.specimen
    seconds = [trial.seconds for trial in one.trials if trial.seconds is not None]
    spread = {"median": statistics.median(seconds), "min": min(seconds), "max": max(seconds)} if seconds else None
    return {
        "name": specimen.source,
        "role": specimen.role,
        "clause": specimen.caught_by,
        "verdict": one.verdict,
        "caught_by": sorted({trial.caught for trial in one.trials if trial.caught}),
        "seconds": spread,
        "reads": statistics.median(trial.reads for trial in one.trials),
        "writes": statistics.median(trial.writes for trial in one.trials),
        "trials": [asdict(trial) for trial in one.trials],
    }
