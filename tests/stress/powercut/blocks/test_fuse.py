"""Programs of the kit that serve files: one that fails, or never begins, is said and never waited for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.contract.errors import Unmeasured
from stress.powercut.blocks import fuse
from stress.powercut.blocks.fuse import mount_points, require_fuse, serving

if sys.platform != "linux":
    pytest.skip("files are served on Linux only", allow_module_level=True)


def server(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let a Python script be what is started as a server."""
    monkeypatch.setattr(fuse, "module_command", lambda module: [sys.executable, "-c", script])


def test_mounts_of_the_kit_are_found_whatever_their_names_are() -> None:
    table = (
        b"36 35 98:0 / /any\xff\\040name rw,noatime master:1 - ext4 /dev/loop7 rw\n"
        b"37 35 0:50 / /run/tmp1 rw shared:2 master:1 - fuse pulse rw\n"
        b"38 35 8:1 / /home\xfe rw - ext4 /dev/sda1 rw\n"
        b"39 35 0:51 / /other rw - tmpfs none rw\n"
    )
    assert [os.fsencode(point) for point in mount_points(table)] == [b"/any\xff name", b"/run/tmp1"]


def test_a_device_that_is_missing_or_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unmeasured, match="load the kernel module fuse"):
        require_fuse(tmp_path / "fuse")
    with pytest.raises(Unmeasured, match=r"cannot be opened: Is a directory; .*--device"):
        require_fuse(tmp_path)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("raise SystemExit('Error: no device')", "files cannot be served by FUSE here: Error: no device"),
        ("raise ValueError('a name')", "files cannot be served by FUSE here: ValueError: a name"),
        ("", "files cannot be served by FUSE here: the server ended"),
    ],
)
def test_a_server_that_fails_in_its_start_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, reason: str
) -> None:
    server(monkeypatch, script)
    with pytest.raises(Unmeasured) as raised, serving("a.module", tmp_path):
        pass
    assert str(raised.value) == reason
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_never_ready_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server(monkeypatch, "import signal; signal.pause()")
    monkeypatch.setattr(fuse, "_START_SECONDS", 0.01)
    monkeypatch.setattr(fuse, "_END_SECONDS", 0.01)
    with pytest.raises(Unmeasured, match="was not ready within"), serving("a.module", tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_stopped_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server(monkeypatch, "import os, signal; print('ready', flush=True); os.kill(os.getpid(), signal.SIGSTOP)")
    monkeypatch.setattr(fuse, "_END_SECONDS", 0.01)
    with serving("a.module", tmp_path) as started:
        os.waitid(os.P_PID, started.process.pid, os.WSTOPPED | os.WNOWAIT)
        started.end()
        assert started.ended() == "ended by signal 9"


def test_how_a_server_has_ended_can_be_asked_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server(monkeypatch, "print('ready', flush=True); raise OSError(28, 'No space left on device')")
    with serving("a.module", tmp_path) as started:
        started.process.wait()
        for _ in range(2):
            assert started.ended() == "ended with exit code 1: OSError: [Errno 28] No space left on device"


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        ("OSError(28, 'No space left on device')", True),
        ("ValueError('no record')", True),
        ("KeyboardInterrupt()", True),
        ("FileNotFoundError(2, 'a name')", False),
    ],
)
def test_an_operation_that_fails_but_not_on_purpose_ends_the_server(error: str, *, ends: bool) -> None:
    script = (
        "from stress.powercut.blocks.fuse import ending_with_errors\n"
        f"def operation(*_): raise {error}\n"
        "try:\n    ending_with_errors(operation)('/path', 1)\n"
        "except BaseException:\n    print('answered')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == ((1, "") if ends else (0, "answered\n"))
    assert ("Traceback" in done.stderr) == ends
