"""What the tests of the harness share: the command line in a process of its own, and what it left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


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
        images = [path.read_text(encoding="utf-8") for path in Path("/sys/block").glob("loop*/loop/backing_file")]
        mine = [text for text in (*mounts, *images) if str(temporary) in text]
        return [*mine, *(path.name for path in temporary.iterdir())]

    return look
