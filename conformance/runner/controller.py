"""The controlling process of a run: gathers results as they come, writes results.jsonl, and decides at the end."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from conformance.contract.clauses import load_clauses, outcome_without_measuring
from conformance.reporting.header import header_of
from conformance.reporting.results import EVERY_WRITE, Exit, Result, ResultsFile, Verdict, counted
from conformance.reporting.verdict import decide
from conformance.runner.carried_results import carried_by
from conformance.runner.left_behind import LeftProcess, from_json, line_of, warning_of
from conformance.runner.recorded_writes import kept_writes
from conformance.runner.run import Run
from conformance.runner.selection import Selection
from conformance.subject.accounts import account_of
from conformance.system import shared_memory
from conformance.system.guard import times_stopped
from conformance.system.platform import file_system_of, operating_system

__all__ = ["LEFT", "Controller"]

LEFT = "pulse_left"
"""What a worker of pytest-xdist hands over at its end (``workeroutput``): what was left behind, as JSON."""


class Controller:
    """A pytest plugin of the controlling process. ``verdict`` is None until a run has ended without interruption.

    ``unmatched`` says at the end, given the results, what of the selection matched nothing, in words. ``quick`` says of
    a quick run how many cases it is of how many.
    """

    def __init__(
        self,
        run: Run,
        selection: Selection,
        *,
        strict: bool,
        file: ResultsFile | None,
        unmatched: Callable[[Sequence[Result]], str] = lambda results: "",
        quick: str = "",
    ) -> None:
        self.run = run
        self.selection = selection
        self.strict = strict
        self.results: list[Result] = []
        self.mishaps: list[str] = []
        self.uncollected = False
        self.verdict: Verdict | None = None
        self.left: list[LeftProcess] = []
        self.unmatched = ""
        self._find_unmatched = unmatched
        self._quick = quick
        self._file = file
        self.header = header_of(
            run.manifest,
            run.about,
            [file_system_of(run.folder)],
            run.seed,
            selection.by_option(),
        )
        if file is not None:
            file.header(self.header)
        self._record_what_needs_no_case()

    def _record_what_needs_no_case(self) -> None:
        manifest = self.run.manifest
        for clause in load_clauses().values():
            reason = outcome_without_measuring(clause, manifest.roles, manifest.profile)
            if reason is not None and self.selection.takes_clause(clause.id) and not self.selection.cases:
                self._record(Result(clause.id, "*", reason[0], reason[1]))

    def _has(self, clause: str, case: str) -> bool:
        return any((result.clause, result.case) == (clause, case) for result in self.results)

    def _record(self, result: Result) -> None:
        self.results.append(result)
        if self._file is not None:
            self._file.result(result)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the results out of the reports of this process and of the workers."""
        carried = carried_by(report)
        for result in carried:
            if result.case != EVERY_WRITE or not self._has(result.clause, EVERY_WRITE):
                self._record(result)
        if report.failed and not carried:
            self.mishaps.append(f"a process of the kit ended in {report.nodeid}: {report.longreprtext[-300:]}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a module of the suite that cannot be imported.

        pytest ends such a run as if it were interrupted, and pytest-xdist runs the cases that are left.
        """
        if report.failed:
            self.uncollected = True
            text = f"{report.nodeid} cannot be collected: {report.longreprtext[-2000:]}"
            if text not in self.mishaps:  # every worker says so
                self.mishaps.append(text)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Called by pytest-xdist when a worker has ended: take over what was left behind there."""
        self.left += from_json(getattr(node, "workeroutput", {}).get(LEFT, "[]"))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the footer, unless the run was interrupted, and make the verdict the exit code."""
        finished = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
        if exitstatus in finished:
            self.unmatched = self._find_unmatched(self.results)
            stopped = "stopped after the first failure" if session.shouldfail else ""
            if times := times_stopped():
                self.mishaps.append(f"the main process of the kit was stopped (SIGSTOP) {counted(times, 'times')}")
            self.verdict = decide(
                self.results,
                load_clauses(),
                self.run.manifest.known_failures,
                operating_system(),
                mishaps=[*self.mishaps, *filter(None, [self.unmatched, stopped])],
                strict=self.strict,
                complete=self.selection.complete and not session.shouldfail,
                part=self.selection.part,
                whole_clauses=self.selection.whole_clauses and not session.shouldfail,
            )
            if self.selection.quick:
                quick = ", ".join(filter(None, ["quick", self._quick]))
                self.verdict = dataclasses.replace(self.verdict, part=f"{quick}: {self.verdict.part}", quick=quick)
            user = None if self.run.user is None else account_of(self.run.user).uid
            memory = shared_memory.left_since(self.run.shared_memory, user)
            warnings = tuple(filter(None, (warning_of(self.left), shared_memory.warning_of(memory))))
            self.verdict = dataclasses.replace(self.verdict, warnings=warnings)
            if self._file is not None:
                if self.left:
                    self._file.record("left", line_of(self.left))
                if memory:
                    segments = [each.name for each in memory]
                    self._file.record("left", {"text": warnings[-1], "shared_memory": segments})
                for write in kept_writes(self.run):
                    self._file.record("write", write)
                self._file.footer(self.verdict)
            session.exitstatus = int(self.verdict.exit)
        elif exitstatus == pytest.ExitCode.INTERRUPTED and not self.uncollected:
            session.exitstatus = int(Exit.INTERRUPTED)
