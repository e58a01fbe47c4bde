"""The pytest plugin: ``--impl``, clause marks, outcomes, known failures and results.jsonl.

`pulse conformance` is the usual way in. By hand:
``pytest --pyargs conformance.suite -p conformance.runner.pytest_plugin --impl X``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import traceback
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from conformance.contract.clauses import load_clauses, outcome_without_measuring
from conformance.contract.errors import (
    ImplementationError,
    Inconclusive,
    ManifestError,
    NotApplicable,
    Unmeasured,
    Violation,
)
from conformance.reporting.bounds import bounded
from conformance.reporting.repeat import repeat_command
from conformance.reporting.results import EVERY_WRITE, Result, results_file
from conformance.reporting.verdict import apply_known_failures
from conformance.runner import room
from conformance.runner import run as runs
from conformance.runner.carried_results import attach
from conformance.runner.case import Case, Shared
from conformance.runner.case_names import MARKS, case_of, clause_of, clauses_of, depth_of
from conformance.runner.command_line import run_plan
from conformance.runner.controller import LEFT, Controller
from conformance.runner.embedded_pytest import Nodes, run_of_worker
from conformance.runner.folder_changes import blamed
from conformance.runner.hypothesis_profile import use_profile
from conformance.runner.left_behind import LeftBehind, to_json
from conformance.runner.repeats import allow_time_for, number_of_run, repeats_of, run_repeatedly
from conformance.runner.resolve import resolve
from conformance.runner.selection import Selection
from conformance.runner.watchdog import tell_time_limit
from conformance.subject.forking import is_idle, serving_forks
from conformance.subject.launch import forked_modules
from conformance.system.file_kinds import NotAFile
from conformance.system.garbage_collector import few_collections
from conformance.system.guarded_path import GuardedPath
from conformance.system.orphans import adopting
from conformance.system.platform import operating_system

__all__ = ["HandOver", "run_of"]

_RUN = pytest.StashKey[runs.Run]()
_SHARED = pytest.StashKey[Shared]()
_FORKS = pytest.StashKey[contextlib.ExitStack]()
_LEFT = pytest.StashKey[LeftBehind]()
_CASE = pytest.StashKey[Case]()
_WANTED = pytest.StashKey[frozenset[str]]()
# By name: the suite builds on this plugin, not this plugin on the suite.
_FIXTURES = "conformance.suite.support.fixtures"
_numbers = itertools.count()
_IN_PLACE = Result("VIS-01", EVERY_WRITE, "fail", "the old file was written to instead of being replaced")
_TAKEN = Result("VIS-03", EVERY_WRITE, "fail")
_NOTES_OF_HYPOTHESIS = ("Failing test case", "Falsifying example", "You can reproduce", "Explanation", "Unreliable")


@dataclasses.dataclass(eq=False)  # the plugin manager puts plugins into sets
class HandOver:
    """A run that was prepared already (by `pulse conformance`), given to ``pytest.main(plugins=[…])``."""

    run: runs.Run
    controller: Controller


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pulse", "the conformance suite of pulse")
    group.addoption("--impl", default="reference", help="what to judge: a manifest's path or a name")
    group.addoption("--clause", action="append", default=[], help="only clauses that match this glob; repeatable")
    group.addoption("--case", action="append", default=[], help="only cases that match this glob; repeatable")
    group.addoption("--point", default=runs.RunPlan.point, help="only points of a write that match this glob")
    group.addoption("--depth", type=int, default=runs.RunPlan.depth, help="2: also disturb the write after a kill")
    group.addoption("--quick", action="store_true", help="only the cases of pulse conformance --quick")
    group.addoption("--whole", action="append", default=[], help="with --quick: clauses of which every case runs")
    group.addoption("--kills", type=int, default=runs.RunPlan.kills, help="kills in a row")
    group.addoption("--seed", type=int, default=None, help="the seed of everything random")
    # pytest has a --strict of its own.
    group.addoption("--strict-should", action="store_true", help="a failed SHOULD fails the run")
    group.addoption("--report", type=Path, default=None, help="write results.jsonl into this folder")
    group.addoption("--dir", type=Path, default=None, help="make the run's temporary folder in this folder")
    group.addoption("--start-seconds", type=float, default=runs.RunPlan.start_seconds, help="time-out of the start")
    group.addoption("--answer-seconds", type=float, default=runs.RunPlan.answer_seconds, help="time-out of a request")


def pytest_configure(config: pytest.Config) -> None:
    for line in MARKS:
        config.addinivalue_line("markers", line)
    if hasattr(config, "workerinput"):
        run = run_of_worker(config)
    else:
        handed = [plugin for plugin in config.pluginmanager.get_plugins() if isinstance(plugin, HandOver)]
        hand_over = handed[0] if handed else _prepare(config)
        run = hand_over.run
        config.pluginmanager.register(hand_over.controller, "pulse-controller")
        config.pluginmanager.register(Nodes(run), "pulse-nodes")
    config.stash[_RUN] = run
    config.stash[_SHARED] = Shared(run)
    config.stash[_WANTED] = _wanted_clauses(config, run)
    config.stash[_LEFT] = LeftBehind()
    forks = contextlib.ExitStack()
    forks.enter_context(few_collections())
    forks.enter_context(adopting())
    forks.enter_context(serving_forks(run.launch_options().children, forked_modules(run.manifest, sandbox=run.sandbox)))
    config.stash[_FORKS] = forks
    config.pluginmanager.import_plugin(_FIXTURES)
    use_profile()


def run_of(config: pytest.Config) -> runs.Run:
    """The run that pytest was started for."""
    return config.stash[_RUN]


def _prepare(config: pytest.Config) -> HandOver:
    option = config.option
    stack = contextlib.ExitStack()
    config.add_cleanup(stack.close)
    try:
        manifest = resolve(option.impl, frozenset(load_clauses()))
        run = stack.enter_context(runs.prepared(manifest, run_plan({**vars(option), "parent": option.dir})))
        file = stack.enter_context(results_file(option.report))
        selection = Selection(tuple(option.clause), tuple(option.case), option.point, option.quick, tuple(option.whole))
        if unknown := selection.unknown_clauses(load_clauses()):
            raise pytest.UsageError(f"--clause {unknown[0]}: no such clause")
        controller = Controller(run, selection, strict=option.strict_should, file=file)
    except (ManifestError, ImplementationError, OSError) as error:
        raise pytest.UsageError(str(error)) from error
    except click.UsageError as error:
        raise pytest.UsageError(error.message) from error
    return HandOver(run, controller)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End what implementations have left behind, and hand on what that was."""
    config = session.config
    if _SHARED not in config.stash:
        return
    config.stash[_SHARED].stop()
    config.stash[_LEFT].end()
    found = config.stash[_LEFT].found
    if hasattr(config, "workeroutput"):
        config.workeroutput[LEFT] = to_json(found)
    elif isinstance(controller := config.pluginmanager.get_plugin("pulse-controller"), Controller):
        controller.left += found


