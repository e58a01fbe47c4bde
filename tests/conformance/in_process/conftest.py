"""Fixtures that the tests of the in-process engine share."""

import subprocess
import sys
from pathlib import Path

import pytest

from conformance.in_process.enumeration import InProcessReport
from tests.conformance.in_process.correct import Judge


@pytest.fixture
def report_on(tmp_path: Path) -> Judge:
    """Runs an implementation, given as source, on a system, and returns the report."""

    def make(source: str, system: str, profile: str = "pulse") -> InProcessReport:
        (tmp_path / "tiny.py").write_text(source, encoding="utf-8")
        module, argument = ("conformance.in_process.fakefs", system)
        if system == "real":
            module, argument = "conformance.in_process.realfs", str(tmp_path / "work")
            (tmp_path / "work").mkdir()
        words = ["-m", module, str(tmp_path), "tiny:Implementation", profile, argument]
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True)
        return InProcessReport.from_json(done.stdout)

    return make
