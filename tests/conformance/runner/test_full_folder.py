"""A file system that is full, as ``--dir`` names it: a correct writer gets no verdict there, a wrong one does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conformance.contract.errors import Unmeasured
from conformance.reporting.results import Exit
from conformance.suite.helpers.launch_prefixes import small_file_system

CONFORMANCE, STRESS = "conformance.cli", "stress.cli"


def judged(folder: Path, kibibytes: int, module: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The kit's command, run in a file system of this size."""
    try:
        prefix = small_file_system(folder, kibibytes)
    except Unmeasured as reason:
        pytest.skip(str(reason))
    command = [*prefix, sys.executable, "-m", module, "--dir", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)


@pytest.mark.parametrize(
    ("impl", "clause", "case", "code"),
    [
        ("variant:plain", "VIS-07", "*", Exit.INCONCLUSIVE),
        # What is seen with small documents counts.
        ("mutant:readable-for-all", "MET-11", "readers_do_not_become_more:*", Exit.NOT_CONFORMANT),
    ],
)
def test_the_suite(tmp_path: Path, impl: str, clause: str, case: str, code: Exit) -> None:
    done = judged(tmp_path, 400, CONFORMANCE, "--impl", impl, "--clause", clause, "--case", case, "-n", "0")
    assert done.returncode == code, done.stdout + done.stderr
    assert "KiB are free in" in done.stderr
    assert ("inconclusive: the folder of the run is full" in done.stdout) is (code == Exit.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("kibibytes", "impl", "code"),
    [
        (2400, "variant:plain", Exit.INCONCLUSIVE),  # room for one temp of 1 MiB, but not for two
        (2400, "mutant:in-place-in-pieces", Exit.NOT_CONFORMANT),
        (100, "variant:plain", Exit.USAGE),  # not even for the positive control
    ],
)
def test_under_load(tmp_path: Path, kibibytes: int, impl: str, code: Exit) -> None:
    words = ("--impl", impl, "--writers", "3", "--size", "1MiB", "--until", "40 writes")
    done = judged(tmp_path, kibibytes, STRESS, *words)
    assert done.returncode == code, done.stdout + done.stderr
    assert f"only {kibibytes:,} KiB are free in" in done.stderr
    if code != Exit.NOT_CONFORMANT:
        assert "the folder of the run is full" in done.stdout + done.stderr
