"""The command line of ``pulse panel``. The server and what it needs are imported only when it starts."""

import argparse
import os
from collections.abc import Callable

from pulse._streams import complain
from pulse.liveness import STALLED_AFTER
from pulse.panel.allowed import host_name, origin

__all__ = ["INSTALL", "add_parser", "run"]

INSTALL = "python -m pip install 'pulse-status[panel]'"

DESCRIPTION = """\
Show status files in the browser, live: open the address that is printed. Ctrl-C ends it.

FILE is one status file, which need not exist yet. FOLDER stands for its *.json files that
are status files, and GLOB for the files that match, such as 'runs/*/status.json': quote it,
so that it is the panel that finds them. New files appear by themselves.
"""

EPILOG = """\
served: / (the page), /api/status (JSON), /api/stream (server-sent events), /metrics (Prometheus)

Without --host only programs of this machine can connect. With another host a token is needed: the address that is
printed has it, and scripts send it as "Authorization: Bearer TOKEN". It is a new one at each start, unless the
environment variable PULSE_PANEL_TOKEN has one (at least 16 characters), which then is needed on loopback, too.
Traffic is not encrypted: over a network you do not trust, use ssh -L 8765:127.0.0.1:8765 HOST.

exit code: 0 ended by Ctrl-C or SIGTERM, 1 the address cannot be used, 2 usage, or the extra is not installed
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``panel`` to the commands of ``pulse``."""
    panel = commands.add_parser(
        "panel",
        help="show status files in the browser, live",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    panel.add_argument("sources", nargs="+", metavar="FILE|FOLDER|GLOB", help="what to show")
    panel.add_argument("--port", type=_port, default=8765, help="the port; 0: a free one (default 8765)")
    panel.add_argument("--host", default="127.0.0.1", help="the address to listen on (default 127.0.0.1)")
    panel.add_argument(
        "--interval", type=_seconds, default=2.0, metavar="SECONDS", help="between two polls (default 2)"
    )
    panel.add_argument(
        "--stalled-after",
        type=_seconds,
        default=STALLED_AFTER,
        metavar="SECONDS",
        help=f"the silence after which a running job counts as stalled (default {STALLED_AFTER:.0f})",
    )
    panel.add_argument(
        "--limit",
        type=_count,
        default=500,
        metavar="N",
        help="show at most so many files, the most recently modified ones (default 500)",
    )
    panel.add_argument(
        "--connections",
        type=_count,
        default=500,
        metavar="N",
        help="serve at most so many connections at a time; the others get a 503 (default 500)",
    )
    panel.add_argument(
        "--allow-host",
        type=_said_by(host_name),
        action="append",
        default=[],
        metavar="NAME",
        help="answer under this name, too, such as that of a proxy; may be repeated",
    )
    panel.add_argument(
        "--allow-origin",
        type=_said_by(origin),
        action="append",
        default=[],
        metavar="ORIGIN",
        help="let pages of this origin read the answers, such as http://localhost:5173; may be repeated",
    )


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C.

    Returns:
        The exit code: 0 ended, 2 something is not installed, or the token is too short.

    Raises:
        OSError: the address cannot be used; the message says what to do.
    """
    token = os.environ.get("PULSE_PANEL_TOKEN") or None
    if token is not None and (len(token) < 16 or not token.isascii() or not token.isprintable() or " " in token):
        complain("pulse panel: PULSE_PANEL_TOKEN must have at least 16 ASCII characters, and no spaces")
        return 2
    try:
        from pulse.panel.server import Settings, serve
        from pulse.panel.sources import source_of
    except ImportError as error:
        complain(f"pulse panel: {error}. Install what it needs: {INSTALL}")
        return 2
    settings = Settings(
        sources=tuple(map(source_of, options.sources)),
        host=options.host,
        port=options.port,
        interval=options.interval,
        stalled_after=options.stalled_after,
        limit=options.limit,
        connections=options.connections,
        token=token,
        allow_hosts=tuple(options.allow_host),
        allow_origins=tuple(options.allow_origin),
    )
    serve(settings, _announce)
    return 0


def _announce(address: str) -> None:
    print(f"pulse panel: {address}\nCtrl-C ends it.", flush=True)


def _said_by(parse: Callable[[str], str]) -> Callable[[str], str]:
    """A type for ``argparse``, which shows the message of its own errors only."""

    def parsed(text: str) -> str:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parsed


def _port(text: str) -> int:
    return int(_within(text, 0, 65535, whole=True))


def _count(text: str) -> int:
    return int(_within(text, 1, 1_000_000, whole=True))


def _seconds(text: str) -> float:
    return _within(text, 0.1, 1e9, whole=False)


def _within(text: str, least: float, most: float, *, whole: bool) -> float:
    """A number of the command line. Raises ``argparse.ArgumentTypeError`` when it is not from ``least`` to ``most``."""
    try:
        number = float(int(text)) if whole else float(text)
    except (OverflowError, ValueError):
        number = -1.0
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no {'whole ' * whole}number from {least:g} to {most:,.0f}")
    return number
