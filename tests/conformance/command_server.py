"""``pulse conformance`` for many tests: a process that has imported it once is forked for each command.

To import pytest, Hypothesis and NumPy takes longer than the few cases that such a test asks for. Each line on standard
input is a command in JSON: ``arguments``, ``folder``, ``environment``, and the files for ``stdout`` and ``stderr``. The
line that answers it is the exit code.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import traceback
from typing import Any

from conformance.selfcheck.trials import modules_of_a_run

# What the command imports, also for workers and reports.
MODULES = (*modules_of_a_run(), "coverage", "jinja2", "xdist.plugin", "xdist.dsession")


def serve() -> None:
    """Run the commands, one after the other, until standard input ends."""
    if sys.platform == "win32":
        raise OSError("Windows cannot fork")
    for name in MODULES:
        importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _in_the_child(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _in_the_child(command: dict[str, Any]) -> None:
    """Does not return: runs one command as a process of its own would, and measures it if the environment says so."""
    code = 1
    try:
        for number, path, flags in (
            (0, os.devnull, os.O_RDONLY),
            (1, command["stdout"], os.O_WRONLY),
            (2, command["stderr"], os.O_WRONLY),
        ):
            descriptor = os.open(path, flags)
            os.dup2(descriptor, number)
            os.close(descriptor)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # until the process ends
        os.chdir(command["folder"])
        os.environ.clear()
        os.environ.update(command["environment"])
        code = _run(command["arguments"])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(arguments: list[str]) -> int:
    """The exit code of the command."""
    measured = importlib.import_module("coverage").process_startup(force=True)
    try:
        return int(importlib.import_module("conformance.cli").main(arguments))
    finally:
        if measured is not None:
            measured.stop()
            measured.save()


if __name__ == "__main__":
    serve()
