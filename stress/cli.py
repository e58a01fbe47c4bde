"""``pulse stress``: the load harness. Its results have the format of the suite's (SPEC.md, "Results")."""

from __future__ import annotations

import sys

from conformance.runner.command_line import run_command
from stress.commands.load import stress
from stress.commands.mutants import mutants
from stress.powercut.command import powercut
from stress.suite.command import suite

__all__ = ["main"]

stress.add_command(powercut)
stress.add_command(mutants)
stress.add_command(suite)


def main(arguments: list[str]) -> int:
    """Run ``pulse stress`` with these arguments. Returns the exit code."""
    return run_command(stress, "pulse stress", arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
