"""Where the system does not let the tracer trace: the message says so, and what to allow."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.errors import Unmeasured
from conformance.runner.run import Run
from conformance.syscalls.tracer import session as tracing
from conformance.syscalls.tracer.messages import Plan
from conformance.syscalls.tracer.session import Traced, start_traced

if sys.platform != "linux":
    pytest.skip("the tracer needs Linux", allow_module_level=True)

OBEDIENT = (Path(__file__).parents[1] / "adapters" / "obedient.py").read_text(encoding="utf-8")

REFUSED = (
    r"tracing is not allowed here \(EPERM ptrace.*\): run as root, allow ptrace \(in a container: --cap-add=SYS_PTR"
)


@pytest.fixture
def tracing_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Replaces the tracer by a stub that is refused."""
    stub = tmp_path / "stub"
    stub.write_text(
        "import socket, sys\n"
        "socket.socket(fileno=int(sys.argv[4])).sendall(b'refused EPERM ptrace: not permitted\\n')\nsys.exit(3)"
    )
    real = tracing._launch_options

    def changed(*arguments: Any) -> Any:
        found = real(*arguments)
        return dataclasses.replace(found, prefix=(found.prefix[0], str(stub), *found.prefix[1:]))

    monkeypatch.setattr(tracing, "_launch_options", changed)


@pytest.mark.usefixtures("tracing_is_refused")
def test_the_message_says_what_to_allow(python_run: Callable[..., Run]) -> None:
    with pytest.raises(Unmeasured, match=REFUSED):
        start_traced(python_run(OBEDIENT))


@pytest.mark.usefixtures("tracing_is_refused")
def test_the_message_says_it_in_mode_oneshot_too(
    make_manifest: Callable[..., Path], run_of: Callable[..., Run], start: Callable[[Run], Traced], folder: Path
) -> None:
    oneshot = start(run_of(make_manifest(["true"], mode="oneshot", profile="replace")))
    with pytest.raises(Unmeasured, match=REFUSED):
        oneshot.request(Plan(str(folder)), lambda implementation: implementation.request("replace", path="a", text=""))


def test_on_other_systems_than_linux(monkeypatch: pytest.MonkeyPatch, python_run: Callable[..., Run]) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(Unmeasured, match="needs Linux"):
        start_traced(python_run(OBEDIENT))


def test_under_another_tracer(python_run: Callable[..., Run], folder: Path) -> None:
    """A process has at most one tracer: under strace -f ours is refused, and says so."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    code = (
        "import socket, sys\nfrom conformance.syscalls.tracer.process import main\n"
        "ours, theirs = socket.socketpair()\nmain([str(theirs.fileno()), 'later', 'true'])\nprint(ours.recv(999))"
    )
    command = ["strace", "-f", "-o", "/dev/null", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=60)
    if "PTRACE" in done.stderr:
        pytest.skip(f"strace is not allowed here: {done.stderr}")
    assert "refused EPERM ptrace: Operation not permitted" in done.stdout
