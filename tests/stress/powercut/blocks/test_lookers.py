"""The processes that look at states: what they cannot do is no outcome, and none is waited for without end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.contract.errors import Inconclusive, Unmeasured
from stress.powercut.blocks import fuse, lookers
from stress.powercut.blocks.file_systems import file_systems
from stress.powercut.blocks.history import history_of
from stress.powercut.blocks.lookers import Lookers, looking
from stress.powercut.blocks.recording import Recording
from stress.powercut.blocks.rounds import Round
from stress.powercut.blocks.states import State
from stress.powercut.blocks.verdict import Seen

if sys.platform != "linux":
    pytest.skip("states are mounted on Linux only", allow_module_level=True)

STATES = [State("prefix", 0, (), number) for number in range(3)]
RECORDING = Recording(
    file_systems([])["ext4"], Round(0, 300, exists=True), Path("image"), Path("log"), (), history_of([], exists=True)
)

BEGIN = """
import os, pathlib, signal, subprocess, sys
from multiprocessing.connection import Connection
from stress.powercut.blocks.verdict import Seen, Unseen
requests, answers, folder = Connection(0, writable=False), Connection(1, readable=False), pathlib.Path(sys.argv[2])
"""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets a Python script be such a process; it has ``requests``, ``answers`` and its ``folder``."""

    def use(text: str) -> None:
        monkeypatch.setattr(fuse, "module_command", lambda module: [sys.executable, "-c", BEGIN + text])

    return use


def seen_by(started: Lookers) -> list[Seen]:
    """What these processes see."""
    return [seen for _, seen in started.look(RECORDING, STATES)]


def test_each_state_is_looked_at(script: Callable[[str], None], tmp_path: Path) -> None:
    script("for _ in iter(requests.recv, None): answers.send(Seen(b'{}'))")
    with looking(tmp_path, 2) as started:
        assert seen_by(started) == [Seen(b"{}")] * 3
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_cannot_look_at_anything_makes_the_run_unmeasured(
    script: Callable[[str], None], tmp_path: Path
) -> None:
    script("requests.recv(); answers.send(Unseen('no loop device'))")
    with looking(tmp_path, 1) as started, pytest.raises(Unmeasured, match="no loop device"):
        seen_by(started)
    assert list(tmp_path.iterdir()) == []


def test_what_fails_after_something_was_seen_makes_the_run_inconclusive(
    script: Callable[[str], None], tmp_path: Path
) -> None:
    script("requests.recv(); answers.send(Seen(b'{}')); requests.recv(); answers.send(Unseen('the server ended'))")
    with looking(tmp_path, 1) as started, pytest.raises(Inconclusive, match="the server ended"):
        seen_by(started)


def test_a_process_that_ends_is_an_error_of_the_kit(script: Callable[[str], None], tmp_path: Path) -> None:
    script("requests.recv(); raise SystemExit(7)")
    with looking(tmp_path, 1) as started, pytest.raises(RuntimeError, match="ended with 7"):
        seen_by(started)


def test_a_process_that_gives_no_answer_is_not_waited_for(
    script: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookers, "_END_SECONDS", 0.01)
    script("signal.pause()")
    with looking(tmp_path, 1) as started:
        started.seconds = 0.01
        with pytest.raises(Inconclusive, match="has not answered for"):
            seen_by(started)
        with pytest.raises(Inconclusive, match="has not answered for"), started.held(RECORDING, STATES[0]):
            pass


def test_a_process_that_does_not_end_is_ended_after_its_server(
    script: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: Callable[[int], bool]
) -> None:
    """A process that waits for a disk of a server that is stopped hears of nothing, not even of SIGKILL."""
    monkeypatch.setattr(lookers, "_END_SECONDS", 0.01)
    script(
        "server = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
        "os.kill(server.pid, signal.SIGSTOP)\n"
        "requests.recv(); answers.send(Seen(str(server.pid).encode()))\n"
        "signal.pause()\n"
    )
    with looking(tmp_path, 1) as started:
        [(_, seen)] = started.look(RECORDING, STATES[:1])
        assert seen.data
        assert not gone(int(seen.data))
    while not gone(int(seen.data)):
        pass
    assert list(tmp_path.iterdir()) == []
