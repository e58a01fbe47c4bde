"""The pytest plugin of the scenarios: ``--impl``, ``--soak``, ``--stress-dir``, ``--stress-seed``.

`pulse stress suite` is the usual entry point. By hand:
``pytest --pyargs stress.suite -p stress.suite.pytest_plugin --impl X``.
"""

from __future__ import annotations

import dataclasses
import secrets
import sys
from pathlib import Path
from typing import Protocol

import pytest

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import ImplementationError, ManifestError
from conformance.reporting.results import Exit, Result
from conformance.reporting.verdict import decide
from conformance.runner import run as runs
from conformance.runner.carried_results import attach, carried_by
from conformance.runner.embedded_pytest import Nodes, run_of_worker
from conformance.runner.resolve import resolve
from conformance.system.platform import file_system_of, operating_system
from conformance.system.temporary_folder import temporary_folder
from stress.judge.results import case_name, results_of, sentence
from stress.load.chaos import supported
from stress.load.folder import new_folder
from stress.load.harness import run_in_folder
from stress.load.plan import LoadPlan
from stress.record.folder_record import FolderRecord
from stress.record.scenario import Scenario, as_on, command_line
from stress.reporting.live import View

__all__ = ["SOAK_SECONDS", "Gathered", "HandOver", "PutUnderLoad", "described", "lengths", "undisturbed"]

SOAK_SECONDS = 600.0
_RUN = pytest.StashKey[runs.Run]()
_MOST_FINDINGS = 3
_FACTORS = (1, 4, 16)
_COUNTED = {"kill": "kills", "kill-reader": "reader_kills", "pause": "pauses", "fault": "faults"}


class PutUnderLoad(Protocol):
    """The type of the fixture ``put_under_load``."""

    def __call__(self, scenario: Scenario, *, with_reader: bool = False) -> None:
        """Run the scenario, and fail the test with the violations, or with what there was too little of.

        ``with_reader``: the implementation also reads what it writes.
        """


@dataclasses.dataclass(eq=False)  # the plugin manager puts plugins into sets
class HandOver:
    """A run that was prepared already (by `pulse stress suite`), given to ``pytest.main(plugins=[…])``."""

    run: runs.Run


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pulse stress", "the scenarios of the stress harness of pulse")
    group.addoption("--impl", default="reference", help="the writer, and reader: a manifest's path or a name")
    group.addoption("--soak", action="store_true", help="run each scenario for ten minutes")
    group.addoption("--stress-dir", action="append", default=[], type=Path, help="folder to test in; repeatable")
    group.addoption("--stress-seed", type=int, default=None, help="repeat the random sizes and the schedule of chaos")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        run = run_of_worker(config)
    else:
        handed = [plugin for plugin in config.pluginmanager.get_plugins() if isinstance(plugin, HandOver)]
        run = handed[0].run if handed else _prepare(config)
        config.pluginmanager.register(Nodes(run), "pulse-stress-nodes")
    config.stash[_RUN] = run


