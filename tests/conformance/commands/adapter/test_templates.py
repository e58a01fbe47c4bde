"""What `pulse init` writes is an adapter without a fault, and its stand-in passes.

Templates of compiled languages are built and judged by `tox -e languages`, all of them with the whole suite by
`tox -e templates`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.commands.adapter.init import LANGUAGES, main

COMPILED = ("go", "rust", "java", "c")
SECONDS = ["--start-seconds", "60", "--answer-seconds", "60"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_template_is_right_as_it_is_written(
    language: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if language in COMPILED and not os.environ.get("PULSE_LANGUAGES"):
        pytest.skip("built and run by tox -e languages")
    if language == "shell" and sys.platform != "linux":
        pytest.skip("its stand-in needs GNU coreutils")
    for tool in LANGUAGES[language].tools:
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    folder = tmp_path / "mine"
    assert main(["--language", language, str(folder)]) == 0
    run = [sys.executable, "-m", "conformance.commands.adapter.command", "check", str(folder), *SECONDS]
    done = subprocess.run(run, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    if sys.platform != "linux":  # the stand-ins are for Linux: see docs/adapter.md
        return
    clauses = ["--clause", "VIS-02", "--clause", "VIS-03", "--clause", "MET-05"]
    run = [sys.executable, "-m", "conformance.cli", "--impl", str(folder), *clauses, "-n", "0", "--seed", "1", *SECONDS]
    done = subprocess.run(run, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
