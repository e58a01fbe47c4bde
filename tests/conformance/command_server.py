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
import pkgutil
import sys
import traceback
from typing import Any

from _pytest.config import default_plugins

from conformance import suite

# What the command imports, and what pytest and it import only when they are asked for it. The settings of Hypothesis
# come first: a test of the suite takes those that hold when it is imported.
MODULES = (
    *("conformance.selfcheck.preloaded", "conformance.cli", "conformance.runner.pytest_plugin"),
    *("coverage", "jinja2", "pytest_timeout", "xdist.plugin", "xdist.dsession", "_hypothesis_pytestplugin"),
    *("conformance.suite.support.fixtures", *(f"_pytest.{plugin}" for plugin in default_plugins)),
    *(f"{suite.__name__}.{module.name}" for module in pkgutil.iter_modules(suite.__path__)),
)


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
