"""``pulse stress``: the load harness. Its results have the format of the suite's (SPEC.md, "Results")."""

from __future__ import annotations

import math
import signal
import sys
import time
import traceback
from types import FrameType

import click

from conformance.reporting.results import Exit
from conformance.reporting.terminal import print_every_character
from stress.commands.load import stress
from stress.commands.mutants import mutants
from stress.powercut.command import powercut
from stress.suite.command import suite

__all__ = ["main"]

_PRESS_SECONDS = 2.0


stress.add_command(powercut)
stress.add_command(mutants)
stress.add_command(suite)


class _OneInterrupt:
    """Ctrl-C or SIGTERM ends the run once: a second signal right after it would only spoil the summary.

    One press may arrive several times, for example through ``timeout``. A later press counts again.
    """

    def __init__(self) -> None:
        self._last = -math.inf

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        now = time.monotonic()
        if now - self._last > _PRESS_SECONDS:
            self._last = now
            raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    """Run ``pulse stress`` with these arguments. Returns the exit code."""
    print_every_character()
    handler = _OneInterrupt()
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return int(stress.main(arguments, prog_name="pulse stress", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("pulse stress: interrupted; the run did not finish, and there is no verdict", err=True)
        return Exit.INTERRUPTED
    except Exception:  # a crash of the kit must not look like a verdict about the implementation
        traceback.print_exc()
        click.echo("pulse stress: the kit itself failed; this says nothing about the implementation", err=True)
        return Exit.INCONCLUSIVE
    finally:
        for number, handled_by in before.items():
            signal.signal(number, handled_by)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
