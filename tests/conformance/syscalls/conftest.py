"""Fixtures shared by the tests of the syscall engine: traced commands and traced implementations."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import Unmeasured
from conformance.contract.manifest import load_manifest
from conformance.runner.run import Run, tear_down
from conformance.syscalls.laboratory import Laboratory
from conformance.syscalls.operations import Operation, operations_of
from conformance.syscalls.tracer.messages import Plan, Report, Rule, read_report, write_plan
from conformance.syscalls.tracer.session import Boundary, Traced, start_traced

ADAPTERS = Path(__file__).parent / "adapters"
SECONDS = 60.0  # no test waits as long as this unless something is broken


@dataclass(frozen=True)
class Trace:
    """A command that was traced from its first instruction to its end."""

    report: Report
    code: int
    output: str
    folder: Path

    @property
    def operations(self) -> tuple[Operation, ...]:
        return operations_of(self.report.calls, str(self.folder), ["status.json"])

    @property
    def words(self) -> list[str]:
        return [str(each) for each in self.operations]

    @property
    def fired(self) -> list[tuple[str, str, int, str]]:
        return [(each.action, each.phase, each.number, each.name) for each in self.report.fired]


def tracer_command(control: socket.socket, when: str, command: Sequence[str]) -> list[str]:
    return [sys.executable, "-P", "-m", "conformance.syscalls.tracer.process", str(control.fileno()), when, *command]


def read_messages(control: socket.socket) -> Iterator[tuple[str, str]]:
    """The tracer's messages, (word, rest), until it hangs up; skips the test where tracing is not allowed."""
    with control.makefile("rb") as messages:
        for line in messages:
            word, _, rest = line.decode().strip().partition(" ")
            if word == "refused":
                pytest.skip(f"tracing is not allowed here: {rest}")
            yield word, rest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an old document, in which traced commands run."""
    path = tmp_path.resolve() / "run"
    path.mkdir()
    (path / "status.json").write_bytes(b"old")
    return path


@pytest.fixture
def trace(folder: Path) -> Callable[..., Trace]:
    """Traces a command in the folder: ``trace([…], Rule(…), …, at_boundary=…)``."""
    if sys.platform != "linux":
        pytest.skip("the tracer needs Linux")

    def run(
        command: Sequence[str], *rules: Rule, at_boundary: Callable[[Boundary], None] = lambda boundary: None
    ) -> Trace:
        ours, theirs = socket.socketpair()
        ours.settimeout(SECONDS)
        with ours:
            with theirs:
                words = tracer_command(theirs, "at-start", command)
                child = subprocess.Popen(
                    words,
                    cwd=folder,
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            with child:
                report = None
                for word, rest in read_messages(ours):
                    if word == "started":
                        ours.sendall(f"arm {write_plan(Plan(str(folder), rules))}\n".encode())
                    elif word == "boundary":
                        at_boundary(Boundary(*json.loads(rest)))
                        ours.sendall(b"go\n")
                    elif word == "report":
                        report = read_report(rest)
                output = child.communicate(timeout=SECONDS)[0]
        assert report is not None, output
        return Trace(report, child.returncode, output, folder)

    return run


@pytest.fixture
def trace_python(trace: Callable[..., Trace]) -> Callable[..., Trace]:
    """Like `trace`, for Python code."""

    def run(code: str, *rules: Rule, **options: Any) -> Trace:
        return trace([sys.executable, "-I", "-S", "-c", code], *rules, **options)

    return run


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[[str], str]:
    """Compiles a static C program and returns its path."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")

    def build(code: str) -> str:
        source, program = tmp_path / "program.c", tmp_path / "program"
        source.write_text(code, encoding="ascii")
        built = subprocess.run([compiler, "-static", "-o", program, source], capture_output=True, text=True)
        if built.returncode != 0:
            pytest.skip(f"no static program can be made here: {built.stderr[-500:]}")
        return str(program)

    return build


def make_run(folder: Path, manifest: Path, **changes: Any) -> Run:
    for name in ("children", "scratch", "cases"):
        (folder / name).mkdir(parents=True)
    loaded = load_manifest(manifest, frozenset(load_clauses()), source=str(manifest))
    return Run(loaded, folder.resolve(), seed=1, **changes)


@pytest.fixture
def run_of(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """A run with the implementation of a manifest, without its set-up and smoke stage."""
    made: list[Path] = []

    def make(manifest: Path, **changes: Any) -> Run:
        made.append(tmp_path / f"run-{len(made)}")
        return make_run(made[-1], manifest, **changes)

    yield make
    for each in made:
        tear_down(each)


@pytest.fixture
def python_run(make_manifest: Callable[..., Path], run_of: Callable[..., Run]) -> Callable[..., Run]:
    """A run of an implementation of mode ``python`` and profile ``replace``, given as source."""

    def make(source: str, **changes: Any) -> Run:
        manifest = make_manifest(mode="python", entry_point="under_test:Implementation", profile="replace")
        (manifest.parent / "under_test.py").write_text(source, encoding="utf-8")
        return run_of(manifest, **changes)

    return make


@pytest.fixture
def laboratory(python_run: Callable[..., Run]) -> Iterator[Callable[..., Laboratory]]:
    """A laboratory for an implementation, given as source; skips the test where tracing is not allowed."""
    made: list[Laboratory] = []

    def make(source: str, **changes: Any) -> Laboratory:
        made.append(Laboratory(python_run(source, **changes)))
        try:
            made[-1].traced  # noqa: B018  # it starts
        except Unmeasured as error:
            pytest.skip(str(error))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def start(run_of: Callable[..., Run]) -> Iterator[Callable[[Run], Traced]]:
    """Starts the implementation of a run under the tracer; skips the test where tracing is not allowed."""
    made: list[Traced] = []

    def begin(run: Run) -> Traced:
        try:
            made.append(start_traced(run))
        except Unmeasured as error:
            pytest.skip(str(error))
        return made[-1]

    yield begin
    for each in made:
        each.kill()


@pytest.fixture(scope="module")
def obedient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    """A traced implementation that executes the code it is given (see its adapter). The tests of a module share it."""
    place = tmp_path_factory.mktemp("obedient")
    manifest = place / "implementation.toml"
    manifest.write_text(
        '[implementation]\nname = "obedient"\nlanguage = "python"\nprofile = "replace"\nroles = ["writer"]\n'
        'mode = "python"\ncallable = "obedient:Implementation"\n',
        encoding="utf-8",
    )
    (place / "obedient.py").write_bytes((ADAPTERS / "obedient.py").read_bytes())
    run = make_run(place / "run", manifest)
    try:
        traced = start_traced(run)
    except Unmeasured as error:
        pytest.skip(str(error))
    yield traced
    try:
        traced.implementation.stop()
    finally:
        traced.kill()
        tear_down(run.folder)
