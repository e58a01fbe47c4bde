"""The identity of a writer on Linux: it distinguishes processes of several boots and containers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("boot ids and pid namespaces of Linux", allow_module_level=True)

from pulse import _posix, write_idle_status
from pulse._platform import system
from pulse._temps import temp_name


def test_a_forked_child_has_its_own_name() -> None:
    script = (
        "import os\n"
        "from pulse._posix import writer_id\n"
        "parent = writer_id()\n"
        "if os.fork() == 0:\n"
        "    os._exit(0 if writer_id() == f\"{parent.rpartition('-')[0]}-{os.getpid()}\" != parent else 1)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.wait()[1]))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


class TestWithoutProc:
    def test_a_system_without_a_boot_id_sweeps_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_posix, "_BOOT_ID_FILE", str(tmp_path / "missing"))
        assert _posix._boot_id() == ""
        monkeypatch.setattr(_posix, "_BOOT_ID", "")
        monkeypatch.setattr(_posix, "_space", "")
        monkeypatch.setattr(_posix, "_writer_id", "")
        _posix._identify()
        assert system.writer_id() == f"unknown-{os.getpid()}"
        with subprocess.Popen([sys.executable, "-c", ""]) as ended:
            ended.wait()
        orphan = tmp_path / temp_name("status.json").replace(f"-{os.getpid()}-", f"-{ended.pid}-")
        orphan.write_text("")
        write_idle_status(tmp_path / "status.json")
        assert orphan.exists()

    def test_nor_one_without_pid_namespaces(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_posix, "_PID_NAMESPACE_FILE", str(tmp_path / "missing"))
        assert _posix._process_space() == ""
