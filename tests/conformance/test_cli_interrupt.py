"""Ctrl-C in the middle of a run: children are gone, the results so far are kept, nothing else is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from conformance.reporting.results import read_results


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("whom", ["the controlling process", "the whole group"])
def test_ctrl_c(
    misbehaving: Callable[..., Path],
    traces: Path,
    tmp_path: Path,
    eventually: Callable[[Callable[[], object], str], None],
    gone: Callable[[int], bool],
    workers: int,
    whom: str,
) -> None:
    """Each process of the implementation answers two cases, starts a process of its own in the third, and hangs."""
    if sys.platform == "win32":
        pytest.skip("Windows sends Ctrl-C to consoles, not to processes")
    report, temporary = tmp_path / "report", tmp_path / "temporary"
    temporary.mkdir()
    path = misbehaving("hang-with-a-grandchild", 3)
    selection = ("--impl", str(path), "--clause", "DOC-0[34]", "-n", str(workers), "--report", str(report))
    with subprocess.Popen(
        # The limit is also what pytest-xdist waits at most for a worker that waits for an answer.
        [sys.executable, "-m", "conformance.cli", *selection, "--answer-seconds", "5"],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as kit:
        processes = workers or 1
        eventually(lambda: len(list(traces.glob("grandchild-*"))) >= processes, "every process hangs")
        # With the results of two cases each in the file, what is to be kept is known.
        eventually(
            lambda: len((report / "results.jsonl").read_text(encoding="utf-8").splitlines()) >= 1 + 2 * processes,
            "the first results are written",
        )
        every_pid = [child.pid for child in psutil.Process(kit.pid).children(recursive=True)]
        every_pid += [int(trace.read_text(encoding="utf-8")) for trace in traces.glob("grandchild-*")]
        if whom == "the whole group":
            os.killpg(kit.pid, signal.SIGINT)
        else:
            os.kill(kit.pid, signal.SIGINT)
        stdout, stderr = kit.communicate(timeout=60)
    assert kit.returncode == 130
    assert len(every_pid) >= 2 * processes
    eventually(lambda: all(gone(pid) for pid in every_pid), "all children are gone")
    header, results, footer = read_results(report / "results.jsonl")
    assert header["implementation"]["name"] == "under test"
    # The cases that hung have no result when the kit was interrupted; one whose limit passed meanwhile is an error.
    outcomes = Counter(result["outcome"] for result in results)
    assert outcomes["pass"] >= 2 * processes
    assert set(outcomes) <= {"pass", "error"}
    assert footer is None
    assert "the run did not finish; no verdict" in stdout
    assert "Traceback" not in stderr
    assert list(temporary.iterdir()) == []
