"""What the tests of the harness share: its command line, what that left behind, scripted implementations."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.errors import ImplementationError
from conformance.contract.manifest import Manifest
from conformance.subject.client import OneshotImplementation, ServeImplementation
from conformance.subject.launch import LaunchOptions
from conformance.subject.protocol import Answer
from stress.record.shared_counters import Counters, new_counters

Respond = Callable[[str, dict[str, Any]], Answer]


@pytest.fixture(autouse=True)
def unmeasured_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes of a run are not measured: that costs as much as they do, and no threshold is about `stress`."""
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """The folder in which the harness makes its own."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture
def stress_command(temporary: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts ``pulse stress`` with these arguments in a process of its own; ``changed`` is a script to run before."""

    def start(*arguments: object, changed: str = "") -> subprocess.Popen[str]:
        script = f"import sys\nfrom stress.cli import main\n{changed}\nsys.exit(main(sys.argv[1:]))"
        return subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)],
            env={**os.environ, "TMPDIR": str(temporary)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    return start


@pytest.fixture
def left_behind(temporary: Path) -> Callable[[], list[str]]:
    """What is left of a run: files, mounts that we can see, loop devices with an image in its folder."""

    def look() -> list[str]:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
        images = []
        for path in Path("/sys/block").glob("loop*/loop/backing_file"):
            with contextlib.suppress(OSError):  # of another test, which is detaching it
                images.append(path.read_text(encoding="utf-8"))
        mine = [text for text in (*mounts, *images) if str(temporary) in text]
        return [*mine, *(path.name for path in temporary.iterdir())]

    return look


@dataclass
class Script:
    """Implementations that are no processes: ``respond(operation, fields)`` answers, or raises ImplementationError.

    ``begin`` is called when one is started, and may raise ImplementationError too.
    """

    respond: Respond = lambda operation, fields: Answer(True, None, "", {})
    begin: Callable[[], None] = lambda: None
    serve: bool = True
    said: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # requests, when they are sent
    story: list[str] = field(default_factory=list)  # start, send, receive, stop, kill, as they come


class _Serving(ServeImplementation):
    """Answers when it is asked for the answer; after an error it is dead."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._sent: list[tuple[str, dict[str, Any]]] = []
        self._dead: ImplementationError | None = None

    def send(self, operation: str, **fields: Any) -> int:
        self._script.said.append((operation, fields))
        self._script.story.append("send")
        self._sent.append((operation, fields))
        return len(self._sent) - 1

    def receive(self, number: int, seconds: float | None = None) -> Answer:
        self._script.story.append("receive")
        if self._dead is None:
            try:
                return self._script.respond(*self._sent[number])
            except ImplementationError as error:
                self._dead = error
        raise self._dead

    def stop(self) -> None:
        self._script.story.append("stop")

    def kill(self) -> None:
        self._script.story.append("kill")


class _Oneshot(OneshotImplementation):
    """A process for each request."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def request(self, operation: str, **fields: Any) -> Answer:
        self._script.said.append((operation, fields))
        self._script.story.append("request")
        return self._script.respond(operation, fields)

    def stop(self) -> None:
        self._script.story.append("stop")

    def kill(self) -> None:
        self._script.story.append("kill")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """What the writers and readers of this test start, in place of processes."""
    script = Script()

    def start(manifest: Manifest, launch_options: LaunchOptions) -> ServeImplementation | OneshotImplementation:
        script.story.append("start")
        script.begin()
        return _Serving(script) if script.serve else _Oneshot(script)

    monkeypatch.setattr("stress.clients.restart.start", start)
    return script


@pytest.fixture
def counters() -> Counters:
    """Those of one process, all 0."""
    return new_counters(multiprocessing.get_context("spawn"), 1)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """A manifest that nothing needs to be true of."""
    return Manifest("scripted", "python", "pulse", ("writer", "reader"), "serve", tmp_path, "scripted", ("none",))


@pytest.fixture
def launch_options(tmp_path: Path) -> LaunchOptions:
    """How implementations are started, with the folders that they need."""
    for name in ("children", "scratch"):
        (tmp_path / name).mkdir()
    return LaunchOptions(children=tmp_path / "children", scratch=tmp_path / "scratch")
