"""``pulse watch`` in a terminal of 80 columns: what it shows, as text and as a drawing."""

from __future__ import annotations

import os
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import pyte
from rich.console import Console
from rich.text import Text

if sys.platform != "win32":
    import pty
    from fcntl import ioctl
    from termios import TIOCSWINSZ

__all__ = ["COLUMNS", "draw", "screen_of"]

COLUMNS, LINES = 80, 40
COLOURS = {"brown": "yellow", "default": ""}


PATIENCE = 120.0
"""How long the first line may take, in seconds: Python starts slowly on a busy machine."""


def screen_of(files: Sequence[Path], seconds: float, stalled_after: float) -> pyte.Screen:
    """The screen of ``pulse watch``, some seconds after it has shown something.

    Args:
        files: what is watched.
        seconds: how long.
        stalled_after: as the option.
    """
    if sys.platform != "win32":
        screen = pyte.Screen(COLUMNS, LINES)
        stream = pyte.ByteStream(screen)
        master, slave = pty.openpty()
        ioctl(slave, TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        options = ["--interval", "0.5", "--stalled-after", str(stalled_after)]
        command = [sys.executable, "-m", "pulse", "watch", *map(str, files), *options]
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(LINES)}
        process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment)
        os.close(slave)
        end, empty = time.monotonic() + PATIENCE, True
        try:
            while (rest := end - time.monotonic()) > 0 and process.poll() is None:
                if select.select([master], [], [], rest)[0]:
                    stream.feed(os.read(master, 65536))
                if empty and any(line.strip() for line in screen.display):
                    end, empty = time.monotonic() + seconds, False
        finally:
            process.send_signal(signal.SIGKILL)  # Ctrl-C would clear what is to be seen
            process.wait()
            os.close(master)
        return screen
    raise OSError("Windows has no such terminals")


def draw(screen: pyte.Screen) -> tuple[str, str]:
    """A screen as text and as an SVG drawing with its colours."""
    console = Console(width=COLUMNS, record=True, file=StringIO(), force_terminal=True)
    lines = [line.rstrip() for line in screen.display]
    last = max((number for number, line in enumerate(lines) if line), default=0)
    for row in range(last + 1):
        text = Text()
        for column in range(COLUMNS):
            cell = screen.buffer[row][column]
            colour = COLOURS.get(cell.fg, cell.fg)
            colour = f"#{colour}" if len(colour) == 6 and all(c in "0123456789abcdef" for c in colour) else colour
            text.append(cell.data, " ".join(filter(None, ["bold" if cell.bold else "", colour])))
        console.print(text, no_wrap=True, end="\n")
    return "\n".join(lines[: last + 1]) + "\n", console.export_svg(title="pulse watch")
