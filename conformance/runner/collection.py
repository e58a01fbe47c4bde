"""The cases that the suite has, found without starting an implementation: for ``--list``, and to check a selection."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest

from conformance.runner.case_names import MARKS, case_of, clause_of, depth_of
from conformance.runner.embedded_pytest import EmbeddedPytest
from conformance.runner.hypothesis_profile import use_profile
from conformance.system.run_folders import temporary

__all__ = ["cases_in"]


class _Collected:
    """A pytest plugin that notes what was collected."""

    def __init__(self) -> None:
        self.cases: list[tuple[str, str, int]] = []
        self.failures: list[str] = []

    def pytest_configure(self, config: pytest.Config) -> None:
        """Register the mark that every test of the suite has."""
        use_profile()  # the modules stay loaded, and a run in this process uses them
        for line in MARKS:
            config.addinivalue_line("markers", line)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a module that cannot be imported."""
        if report.failed:
            self.failures.append(f"{report.nodeid} cannot be collected: {report.longreprtext[-2000:]}")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note every test."""
        self.cases = [(clause_of(item), case_of(item), depth_of(item)) for item in session.items]


def cases_in(tests: Path, depth: int = 1) -> list[tuple[str, str]]:
    """Every case of the suite in the folder ``tests`` with this ``--depth``, as (clause, case), in the order in which
    they run.

    Raises RuntimeError when a module of it cannot be imported.
    """
    collected = _Collected()
    with temporary("pulse-cases-") as folder:
        (folder / "scratch").mkdir()
        suite = EmbeddedPytest(
            tests=tests,
            folder=folder,
            plugins=("_hypothesis_pytestplugin",),
            workers=0,
            seconds=0,
            arguments=("--collect-only", "-qq"),
        )
        with contextlib.redirect_stdout(io.StringIO()):
            code = suite.run(collected)
    if collected.failures or code != pytest.ExitCode.OK:
        raise RuntimeError("\n".join(["the suite cannot be collected", *collected.failures]))
    return [(clause, case) for clause, case, needed in collected.cases if needed <= depth]
