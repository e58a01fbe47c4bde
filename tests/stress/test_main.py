"""``python -m stress``, for where no command is installed."""

from __future__ import annotations

import subprocess
import sys


def test_it_is_the_command() -> None:
    command = [sys.executable, "-m", "stress", "--size", "2MiB"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 2
    assert "from 0 to 1MiB" in done.stderr
