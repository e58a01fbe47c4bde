"""The cost of the harness and the suite, and how soon the harness detects bugs that only show under load."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.measure import Row, Section, limit_row, per_operation, unmeasured
from bench.plots import Curve, plot_curves
from conformance.contract.clauses import load_clauses
from conformance.runner import run as runs
from conformance.runner.resolve import resolve
from stress.load.harness import run_in_folder
from stress.load.plan import LoadPlan
from stress.record.folder_record import FolderRecord
from stress.record.scenario import Scenario
from stress.reporting.live import View

__all__ = ["detection", "processes", "suite"]

COUNTS = (1, 2, 4, 8)  # of writers beside one reader, and of readers beside one writer
_SIZE = 256  # bytes
_SUITE_LIMIT = 60.0  # seconds
_PATIENCE = 1800.0  # seconds


def processes(
    folder: Path, file_system: str, seconds: float, plots: Path | None, say: Callable[[str], None]
) -> Section:
    """Writes and verified reads per second with more writers, and with more readers.

    Each combination runs for ``seconds`` in a new folder inside ``folder``.
    """
    title = "Writers and readers under load"
    manifest = resolve("reference", frozenset(load_clauses()))
    run = runs.prepare(manifest, runs.RunPlan(seed=0))
    rows, of_writers, of_readers = [], [], []
    try:
        for writers, readers in dict.fromkeys([*((count, 1) for count in COUNTS), *((1, count) for count in COUNTS)]):
            say(f"{writers} writers, {readers} readers")
            scenario = Scenario(writers=writers, readers=readers, sizes=(_SIZE,), seconds=seconds)
            with tempfile.TemporaryDirectory(dir=folder, prefix="bench-") as inner:
                record = run_in_folder(LoadPlan(run, scenario, Path(inner), str(folder)), _nothing)
            rows.append(_row(record))
            if readers == 1:
                of_writers.append((writers, record.totals.acknowledged / record.seconds))
            if writers == 1:
                of_readers.append((readers, record.totals.reads / record.seconds))
    finally:
        runs.tear_down(run.folder, run.own)
    files: tuple[str, ...] = ()
    if plots is not None:
        path = plots / "under-load.svg"
        curves = [
            Curve("writes, by writers beside one reader", tuple(of_writers)),
            Curve("verified reads, by readers beside one writer", tuple(of_readers)),
        ]
        plot_curves(path, f"{title}, {file_system}", "processes", "operations per second", curves)
        files = (f"{plots.name}/{path.name}",)
    return Section(
        title,
        f"The reference and the kit's reader, documents of {_SIZE} B on {file_system}, {seconds:g} s each. A writer is "
        "two processes: the implementation, and the one that drives it. Every run was checked for violations as usual: "
        f"{sum(row.note.startswith('0 violations') for row in rows)} of {len(rows)} runs had none.",
        tuple(rows),
        ours="writes/s",
        other="verified reads/s",
        plots=files,
    )


def _row(record: FolderRecord) -> Row:
    scenario, totals = record.scenario, record.totals
    write, staleness = record.write_latency.percentile(0.5), record.staleness.percentile(0.5)
    notes = [f"{record.wrong} violations"]
    if write is not None:
        notes.append(f"a write takes {per_operation(write / 1e9)}")
    if staleness is not None:
        notes.append(f"seen {per_operation(staleness / 1e9)} after its start")
    return Row(
        f"{_many(scenario.writers, 'writer')}, {_many(scenario.readers, 'reader')}",
        f"{totals.acknowledged / record.seconds:,.0f}",
        f"{totals.reads / record.seconds:,.0f}",
        runs=1,
        note=", ".join(notes),
    )


def _nothing(view: View) -> None:
    """The benchmark has its own progress line."""


def suite(rounds: int, say: Callable[[str], None]) -> Section:
    """How long the whole suite takes on the reference: the shortest of a few runs."""
    taken = []
    for number in range(rounds):
        say(f"the whole suite, {number + 1} of {rounds}")
        start = time.perf_counter()
        ended = subprocess.run(
            [sys.executable, "-m", "conformance.cli"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE
        )
        taken.append(time.perf_counter() - start)
        if ended.returncode != 0:
            row = unmeasured("the whole suite on the reference", f"it ended with exit code {ended.returncode}", 1.0)
            return Section("The suite", "", (row,))
    row = replace(limit_row("the whole suite on the reference", min(taken), _SUITE_LIMIT), runs=rounds)
    return Section("The suite", "`pulse conformance`, one worker per core.", (row,), other="limit")


def detection(folder: Path, repeat: int, say: Callable[[str], None]) -> Section:
    """Time to detect: ``pulse stress mutants``, each mutant ``repeat`` times, and the controls."""
    say("mutants under load")
    title = "Time to detect"
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        file = Path(scratch) / "detection.json"
        words = ["mutants", "--repeat", str(repeat), "--dir", str(folder), "--json", str(file)]
        ended = subprocess.run(
            [sys.executable, "-m", "stress.cli", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
        )
        if not file.exists():
            last = ended.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            return Section(title, "", (unmeasured(title, f"exit code {ended.returncode}: {' '.join(last)}"),))
        figures: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    rows = tuple(_specimen(one) for one in figures["specimens"])
    text = (
        f"`pulse stress mutants --repeat {repeat}` on {figures['file_system']}: the median time from the start "
        "of the load to the first violation of the clause that must catch it, with the shortest and the longest time. "
        "Variants are unusual but correct; none of them may be flagged."
    )
    return Section(title, text, rows, ours="time to detect", other="reads until then")


def _specimen(one: dict[str, Any]) -> Row:
    seconds = one["seconds"]
    outcome = f"{one['role']}, {one['verdict']}"
    if seconds is None:
        return Row(one["name"], "", f"{one['reads']:,.0f}", runs=len(one["trials"]), note=outcome)
    spread = f"{per_operation(seconds['min'])} to {per_operation(seconds['max'])}"
    return Row(
        one["name"],
        per_operation(seconds["median"]),
        f"{one['reads']:,.0f}",
        runs=len(one["trials"]),
        note=f"{outcome} by {one['clause']} ({', '.join(one['caught_by'])}), {spread}",
    )


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
