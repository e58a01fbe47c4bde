"""pytest inside a command of the kit: the same for the suite and for the scenarios of the stress harness."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from conformance.runner.run import Run
from conformance.runner.run_json import run_from_json, run_to_json

__all__ = ["EmbeddedPytest", "Nodes", "cpus", "private_process", "run_of_worker"]

_RUN = "pulse_run"  # in what pytest-xdist hands over to a worker
# They are meant for the user's own tests.
_OF_THE_USER = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")


def cpus() -> int:
    """The number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class EmbeddedPytest:
    """What pytest is to run, and how.

    ``tests`` is the folder of test modules and ``folder`` the kit's own of the run, in which pytest keeps its own.
    ``plugins`` are modules. ``workers`` are processes: 0 for none beside this one, None for one per CPU. ``seconds`` is
    the time-out of a test. ``arguments`` are more arguments of pytest, ``environment`` more variables.
    """

    tests: Path
    folder: Path
    plugins: Sequence[str]
    workers: int | None
    seconds: float
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, *plugins: object) -> int:
        """Run pytest with these plugin objects too. Returns its exit code; the process is afterwards as before."""
        with private_process(self.folder, self.environment):
            return int(pytest.main(self.command_line(), plugins=list(plugins)))

    def command_line(self) -> list[str]:
        """The arguments of pytest."""
        workers = cpus() if self.workers is None else self.workers
        return [
            str(self.tests),
            *("-c", os.devnull, "--rootdir", str(self.tests), "--noconftest", "-p", "no:cacheprovider"),
            # Without it pytest looks at every file beside each folder of the path, such as all of site-packages.
            *("--confcutdir", str(self.tests)),
            # What else is installed beside the kit must not change a verdict.
            "--disable-plugin-autoload",
            *(word for plugin in (*self.plugins, "pytest_timeout") for word in ("-p", plugin)),
            *("--no-header", "--tb=no", "-r", "N", "--strict-markers", "--import-mode=importlib"),
            # The tests raise and never assert, so pytest need not rewrite them. Their warnings are not the user's
            # business, so it need not look for errors that become warnings either: that collects all garbage.
            *("-p", "no:unraisableexception", "-p", "no:threadexception"),
            *("--assert=plain", "--disable-warnings", "--basetemp", str(self.folder / "pytest")),
            *("--timeout", f"{self.seconds:g}"),
            # Without the lines of pytest-xdist about its workers.
            *(("-p", "xdist.plugin", "-p", "no:terminaldistreporter") if workers else ()),
            *(("-n", str(workers), "--dist", "worksteal") if workers else ()),
            *self.arguments,
        ]


@contextlib.contextmanager
def private_process(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Inside the block, this process and its children write nothing outside of ``folder``: no bytecode beside the
    tests, and temporary files in its ``scratch``. They have ``environment`` and none of pytest's own variables.
    """
    variables = {"PYTHONDONTWRITEBYTECODE": "1", **environment}
    before = {name: os.environ.get(name) for name in (*variables, *_OF_THE_USER)}
    no_bytecode, temporary = sys.dont_write_bytecode, tempfile.tempdir
    try:
        os.environ.update(variables)
        for name in _OF_THE_USER:
            os.environ.pop(name, None)
        sys.dont_write_bytecode = True
        tempfile.tempdir = str(folder / "scratch")
        yield
    finally:
        sys.dont_write_bytecode, tempfile.tempdir = no_bytecode, temporary
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _Silent:
    """In place of the reporter that prints how many workers of pytest-xdist are ready."""

    def setstatus(self, *_: object, **__: object) -> None:
        """Show nothing."""

    def ensure_show_status(self) -> None:
        """Show nothing."""


@dataclass(eq=False)  # the plugin manager puts plugins into sets
class Nodes:
    """A plugin of the controlling process: hands the run over to the worker processes of pytest-xdist."""

    run: Run

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Silence pytest-xdist, which has no option for that."""
        workers = session.config.pluginmanager.get_plugin("dsession")
        if workers is not None:
            workers.trdist = _Silent()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Called by pytest-xdist before a worker starts."""
        node.workerinput[_RUN] = run_to_json(self.run)


def run_of_worker(config: pytest.Config) -> Run:
    """The run that `Nodes` has handed over to this worker process."""
    return run_from_json(config.workerinput[_RUN])  # type: ignore[attr-defined]  # pytest-xdist adds it
