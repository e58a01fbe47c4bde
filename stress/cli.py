"""``pulse stress``: the harness of real disasters. Results are those of the suite (SPEC.md, "Results")."""

from __future__ import annotations

import signal
import sys
import traceback

import click

from conformance.results import Exit
from stress.command import stress
from stress.powercut.command import powercut

__all__ = ["main"]


stress.add_command(powercut)


def main(arguments: list[str]) -> int:
    """Run ``pulse stress`` with these arguments. Returns the exit code."""
    # Being asked to end is like Ctrl-C: everything is cleaned up.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(stress.main(arguments, standalone_mode=False))
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
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
