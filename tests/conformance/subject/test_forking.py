"""A fork of the server is what a new process would have been, and shares no state with other forks."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from conformance.contract.errors import ImplementationError
from conformance.contract.manifest import Manifest, load_manifest
from conformance.subject import forking
from conformance.subject.client import Implementation, start
from conformance.subject.fork_messages import HONEST, HOST, TRACER
from conformance.subject.forking import ForkServer, server_of, serving_forks
from conformance.subject.launch import LaunchOptions, forked_modules
from conformance.subject.python_host import PAUSES

if sys.platform != "linux":
    pytest.skip("the fork server needs Linux", allow_module_level=True)

# What a process inherits, and what it has drawn at random by itself.
FACTS = """
import os, random, sys

LOADED = frozenset(sys.modules)

def status(*names):
    with open("/proc/self/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    return [fields[name].strip() for name in names]

class Implementation:
    def read(self, path):
        mask = os.umask(0)
        os.umask(mask)
        return {
            "parent": os.getppid(),
            "facts": {
                "signals": status("SigBlk", "SigIgn", "SigCgt"),
                "session": (os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()),
                "folder": os.getcwd(),
                "umask": mask,
                "environment": dict(os.environ),
                "descriptors": [name for name in sorted(os.listdir("/proc/self/fd")) if int(name) < 3],
                "inherited": [name for name in os.listdir("/proc/self/fd") if leads_somewhere(name)],
                "path": sys.path,
                "threads": len(os.listdir("/proc/self/task")),
            },
            "honest": "conformance.mutation.honest" in LOADED,
            "drawn": [random.random(), os.getpid()],
        }

    def write(self, path, status):
        print("on its standard error", flush=True)
        raise SystemExit(int(status["epoch"]))

def leads_somewhere(name):
    # Beyond the three, and the two that the host and this listing have open.
    path = f"/proc/self/fd/{name}"
    return int(name) > 2 and os.path.exists(path) and os.readlink(path).split(":")[0] in ("socket", "anon_inode")
"""


@pytest.fixture
def manifest(make_manifest: Callable[..., Path]) -> Manifest:
    """An implementation that reports facts, and passes for one of the kit's own."""
    path = make_manifest(mode="python", entry_point="facts:Implementation")
    (path.parent / "facts.py").write_text(textwrap.dedent(FACTS), encoding="utf-8")
    return load_manifest(path, frozenset(), source="variant:facts")


@pytest.fixture
def begin(launch_options: Callable[..., LaunchOptions]) -> Iterator[Callable[..., Implementation]]:
    """Starts an implementation; it ends with the test."""
    running: list[Implementation] = []

    def run(manifest: Manifest, **changes: Any) -> Implementation:
        running.append(start(manifest, launch_options(**changes)))
        return running[-1]

    yield run
    for each in running:
        with contextlib.suppress(RuntimeError):  # the server may have ended first
            each.kill()


@pytest.fixture
def forks(children: Path) -> Iterator[ForkServer]:
    """Where these tests start their children, a fork server serves."""
    with serving_forks(children):
        server = server_of(children)
        assert server is not None
        yield server


def told(implementation: Implementation) -> Mapping[str, Any]:
    answer = implementation.request("read", path="anywhere")
    found: Mapping[str, Any] = answer.fields["status"]
    return found


def parent_of(implementation: Implementation) -> int:
    return int(told(implementation)["parent"])


@pytest.mark.parametrize("changes", [{}, {"umask": 0o077}, {"environment": {PAUSES: "1"}}], ids=str)
def test_a_fork_inherits_what_a_new_process_does(
    manifest: Manifest, children: Path, begin: Callable[..., Implementation], changes: dict[str, Any]
) -> None:
    new = told(begin(manifest, **changes))
    with serving_forks(children):
        implementation = begin(manifest, **changes)
        forked = told(implementation)
        implementation.kill()
    assert new["parent"] == os.getpid() != forked["parent"]
    assert forked["facts"] == new["facts"]
    assert new["facts"]["inherited"] == []


def test_a_fork_is_in_the_folder_that_was_asked_for(
    manifest: Manifest, forks: ForkServer, tmp_path: Path, begin: Callable[..., Implementation]
) -> None:
    assert told(begin(manifest, folder=tmp_path))["facts"]["folder"] == str(tmp_path.resolve())


def test_each_fork_draws_its_own_random_numbers(
    manifest: Manifest, forks: ForkServer, begin: Callable[..., Implementation]
) -> None:
    one, other = told(begin(manifest)), told(begin(manifest))
    assert one["parent"] == other["parent"]
    assert one["drawn"][0] != other["drawn"][0]
    assert one["drawn"][1] != other["drawn"][1]


def test_an_implementation_of_a_user_is_a_new_process(
    manifest: Manifest, forks: ForkServer, begin: Callable[..., Implementation]
) -> None:
    assert parent_of(begin(dataclasses.replace(manifest, source="facts"))) == os.getpid()


@pytest.mark.parametrize(
    "changes", [{"environment": {"LC_ALL": "C"}}, {"prefix": ("env",)}, {"ignore_signals": True}], ids=str
)
def test_what_changes_the_start_of_python_is_a_new_process(
    manifest: Manifest, forks: ForkServer, begin: Callable[..., Implementation], changes: dict[str, Any]
) -> None:
    assert parent_of(begin(manifest, **changes)) == os.getpid()


def test_a_server_serves_its_own_process_only(children: Path, forks: ForkServer) -> None:
    child = os.fork()
    if child == 0:
        os._exit(server_of(children) is not None)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# Ends


def test_the_exit_code_and_the_standard_error_of_a_fork_are_reported(
    manifest: Manifest, forks: ForkServer, begin: Callable[..., Implementation]
) -> None:
    with pytest.raises(ImplementationError, match="ended with exit code 7 ") as caught:
        begin(manifest).request("write", path="anywhere", status={"epoch": 7})
    assert "on its standard error" in caught.value.stderr


def test_a_fork_that_is_interrupted_ends_as_python_does(
    manifest: Manifest, forks: ForkServer, begin: Callable[..., Implementation]
) -> None:
    implementation = begin(manifest)
    assert implementation.pid is not None
    os.kill(implementation.pid, signal.SIGINT)
    with pytest.raises(ImplementationError, match=f"exit code -{int(signal.SIGINT)} ") as caught:
        told(implementation)
    assert "KeyboardInterrupt" in caught.value.stderr


def test_a_fork_that_is_asked_to_stop_ends(
    manifest: Manifest, forks: ForkServer, begin: Callable[..., Implementation]
) -> None:
    implementation = begin(manifest)
    implementation.stop()
    assert not os.path.exists(f"/proc/{implementation.pid}")


def test_several_threads_may_wait_for_one_end(
    manifest: Manifest, forks: ForkServer, children: Path, tmp_path: Path
) -> None:
    child = forks.fork((HOST, str(manifest.folder), manifest.callable), folder=tmp_path, environment=os.environ)
    codes: list[int] = []
    waiting = [threading.Thread(target=lambda: codes.append(child.process.wait(120))) for _ in range(3)]
    for each in waiting:
        each.start()
    assert child.alive()
    with pytest.raises(subprocess.TimeoutExpired):
        child.process.wait(0)
    child.kill()
    for each in waiting:
        each.join()
    assert codes == [-signal.SIGKILL] * 3
    assert not child.alive()
    child.stdin.close()
    child.stdout.close()


def test_a_fork_for_which_there_is_no_folder_is_an_error(
    manifest: Manifest, forks: ForkServer, tmp_path: Path, begin: Callable[..., Implementation]
) -> None:
    with pytest.raises(ImplementationError, match="the fork server cannot start"):
        begin(manifest, folder=tmp_path / "missing")
    assert begin(manifest).usable  # the server goes on


def test_the_end_of_the_server_is_an_error_of_the_kit(
    manifest: Manifest, forks: ForkServer, children: Path, begin: Callable[..., Implementation]
) -> None:
    implementation = begin(manifest)
    server = parent_of(implementation)
    os.kill(server, signal.SIGKILL)
    implementation.request("stop")
    with pytest.raises(RuntimeError, match="the fork server has ended"):
        implementation.stop()


# Input and output of one process per request


@pytest.mark.parametrize("size", [0, 1, 300_000])
def test_all_input_is_given_and_all_output_is_read(forks: ForkServer, tmp_path: Path, size: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        words = (TRACER, str(theirs.fileno()), "later", "cat")
        child = forks.fork(words, folder=tmp_path, environment=os.environ, descriptors=(theirs.fileno(),))
        assert child.communicate(b"x" * size, 30) == b"x" * size
    assert child.process.returncode == 0


def test_a_program_that_does_not_read_its_input_is_no_error(forks: ForkServer, tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        words = (TRACER, str(theirs.fileno()), "later", "sh", "-c", "exit 3")
        child = forks.fork(words, folder=tmp_path, environment=os.environ, descriptors=(theirs.fileno(),))
        assert child.communicate(b"x" * 300_000, 30) == b""
    assert child.process.returncode == 3


def test_a_program_that_does_not_end_in_time_is_killed(forks: ForkServer, tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        words = (TRACER, str(theirs.fileno()), "later", "sleep", "60")
        child = forks.fork(words, folder=tmp_path, environment=os.environ, descriptors=(theirs.fileno(),))
        with pytest.raises(subprocess.TimeoutExpired):
            child.communicate(b"", 0.05)
    assert child.process.returncode == -signal.SIGKILL


def test_the_base_of_mutants_and_variants_is_imported_once_for_all_of_their_processes(
    manifest: Manifest, children: Path, begin: Callable[..., Implementation]
) -> None:
    with serving_forks(children, forked_modules(manifest)):
        first, second = begin(manifest), begin(manifest)
        assert told(first)["honest"]
        assert told(second)["honest"]
        assert told(first)["drawn"][0] != told(second)["drawn"][0]
        for implementation in (first, second):
            implementation.kill()


def test_nothing_is_imported_for_an_implementation_of_a_user(manifest: Manifest) -> None:
    assert forked_modules(manifest) == HONEST
    assert forked_modules(dataclasses.replace(manifest, source="facts/implementation.toml")) == ()


def test_a_server_that_is_stopped_is_let_go_on(
    children: Path, monkeypatch: pytest.MonkeyPatch, launch_options: Callable[..., LaunchOptions], manifest: Manifest
) -> None:
    """Whatever it has started can stop it."""
    monkeypatch.setattr(forking, "_SECONDS_OF_A_STOP", 0.05)
    with serving_forks(children):
        server = server_of(children)
        assert server is not None
        start(manifest, launch_options()).stop()
        assert server.pid is not None
        before = server.pid
        psutil.Process(before).suspend()
        start(manifest, launch_options()).stop()
        assert server.pid == before


def test_a_server_that_stays_stopped_is_not_waited_for(
    children: Path, monkeypatch: pytest.MonkeyPatch, launch_options: Callable[..., LaunchOptions], manifest: Manifest
) -> None:
    """The next fork has a new server."""
    monkeypatch.setattr(forking, "_SECONDS_TO_END", 0.1)
    with serving_forks(children):
        server = server_of(children)
        assert server is not None
        start(manifest, launch_options()).stop()
        assert server.pid is not None
        psutil.Process(server.pid).suspend()
        with monkeypatch.context() as impatient:
            impatient.setattr(forking, "_SECONDS_TO_FORK", 0.0)
            impatient.setattr(forking, "_SECONDS_OF_A_STOP", 0.01)
            impatient.setattr(signal, "SIGCONT", 0)  # then nothing lets it go on
            with pytest.raises(ImplementationError, match=r"the fork server cannot start .*: timed out"):
                start(manifest, launch_options())
        start(manifest, launch_options()).stop()