def pytest_unconfigure(config: pytest.Config) -> None:
    if _SHARED in config.stash:
        config.stash[_SHARED].stop()
        config.stash[_FORKS].close()


def _wanted_clauses(config: pytest.Config, run: runs.Run) -> frozenset[str]:
    """The selected clauses that concern this implementation."""
    selection, manifest = Selection(tuple(config.option.clause)), run.manifest
    return frozenset(
        clause.id
        for clause in load_clauses().values()
        if selection.takes_clause(clause.id) and not outcome_without_measuring(clause, manifest.roles, manifest.profile)
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> list[pytest.Item] | None:
    """Make no items of a test that measures none of the wanted clauses: making them all takes longer than most runs
    of a single clause.
    """
    wanted = collector.config.stash[_WANTED]
    clauses = clauses_of(obj) if name.startswith("test_") else wanted
    return [] if clauses and clauses.isdisjoint(wanted) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the cases of the selected clauses that concern this implementation."""
    run, wanted = config.stash[_RUN], config.stash[_WANTED]
    option = config.option
    selection = Selection(cases=tuple(option.case), quick=option.quick, whole=tuple(option.whole))
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        clause = clause_of(item)
        taken = clause in wanted and depth_of(item) <= run.depth and selection.takes(clause, case_of(item))
        taken = taken and (run.point == "*" or _visits_points(item))
        (kept if taken else left_out).append(item)
        if taken and (most := _repeats(item)) > 1:
            allow_time_for(item, most)
        tell_time_limit(item)
    # pytest-xdist gives the first cases to one worker, and moves only the last ones to another.
    items[:] = sorted(kept, key=lambda item: item.get_closest_marker("first") is None)
    config.hook.pytest_deselected(items=left_out)


def _repeats(item: pytest.Item) -> int:
    known = item.config.stash[_RUN].manifest.known_failures
    return repeats_of(known, clause_of(item), case_of(item), operating_system())


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Take the place of pytest's own way of running a test where it may have to run several times."""
    most = _repeats(item)
    if most == 1:
        return None
    run_repeatedly(item, nextitem, most)
    return True


def _visits_points(item: pytest.Item) -> bool:
    return "laboratory" in getattr(item, "fixturenames", ())


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    """A fresh folder and the implementation."""
    run = request.config.stash[_RUN]
    folder = GuardedPath(run.folder) / "cases" / f"{os.getpid()}-{next(_numbers)}"
    run.folders.forget()
    run.folders.make(folder)
    current = Case(run, request.config.stash[_SHARED], folder)
    request.node.stash[_CASE] = current
    yield current
    current.finish()
    idle = is_idle(run.launch_options().children)
    request.config.stash[_LEFT].look(f"{clause_of(request.node)} [{case_of(request.node)}]", idle=idle)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when != "call" and call.excinfo is None:
        return report
    run, number = item.config.stash[_RUN], number_of_run(item)
    error = call.excinfo.value if call.excinfo else None
    if _CASE in item.stash:
        error = blamed(_innermost(error) if error else None, clause_of(item), run)
    result = Result(
        clause=clause_of(item),
        case=case_of(item),
        outcome="pass",
        seconds=round(call.duration, 4),
        repro=_repro(run, clause_of(item), case_of(item)),
        counts=item.stash[_CASE].counts if _CASE in item.stash else {},
    )
    if error is not None:
        result = dataclasses.replace(result, **_judged(error, item.stash.get(_CASE, None)))
        if load_clauses()[result.clause].level == "should":  # without it the command would say that all is well
            result = dataclasses.replace(result, repro=repeat_command(result.repro, [("strict", True)]))
        if "point" in result.evidence:
            result = dataclasses.replace(
                result, repro=repeat_command(result.repro, [("point", result.evidence["point"])])
            )
    result = apply_known_failures(result, run.manifest.known_failures, operating_system(), run=number)
    result = bounded(result)
    _show_in_pytest(report, result)
    seen = _seen_beside(result, item.stash[_CASE]) if _CASE in item.stash else ()
    attach(report.user_properties, [result, *seen], call.when)
    return report


def _seen_beside(result: Result, case: Case) -> Iterator[Result]:
    """The failures of VIS-01 and VIS-03 in a case that is for something else: a request wrote to the very file at a
    target, its own or another one that it took for its temp.

    The first ones that a process of the kit sees are enough.
    """
    in_place = dataclasses.replace(_IN_PLACE, evidence={"request": case.in_place}) if case.in_place else None
    taken = dataclasses.replace(_TAKEN, message=case.taken) if case.taken else None
    for found in filter(None, (in_place, taken)):
        if found.clause in case.shared.told or (result.clause, result.outcome) == (found.clause, "fail"):
            continue
        case.shared.told.add(found.clause)
        text = f"{found.message}, in {result.clause} [{result.case}]"
        found = dataclasses.replace(found, message=text, repro=result.repro)
        yield apply_known_failures(found, case.run.manifest.known_failures, operating_system())


def _judged(error: BaseException, case: Case | None) -> dict[str, Any]:
    """The fields of a result that follow from the exception that ended a case."""
    error = _innermost(error)
    if case is not None and _for_want_of_room(error, case.run.folder):
        error = Inconclusive(room.full_text(case.run.folder))
    message = str(error) or type(error).__name__
    notes = list(getattr(error, "__notes__", ()))
    theirs = [note for note in notes if note.startswith(_NOTES_OF_HYPOTHESIS)]
    ours = [note for note in notes if note not in theirs]
    evidence = case.evidence() if case else {}
    evidence |= {title: value for title, value in (("notes", ours), ("hypothesis", theirs)) if value}
    match error:
        case Unmeasured():
            return {"outcome": "unmeasured", "message": message}
        case Inconclusive():
            return {"outcome": "unmeasured", "message": message, "inconclusive": True}
        case NotApplicable():
            return {"outcome": "n/a", "message": message}
        case Violation():
            return {"outcome": "fail", "message": message, "evidence": {**evidence, **error.evidence}}
        case NotAFile():  # what the kit was about to read or write as a file, in a folder of the implementation's
            return {"outcome": "fail", "message": f"{error.strerror}", "evidence": evidence}
        case ImplementationError():
            evidence = {"request": error.request, **evidence, "stderr": error.stderr}
            return {"outcome": "error", "message": message, "evidence": evidence, "blame": "implementation"}
    trace = "".join(traceback.format_exception(error))[-4000:]
    behind = _behind(error) or (case.breakage() if case else None)
    if behind is not None:  # what the kit stumbled over, such as a process that is gone
        text = f"{behind} (and then, in the kit, {type(error).__name__}: {message})"
        evidence.update(traceback=trace, stderr=behind.stderr)
        return {"outcome": "error", "message": text, "evidence": evidence, "blame": "implementation"}
    text = f"{type(error).__name__}: {message}"
    return {"outcome": "error", "message": text, "evidence": {**evidence, "traceback": trace}, "blame": "kit"}


def _behind(error: BaseException) -> ImplementationError | None:
    """The error of the implementation that came before one of the kit, as a process that is gone explains it."""
    earlier = error.__cause__ or error.__context__
    if earlier is None or isinstance(earlier, ImplementationError):
        return earlier
    return _behind(earlier)


def _for_want_of_room(error: BaseException, folder: Path) -> bool:
    """Whether the kit, or the process of the implementation, failed because the run's folder is full."""
    if isinstance(error, Unmeasured | Inconclusive | NotApplicable | Violation):
        return False
    return room.is_about_room(error) or (isinstance(error, ImplementationError) and room.is_full(folder))


def _innermost(error: BaseException) -> BaseException:
    # Hypothesis groups what a flaky implementation raised; one violation that was seen is a violation.
    while isinstance(error, BaseExceptionGroup):
        leaves = error.exceptions
        error = next((leaf for leaf in leaves if isinstance(leaf, Violation | BaseExceptionGroup)), leaves[0])
    return error


def _show_in_pytest(report: pytest.TestReport, result: Result) -> None:
    if result.outcome == "pass":
        return
    if result.outcome in ("fail", "error", "xpass"):
        report.outcome = "failed"
        report.longrepr = f"{result.clause}: {result.message}\nrepeat: {result.repro}"
        return
    report.outcome = "skipped"
    if result.outcome == "xfail":
        report.wasxfail = result.message
    else:
        path, line, _ = report.location
        report.longrepr = (path, line or 0, f"{result.outcome}: {result.message}")


def _repro(run: runs.Run, clause: str, case: str) -> str:
    which = [("impl", run.manifest.source), ("clause", clause), ("case", case), ("seed", run.seed), ("n", 0)]
    return repeat_command("pulse conformance", [*which, *run.options()])
