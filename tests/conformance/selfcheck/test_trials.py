"""A matrix that is killed leaves nothing that goes on, and nothing that the next run does not remove."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

if sys.platform == "win32":
    pytest.skip("there each run is a process that Windows ends with its job", allow_module_level=True)

pytestmark = pytest.mark.timeout(600)

NEXT_RUN = ("conformance.cli", "--clause", "DOC-01", "--case", "members:idle", "-n", "0")


def test_a_killed_matrix_ends_its_runs_and_the_next_run_removes_its_folders(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "conformance.selfcheck", "plain"]
    matrix = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(tmp_path.glob("pulse-kit-*/notes")):  # a run has begun
        assert matrix.poll() is None
        time.sleep(0.01)
    started = psutil.Process(matrix.pid).children(recursive=True)
    matrix.kill()
    matrix.wait()
    _, alive = psutil.wait_procs(started, timeout=300)
    assert alive == []
    subprocess.run([sys.executable, "-m", *NEXT_RUN], env=environment, check=True, capture_output=True)
    assert list(tmp_path.iterdir()) == []
