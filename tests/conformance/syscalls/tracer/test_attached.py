"""The tracer of what runs already, and what it says. How it is used is in the tests of `pulse observe`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.syscalls.tracer.calls import Descriptor
from conformance.syscalls.tracer.messages import read_report

if sys.platform != "linux":
    pytest.skip("the tracer needs Linux", allow_module_level=True)

from conformance.syscalls.tracer import attached as module

# It makes a file of each line.
PROGRAM = """
import os, sys
for line in sys.stdin:
    file = os.open(line.strip(), os.O_WRONLY | os.O_CREAT)
    os.write(file, b"new")
    os.fsync(file)
    os.close(file)
    print("done", flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "watched"
    place.mkdir()
    return place


@pytest.fixture
def program(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        yield running
        running.kill()


@pytest.fixture
def control() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def make(program: subprocess.Popen[str], name: str) -> None:
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write(f"{name}\n")
    program.stdin.flush()
    assert program.stdout.readline() == "done\n"


def test_the_calls_on_a_folder_are_said_one_by_one(
    program: subprocess.Popen[str], control: tuple[socket.socket, socket.socket], folder: Path
) -> None:
    ours, theirs = control
    make(program, "before")
    command = [sys.executable, "-m", module.__name__, str(theirs.fileno()), str(program.pid), str(folder)]
    with subprocess.Popen(command, pass_fds=[theirs.fileno()]) as tracer, ours.makefile("r") as messages:
        theirs.close()
        assert messages.readline() == "attached 1 1\n"
        make(program, "a")
        make(program, "../elsewhere")
        make(program, "b")
        ours.shutdown(socket.SHUT_WR)
        lines = [line.partition(" ") for line in messages]
        assert tracer.wait() == 0
    assert {word for word, _, _ in lines} == {"calls"}
    calls = [call for _, _, text in lines for call in read_report(text).calls]
    assert [call.name for call in calls] == ["openat", "write", "fsync", "close"] * 2
    assert [call.result for call in calls[1:4]] == [3, 0, 0]
    assert calls[0].path() == str(folder / "a")
    written = calls[5].arguments["descriptor"]
    assert isinstance(written, Descriptor)
    assert written.path == str(folder / "b")


def test_a_process_that_is_not_there(control: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = control
    assert module.main([str(os.dup(theirs.fileno())), str(2**22 + 1), "/"]) == 3
    assert ours.recv(999).startswith(b"refused ENOENT No such file or directory")


def test_what_is_traced_never_waits_for_the_kit(
    control: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = control
    theirs.setblocking(False)
    monkeypatch.setattr(module, "_MOST_UNSENT", 1000)
    tracer = module._Attached(theirs, [])
    said = 0
    while not tracer.dropped:  # the kit does not listen
        tracer.say("calls", "x" * 1000)
        said += 1
    ours.setblocking(False)
    heard = b""
    while tracer.unsent:
        heard += ours.recv(1 << 20)
        tracer.send()
    tracer.say("ended")
    heard += ours.recv(1 << 20)
    assert heard.count(b"calls ") == said - 1
    assert heard.endswith(b"dropped 1\nended \n")


def test_the_children_of_a_process_are_found() -> None:
    code = "import subprocess, sys; subprocess.run(['cat'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        while not module._descendants(child.pid):
            pass
        assert set(module._descendants(os.getpid())) >= {child.pid, *module._descendants(child.pid)}
        child.stdin.close()


def test_the_kit_is_none_of_the_children() -> None:
    """It may be a child of the shell that is traced."""
    code = f"from {module.__name__} import _descendants; print(_descendants({os.getpid()}))"
    kit = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    with subprocess.Popen([sys.executable, "-c", kit], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert str(running.pid) not in running.stdout.read().strip(" []\n").split(", ")
