"""Where a fork server serves, the tracer is a fork of it, and so is the host of a mutant: nothing else is different."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import ImplementationError
from conformance.runner.resolve import resolve
from conformance.runner.run import Run
from conformance.subject.forking import serving_forks
from conformance.subject.protocol import Answer
from conformance.syscalls.laboratory import Laboratory
from conformance.syscalls.tracer.messages import Plan, Rule
from conformance.syscalls.tracer.session import Traced

if sys.platform != "linux":
    pytest.skip("the tracer needs Linux", allow_module_level=True)

ONESHOT = """#!/bin/sh
set -e
cat > "$2.$$.tmp"
mv "$2.$$.tmp" "$2"
"""


def descent(traced: Traced) -> list[int]:
    """The ids of the kit, or the server, that started the tracer; the tracer; and the implementation."""
    assert traced.implementation.pid is not None
    tracer = psutil.Process(traced.implementation.pid)
    return [tracer.ppid(), tracer.pid, *(child.pid for child in tracer.children())]


def of_the_kit(run: Run) -> Run:
    return dataclasses.replace(run, manifest=resolve("variant:plain", frozenset(load_clauses())))


@pytest.fixture
def run(python_run: Callable[..., Run]) -> Run:
    """Of an implementation that answers whatever it is asked."""
    return python_run("class Implementation:\n    def replace(self, path, text):\n        open(path, 'w').close()\n")


def test_tracer_and_host_are_forks_of_one_server(run: Run, start: Callable[[Run], Traced]) -> None:
    with serving_forks(run.folder / "children"):
        traced = start(of_the_kit(run))
        server, _, host = descent(traced)
        assert psutil.Process(server).ppid() == os.getpid()
        assert "fork_server" in " ".join(psutil.Process(host).cmdline())
        traced.kill()


def test_the_host_of_a_user_is_executed(run: Run, start: Callable[[Run], Traced]) -> None:
    with serving_forks(run.folder / "children"):
        traced = start(run)
        server, tracer, host = descent(traced)
        assert "fork_server" in " ".join(psutil.Process(tracer).cmdline())
        assert "python_host" in " ".join(psutil.Process(host).cmdline())
        assert server != os.getpid()
        traced.kill()


def test_a_forked_host_has_nothing_of_the_tracer_open(run: Run, start: Callable[[Run], Traced]) -> None:
    found = []
    for children in (run.folder, run.folder / "children"):  # no child is recorded in the first: no server serves
        with serving_forks(children):
            traced = start(of_the_kit(run))
            found.append(sorted(os.listdir(f"/proc/{descent(traced)[-1]}/fd")))
            traced.kill()
    assert found[1] == found[0]


@pytest.mark.parametrize("what", ["kills", "interrupts"])
def test_a_write_is_recorded_and_hit_at_the_same_operations(
    run: Run, start: Callable[[Run], Traced], what: str
) -> None:
    start(run).kill()  # skips where tracing is not allowed
    rule = Rule("kill" if what == "kills" else "interrupt", "before", 3, 3)
    laboratory = Laboratory(of_the_kit(run))
    seen = []
    for children in (run.folder, run.folder / "children"):  # no child is recorded in the first: no server serves
        with serving_forks(children):
            recording = laboratory.record("replace")
            place = laboratory.place("replace")
            outcome = laboratory.request(place, (rule,))
            end = type(outcome.end), getattr(outcome.answer, "ok", None)
            seen.append(([each.kind for each in recording.operations], outcome.report.fired, end, place.state()))
            laboratory.stop()
    assert seen[0] == seen[1]
    assert seen[1][1]


def test_a_oneshot_command_is_armed_before_its_first_instruction(
    make_manifest: Callable[..., Path], run_of: Callable[..., Run], start: Callable[[Run], Traced], tmp_path: Path
) -> None:
    script = tmp_path / "write.sh"
    script.write_text(ONESHOT, encoding="ascii")
    run = run_of(make_manifest(command=["sh", str(script)], mode="oneshot", profile="replace"))
    folder = tmp_path / "folder"
    folder.mkdir()
    with serving_forks(run.folder / "children"):
        outcome = start(run).request(
            Plan(str(folder)), lambda one: one.request("replace", path=str(folder / "status.json"), text="x" * 100_000)
        )
    assert outcome.answer == Answer(True, None, "", {})
    assert (folder / "status.json").stat().st_size == 100_000
    assert [call.name for call in outcome.report.calls if call.name.startswith("rename")]


def test_a_command_that_does_not_exist_is_the_implementations_fault(run: Run, start: Callable[[Run], Traced]) -> None:
    manifest = dataclasses.replace(run.manifest, mode="serve", callable="", command=("no-such-command-here",))
    with serving_forks(run.folder / "children"), pytest.raises(ImplementationError, match="127") as caught:
        start(dataclasses.replace(run, manifest=manifest))
    assert "No such file" in caught.value.stderr
