"""Runs `pulse conformance` many times, each run in a process of its own.

Importing pytest, Hypothesis and the suite takes longer than most runs of a mutant. Where processes can be forked, a run
is a fork of a process that has imported them and done nothing else; elsewhere it is a new process.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from multiprocessing import connection, util
from pathlib import Path

from conformance import suite
from conformance.reporting.results import read_results
from conformance.selfcheck.matrix import Trial
from conformance.system.run_folders import new_folder, remove_run_folder, temporary

__all__ = ["conformance", "modules_of_a_run"]

_SECONDS = 900.0
# A file system in memory: the matrix tests the suite, and a busy disk would only slow it down.
_MEMORY = Path("/dev/shm")
_IMPORTED = (
    "conformance.selfcheck.preloaded",  # first: a test takes the settings that hold when it is imported
    "conformance.cli",
    "conformance.runner.pytest_plugin",
    "conformance.suite.support.fixtures",
    "_hypothesis_pytestplugin",
    "pytest_timeout",
)


def modules_of_a_run() -> list[str]:
    """What `pulse conformance` imports without workers and reports, in the order in which it is to be imported."""
    return [*_IMPORTED, *(f"{suite.__name__}.{module.name}" for module in pkgutil.iter_modules(suite.__path__))]


if sys.platform == "win32":

    def _finished(arguments: Sequence[str], stderr: Path) -> int | None:
        """Run it in a new process. Returns the exit code, or None when it did not end in time."""
        command = [sys.executable, "-m", "conformance.cli", *arguments]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=_SECONDS
            )
        except subprocess.TimeoutExpired:
            return None
        stderr.write_bytes(done.stderr)
        return done.returncode

else:
    # Starting a process also checks whether others have ended, and the exit code of each can be read only once.
    _ENDS = threading.Lock()

    def _finished(arguments: Sequence[str], stderr: Path) -> int | None:
        """Run it in a fork of a process that has one thread and no state but that of modules just imported.

        Returns the exit code, or None when it did not end in time.
        """
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(modules_of_a_run())
        process = context.Process(target=_run, args=(list(arguments), str(stderr)))
        with _ENDS:
            _let_the_socket_be_swept()
            process.start()
        if not connection.wait([process.sentinel], _SECONDS):
            process.kill()
            connection.wait([process.sentinel])
            return None
        with _ENDS:
            return process.exitcode

    @functools.cache
    def _let_the_socket_be_swept() -> None:
        """Put the folder that multiprocessing makes for its socket, and removes at the end of this process, into one
        that the next run removes when this process is killed. Without a file system in memory it stays where it is:
        the path of a socket may have some hundred bytes, and TMPDIR may be long.
        """
        if not os.access(_MEMORY, os.W_OK):
            return
        folder, usual = new_folder("pulse-mutants-", _MEMORY), tempfile.tempdir
        util.Finalize(None, remove_run_folder, args=(folder,), exitpriority=-1_000)  # after that of multiprocessing
        try:
            tempfile.tempdir = str(folder)
            util.get_temp_dir()
        finally:
            tempfile.tempdir = usual


def _run(arguments: list[str], stderr: str) -> None:
    threading.Thread(target=_end_with_the_matrix, daemon=True).start()
    with open(os.devnull, "r+b") as nothing, open(stderr, "wb") as errors:
        os.dup2(nothing.fileno(), 0)
        os.dup2(nothing.fileno(), 1)
        os.dup2(errors.fileno(), 2)
    from conformance.cli import main  # not at the top: every run imports this module to look up mutants

    sys.exit(main(arguments))


def _end_with_the_matrix() -> None:
    """Wait until the process that wants the result has ended, and let this one clean up and end."""
    matrix = multiprocessing.parent_process()
    assert matrix is not None
    connection.wait([matrix.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)


def conformance(impl: str, *options: str) -> Trial:
    """Run `pulse conformance` in a process of its own."""
    with temporary("pulse-mutants-") as report:
        arguments = ["--impl", impl, *options, "-n", "0", "--report", str(report), "--results-only"]
        if os.access(_MEMORY, os.W_OK):
            arguments += ["--dir", str(_MEMORY)]
        stderr = report / "stderr.txt"
        code = _finished(arguments, stderr)
        if code is None:
            return Trial(-1, (), finished=False, complaint=f"it did not end within {_SECONDS:g} s")
        last_lines = stderr.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]
        complaint = " ".join(text[:300] for text in last_lines)
        file = report / "results.jsonl"
        if not file.is_file():
            return Trial(code, (), finished=False, complaint=complaint)
        _, results, footer = read_results(file)
        return Trial(code, results, footer is not None, complaint)
