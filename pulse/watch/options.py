"""The options of ``pulse watch``. It imports little, because every ``pulse`` command builds all the parsers."""

import argparse
import math
from typing import Any

from pulse.liveness import STALLED_AFTER

__all__ = ["EVENTS", "add_parser"]

EVENTS = ("error", "stalled", "done")
"""The states at which ``--on`` can run a command."""

LONGEST_INTERVAL = 86400.0

DESCRIPTION = """\
Follow training runs: how far they are, how fast, and whether they are alive. The worst run comes first. A terminal
shows a panel; anything else gets a line whenever a file has changed. The panel needs rich (python -m pip install
"pulse-status[watch]"); without it there are --once, --json and --ascii.

The exit code of --once is 0 when every run is idle, running or done, 3 when one is stalled, 4 when one has ended with
an error, 5 when a file holds no valid status; of several files, the largest. That of --exit-when-ended is 0 when every
run is done, or 4. Ctrl-C exits with 130, SIGTERM with 143.

A command of --on is run by the shell, once each time a run becomes done, stalled or an error while it is watched; not
for what was so at the start. Its environment has PULSE_PATH, PULSE_NAME, PULSE_EVENT, PULSE_STATUS, PULSE_EPOCH,
PULSE_TOTAL_EPOCHS, PULSE_LOSS, PULSE_MESSAGE, PULSE_TIMESTAMP, PULSE_PROGRESS and PULSE_UNCHANGED_SECONDS.
"""


def add_parser(commands: Any) -> None:
    """Add the parser of ``pulse watch`` to the sub-parsers of :mod:`argparse`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "watch",
        help="follow status files: a panel, lines or JSON, and commands that are run when a run ends or stalls",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="a status file, which may not exist yet; or a pattern")
    parser.add_argument("--once", action="store_true", help="look once, print a line for each file and exit")
    parser.add_argument("--json", action="store_true", help="print one JSON object per file and poll, each on a line")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII characters; works without rich")
    parser.add_argument(
        "--interval", type=_seconds, default=2.0, metavar="SECONDS", help="time between two polls (default 2)"
    )
    parser.add_argument(
        "--stalled-after",
        type=_seconds_or_never,
        default=STALLED_AFTER,
        metavar="SECONDS",
        help=f"silence of a running job that counts as stalled; inf for never (default {STALLED_AFTER:.0f})",
    )
    parser.add_argument("--exit-when-ended", action="store_true", help="exit when every run is done or has failed")
    parser.add_argument(
        "--on",
        nargs=2,
        action=_On,
        default=[],
        metavar=("EVENT", "COMMAND"),
        help=f"run a shell command when a run becomes EVENT: {', '.join(EVENTS)}; may be repeated",
    )


class _On(argparse.Action):
    """Collects pairs of an event and a command."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: Any = None) -> None:
        event, command = values
        if event not in EVENTS:
            raise argparse.ArgumentError(self, f"the event must be one of {', '.join(EVENTS)}, not {event!r}")
        if not command.strip():
            raise argparse.ArgumentError(self, "the command is empty")
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), (event, command)])


def _seconds(text: str) -> float:
    seconds = _seconds_or_never(text)
    if seconds > LONGEST_INTERVAL:
        raise argparse.ArgumentTypeError(f"it must be at most {LONGEST_INTERVAL:.0f} seconds, not {text}")
    return seconds


def _seconds_or_never(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds > 0.0:
        raise argparse.ArgumentTypeError(f"it must be a number of seconds above 0, not {text!r}")
    return seconds