def _prepare(config: pytest.Config) -> runs.Run:
    seed = secrets.randbits(32) if config.option.stress_seed is None else config.option.stress_seed
    try:
        run = runs.prepare(resolve(config.option.impl, frozenset(load_clauses())), runs.RunPlan(seed=seed))
    except (ManifestError, ImplementationError) as error:
        raise pytest.UsageError(str(error)) from error
    config.add_cleanup(lambda: runs.tear_down(run.folder, run.own))
    return run


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every scenario runs in every folder."""
    if "put_under_load" in metafunc.fixturenames:
        folders = metafunc.config.option.stress_dir or [temporary_folder()]
        metafunc.parametrize("stress_folder", folders, ids=[file_system_of(folder) for folder in folders])


@pytest.fixture
def put_under_load(request: pytest.FixtureRequest, stress_folder: Path) -> PutUnderLoad:
    """Runs one scenario in one folder."""
    run, soak = request.config.stash[_RUN], request.config.option.soak

    def put(scenario: Scenario, *, with_reader: bool = False) -> None:
        if with_reader and "reader" not in run.manifest.roles:
            pytest.skip(f"{run.manifest.name} does not read")
        unsupported = [kind for kind in scenario.chaos if not supported(kind)]
        if unsupported:
            pytest.skip(f"chaos {', '.join(unsupported)} is possible on Linux only")
        for attempt in lengths(as_on(sys.platform, dataclasses.replace(scenario, seed=run.seed)), soak=soak):
            judged = _judged(run, attempt, stress_folder, with_reader=with_reader)
            if judged.exit != Exit.INCONCLUSIVE:
                break
        attach(request.node.user_properties, judged.results)
        if judged.exit != Exit.CONFORMANT:
            pytest.fail(judged.text, pytrace=False)

    return put


def lengths(scenario: Scenario, *, soak: bool) -> tuple[Scenario, ...]:
    """The attempts at a scenario: again for longer while too little is seen, as a busy machine must not decide."""
    if soak:
        return (dataclasses.replace(scenario, seconds=SOAK_SECONDS, goal=None),)
    if scenario.goal is None:
        return (scenario,)
    goals = [dataclasses.replace(scenario.goal, count=scenario.goal.count * factor) for factor in _FACTORS]
    return tuple(dataclasses.replace(scenario, goal=goal) for goal in goals)


@dataclasses.dataclass(frozen=True)
class _Judged:
    """The results of one scenario, what they mean together, and a description."""

    results: list[Result]
    exit: Exit
    text: str


def _judged(run: runs.Run, scenario: Scenario, folder: Path, *, with_reader: bool) -> _Judged:
    """Run a scenario. Raises RuntimeError when the kit fails."""
    source = run.manifest.source
    options = {"impl": source, **({"reader": source} if with_reader else {}), "dir": str(folder)}
    repro = command_line(scenario, options.items())
    reader = run.manifest if with_reader else None
    try:
        with new_folder(folder) as inner:
            record = run_in_folder(LoadPlan(run, scenario, inner, str(folder), reader), _show_nothing)
    except ImplementationError as error:
        case = case_name(scenario, file_system_of(folder))
        result = Result("CON-01", case, "error", str(error), {"stderr": error.stderr}, repro, blame="implementation")
        return _Judged([result], Exit.NOT_CONFORMANT, f"error: {error}\n{error.stderr}\nrepeat: {repro}")
    if not record.complete:
        raise KeyboardInterrupt
    record = dataclasses.replace(record, doubts=(*record.doubts, *undisturbed(record)))
    known = run.manifest.known_failures
    results = results_of(record, repro, reads=with_reader, known=known, os=operating_system())
    clauses = {result.clause: load_clauses()[result.clause] for result in results}
    verdict = decide(results, clauses, (), operating_system(), strict=False, complete=False, part="measured")
    return _Judged(results, verdict.exit, described(record, results, verdict.word, repro))


def undisturbed(record: FolderRecord) -> tuple[str, ...]:
    """Doubts about the kinds of chaos that the scenario asked for and that never hit."""
    totals = record.totals
    return tuple(
        f"chaos {kind} never hit a process: run it for longer"
        for kind in record.scenario.chaos
        if not getattr(totals, _COUNTED[kind])
    )


def described(record: FolderRecord, results: list[Result], word: str, repro: str) -> str:
    """A scenario in words: the verdict, what was seen, each clause that did not pass, the first findings with their
    evidence, the doubts, and the command that repeats it.
    """
    lines = [f"{word}: {sentence(record)}"]
    lines += [f"{one.clause}: {one.outcome}" for one in results if one.outcome != "pass"]
    for finding in record.findings[:_MOST_FINDINGS]:
        lines.append(f"after {finding.seconds:.3f} s: {finding.text}")
        lines += [f"  {name}: {value}" for name, value in finding.evidence.items()]
    return "\n".join([*lines, *record.doubts, f"repeat: {repro}"])


def _show_nothing(view: View) -> None:
    """Scenarios run in parallel; each gets one line, when it has finished."""


class Gathered:
    """A pytest plugin of the controlling process: ``results`` of all scenarios, and ``mishaps`` of the kit."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.mishaps: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the results out of the reports of this process and of the workers."""
        results = carried_by(report)
        if results:
            self.results += results
        elif report.failed:
            self.mishaps.append(f"{report.nodeid}: the kit itself failed: {report.longreprtext[-1000:]}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what cannot be collected."""
        if report.failed:
            self.mishaps.append(f"{report.nodeid} cannot be collected: {report.longreprtext[-1000:]}")
